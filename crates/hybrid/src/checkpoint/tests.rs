use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::steps::Disk;
use super::*;
use crate::config::Mode;

const LAST_ONE: Keep = Keep { last: 1, best: None };

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Two files, one of them in a folder, that say which save they are of.
fn parts(mark: u8) -> impl FnMut(&Path) -> Result<(), PartsError> {
    move |folder| {
        fs::write(folder.join("model.bin"), vec![mark; 5000])?;
        fs::create_dir(folder.join("critic"))?;
        fs::write(folder.join("critic/state.json"), format!("{{\"mark\": {mark}}}"))?;
        Ok(())
    }
}

/// The mark of a whole checkpoint.
fn mark(path: &Path) -> u8 {
    let model = fs::read(path.join("model.bin")).expect("the first file");
    let state = fs::read_to_string(path.join("critic/state.json")).expect("the second file");
    let mark = *model.first().expect("bytes");
    assert_eq!(model, vec![mark; 5000]);
    assert_eq!(state, format!("{{\"mark\": {mark}}}"));
    mark
}

fn save(run_dir: &Path, step: u64, mark: u8) -> PathBuf {
    let mut writer = Writer::open(run_dir, LAST_ONE).expect("a writer");
    writer.save(step, None, &mut parts(mark)).expect("a checkpoint")
}

fn names(run_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(run_dir.join(FOLDER)).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("UTF-8")
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

fn message(error: &CheckpointError, folder: &Path) -> String {
    error.to_string().replace(&folder.display().to_string(), "DIR")
}

#[test]
fn a_checkpoint_comes_back_as_it_was_saved() {
    let run = folder();
    let path = save(run.path(), 12, 7);
    assert_eq!(path, path_of(run.path(), 12));
    let found = newest_complete(run.path()).expect("a checkpoint");
    assert_eq!((found.path.as_path(), found.manifest.step), (path.as_path(), 12));
    assert!(found.skipped.is_empty());
    assert_eq!(mark(&path), 7);
    assert_eq!(verify(&path).expect("whole"), found.manifest);
    let files: Vec<&String> = found.manifest.files.keys().collect();
    assert_eq!(files, ["critic/state.json", "model.bin"]);
    // `printf '{"mark": 7}' | sha256sum`.
    let entry = found.manifest.files.get("critic/state.json").expect("listed");
    assert_eq!(entry.size, 11);
    assert_eq!(entry.sha256, "f497e62fdc7c2fd0bf9b8e687ddea230991398479e567a684908c927ed3518eb");
}

/// Runs `work` with a disk that ends the program before change number `kill`; true where it got to
/// the end.
fn survives(kill: usize, work: impl FnOnce(Disk, &dyn Fn())) -> bool {
    let left = Arc::new(AtomicUsize::new(kill));
    let tick = move || {
        let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if before.is_err() {
            resume_unwind(Box::new("killed"));
        }
    };
    let hook = {
        let tick = tick.clone();
        move |_: &'static str, _: &Path| tick()
    };
    catch_unwind(AssertUnwindSafe(|| work(Disk::with_hook(hook), &tick))).is_ok()
}

/// Saves step `step`, and may be killed between and inside the files, too.
fn save_until_killed(run_dir: &Path, step: u64, new: u8, kill: usize) -> bool {
    survives(kill, |disk, tick| {
        let mut writer = Writer::with_disk(run_dir, LAST_ONE, disk).expect("a writer");
        let mut fill = |folder: &Path| {
            tick();
            fs::write(folder.join("model.bin"), [new; 10])?;
            tick();
            fs::remove_file(folder.join("model.bin"))?;
            parts(new)(folder)?;
            tick();
            Ok(())
        };
        writer.save(step, None, &mut fill).expect("a checkpoint");
    })
}

#[test]
fn a_kill_at_any_change_leaves_the_old_set_or_the_new_one() {
    let mut kill = 0;
    let mut outcomes = [0, 0];
    loop {
        let run = folder();
        save(run.path(), 1, 1);
        let done = save_until_killed(run.path(), 2, 2, kill);
        let found = newest_complete(run.path()).expect("a checkpoint");
        assert!(found.skipped.is_empty(), "kill {kill}: {:?}", found.skipped);
        assert_eq!(u64::from(mark(&found.path)), found.manifest.step);
        *outcomes.get_mut(usize::from(mark(&found.path)) - 1).expect("1 or 2") += 1;
        // The next run cleans up and goes on, even if it is killed while it does.
        for kill in 0.. {
            let survived = save_until_killed(run.path(), 3, 3, kill);
            let found = newest_complete(run.path()).expect("a checkpoint");
            assert_eq!(u64::from(mark(&found.path)), found.manifest.step);
            if survived {
                break;
            }
        }
        assert_eq!(names(run.path()), ["step-3"]);
        if done {
            break;
        }
        kill += 1;
    }
    // Both happen, and there was a kill at each of many places.
    assert!(outcomes.iter().all(|count| *count > 1) && kill > 12, "{outcomes:?} {kill}");
}

#[test]
fn a_kill_while_a_step_is_replaced_leaves_one_of_the_two() {
    let mut kill = 0;
    loop {
        let run = folder();
        save(run.path(), 5, 1);
        let done = save_until_killed(run.path(), 5, 2, kill);
        let found = newest_complete(run.path()).expect("a checkpoint");
        assert_eq!(found.manifest.step, 5);
        let before = mark(&found.path);
        // Cleaning up does not change which one it is.
        Writer::open(run.path(), LAST_ONE).expect("a writer");
        let found = newest_complete(run.path()).expect("a checkpoint");
        assert_eq!(mark(&found.path), before, "kill {kill}");
        assert_eq!(names(run.path()), ["step-5"]);
        if done {
            assert_eq!(before, 2);
            break;
        }
        kill += 1;
    }
    assert!(kill > 12, "{kill}");
}

#[test]
fn everything_is_on_the_disk_before_it_gets_its_name() {
    let run = folder();
    let log = Arc::new(Mutex::new(Vec::new()));
    let disk = {
        let log = log.clone();
        Disk::with_hook(move |action, path| {
            let name = path.file_name().expect("a name").to_str().expect("UTF-8");
            let name = name.split(".tmp-").next().expect("a name");
            log.lock().expect("the log").push(format!("{action} {name}"));
        })
    };
    let mut writer = Writer::with_disk(run.path(), LAST_ONE, disk).expect("a writer");
    writer.save(3, None, &mut parts(1)).expect("a checkpoint");
    let expected = [
        "create checkpoints",
        "create step-3",
        "flush state.json",
        "flush critic",
        "flush model.bin",
        "flush step-3",
        "write manifest.json",
        "flush manifest.json",
        "flush step-3",
        "rename step-3",
        "flush checkpoints",
    ];
    assert_eq!(*log.lock().expect("the log"), expected);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_named() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 8] = [
        ("a file cut off", |path| fs::write(path.join("model.bin"), [2; 4999]).expect("a file")),
        ("a bit turned", |path| {
            let mut bytes = vec![2; 5000];
            bytes[4000] = 3;
            fs::write(path.join("model.bin"), bytes).expect("a file");
        }),
        ("a file gone", |path| fs::remove_file(path.join("critic/state.json")).expect("a file")),
        ("a folder in its place", |path| {
            fs::remove_file(path.join("model.bin")).expect("a file");
            fs::create_dir(path.join("model.bin")).expect("a folder");
        }),
        ("no manifest", |path| fs::remove_file(path.join(MANIFEST)).expect("a file")),
        ("half a manifest", |path| edit(path, |text| text[..text.len() / 2].to_owned())),
        ("another step's manifest", |path| edit(path, |text| text.replace(": 2,", ": 9,"))),
        ("a name outside", |path| edit(path, |text| text.replace("critic/", "../"))),
    ];
    let mut said = Vec::new();
    for (what, damage) in damages {
        let run = folder();
        let keep = Keep { last: 2, best: None };
        let mut writer = Writer::open(run.path(), keep).expect("a writer");
        writer.save(1, None, &mut parts(1)).expect("a checkpoint");
        let newest = writer.save(2, None, &mut parts(2)).expect("a checkpoint");
        damage(&newest);
        let error = verify(&newest).expect_err(what);
        assert!(error.is_bad_input(), "{what}");
        let found = newest_complete(run.path()).expect(what);
        assert_eq!((found.manifest.step, mark(&found.path)), (1, 1), "{what}");
        assert_eq!(found.skipped, [error.to_string()]);
        said.push(format!("{what}: {}", message(&error, run.path())));
        // Going on keeps the one that is whole until a new one is.
        writer.save(3, None, &mut parts(3)).expect("a checkpoint");
        assert_eq!(newest_complete(run.path()).expect(what).manifest.step, 3);
    }
    insta::assert_snapshot!(said.join("\n"), @"
a file cut off: the checkpoint `DIR/checkpoints/step-2/model.bin` is damaged: it has 4999 bytes, the manifest says 5000
a bit turned: the checkpoint `DIR/checkpoints/step-2/model.bin` is damaged: its SHA-256 is 5b26cd3aa477463f57b5d4f4789f5b5d86d8d289d8c45a3b56f0f528278f5f3a, the manifest says 45bae0c3cdde94deda61c87bcd7297c1f3cab0c3866478fcce2b05f681874429
a file gone: the checkpoint `DIR/checkpoints/step-2/critic/state.json` is damaged: the file is missing
a folder in its place: the checkpoint `DIR/checkpoints/step-2/model.bin` is damaged: it is no file
no manifest: the checkpoint `DIR/checkpoints/step-2` is damaged: it has no `manifest.json`, so it was never finished
half a manifest: the checkpoint `DIR/checkpoints/step-2/manifest.json` is damaged: EOF while parsing a string at line 8 column 55
another step's manifest: the checkpoint `DIR/checkpoints/step-2` is damaged: its manifest is of step 9
a name outside: the checkpoint `DIR/checkpoints/step-2/manifest.json` is damaged: it lists `../state.json`, which is outside the checkpoint
");
}

fn edit(path: &Path, change: impl Fn(&str) -> String) {
    let path = path.join(MANIFEST);
    let text = fs::read_to_string(&path).expect("a manifest");
    let changed = change(&text);
    assert_ne!(changed, text);
    fs::write(path, changed).expect("a file");
}

#[test]
fn another_format_is_refused_by_its_version() {
    let run = folder();
    let path = save(run.path(), 1, 1);
    edit(&path, |text| text.replace("\"format_version\": 1", "\"format_version\": 2, \"new\": 0"));
    let error = verify(&path).expect_err("another version");
    assert!(error.is_bad_input());
    insta::assert_snapshot!(message(&error, run.path()), @"the checkpoint `DIR/checkpoints/step-1` has format version 2, and this program reads version 1; use the program that wrote it");
}

#[test]
fn a_run_without_a_whole_checkpoint_says_so() {
    let run = folder();
    let error = newest_complete(run.path()).expect_err("nothing");
    assert!(error.is_bad_input());
    insta::assert_snapshot!(message(&error, run.path()), @"`DIR` has no complete checkpoint: nothing was saved yet; start the run anew");
    let path = save(run.path(), 1, 1);
    fs::remove_file(path.join(MANIFEST)).expect("a file");
    let error = newest_complete(run.path()).expect_err("nothing whole");
    insta::assert_snapshot!(message(&error, run.path()), @"`DIR` has no complete checkpoint; those that are there cannot be used: the checkpoint `DIR/checkpoints/step-1` is damaged: it has no `manifest.json`, so it was never finished");
}

#[test]
fn steps_are_ordered_as_numbers() {
    let run = folder();
    let mut writer = Writer::open(run.path(), Keep { last: 9, best: None }).expect("a writer");
    for step in [2, 10, 9] {
        writer.save(step, None, &mut parts(1)).expect("a checkpoint");
    }
    for stranger in ["step-011", "step-+12", "step-", "step-99x", "notes"] {
        fs::create_dir(run.path().join(FOLDER).join(stranger)).expect("a folder");
    }
    assert_eq!(newest_complete(run.path()).expect("a checkpoint").manifest.step, 10);
}

/// Saves steps 1, 2, … with the given metrics and returns the steps that are left.
fn left(keep: Keep, metrics: &[Option<f64>]) -> Vec<String> {
    let run = folder();
    let mut writer = Writer::open(run.path(), keep).expect("a writer");
    for (step, metric) in (1..).zip(metrics) {
        writer.save(step, *metric, &mut parts(1)).expect("a checkpoint");
    }
    names(run.path())
}

#[test]
fn the_newest_and_the_best_are_kept() {
    let metrics = [Some(0.1), Some(0.9), Some(0.3), Some(0.9), Some(0.2), Some(0.4)];
    assert_eq!(left(Keep { last: 2, best: None }, &metrics), ["step-5", "step-6"]);
    assert_eq!(left(Keep { last: 0, best: None }, &metrics), ["step-6"]);
    let best = |mode| Keep { last: 2, best: Some(mode) };
    assert_eq!(left(best(Mode::Max), &metrics), ["step-2", "step-5", "step-6"]);
    assert_eq!(left(best(Mode::Min), &metrics), ["step-1", "step-5", "step-6"]);
    // What was not measured, or is no number, is never the best.
    let holes = [None, Some(f64::NAN), Some(-1.0), Some(f64::INFINITY), None];
    assert_eq!(left(Keep { last: 1, best: Some(Mode::Max) }, &holes), ["step-3", "step-5"]);
}

#[test]
fn a_failing_part_leaves_what_was_there() {
    let run = folder();
    save(run.path(), 1, 1);
    let mut writer = Writer::open(run.path(), LAST_ONE).expect("a writer");
    let mut full_disk = |folder: &Path| -> Result<(), PartsError> {
        fs::write(folder.join("model.bin"), [2; 10])?;
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
    };
    let error = writer.save(2, None, &mut full_disk).expect_err("a full disk");
    assert!(!error.is_bad_input());
    insta::assert_snapshot!(error, @"the checkpoint of step 2 could not be written; the ones before it are untouched");
    assert_eq!(names(run.path()), ["step-1"]);
    assert_eq!(mark(&newest_complete(run.path()).expect("a checkpoint").path), 1);
    let mut taken =
        |folder: &Path| -> Result<(), PartsError> { Ok(fs::write(folder.join(MANIFEST), "mine")?) };
    let error = writer.save(2, None, &mut taken).expect_err("a taken name");
    assert!(error.to_string().contains("belongs to the checkpoint itself"));
    // A folder that cannot be written to.
    let blocked = folder();
    fs::write(blocked.path().join(FOLDER), "a file").expect("a file");
    let error = Writer::open(blocked.path(), LAST_ONE).expect_err("no folder");
    assert!(!error.is_bad_input());
    assert_eq!(message(&error, blocked.path()), "cannot create `DIR/checkpoints`");
}

fn tensors() -> BTreeMap<String, SavedTensor> {
    let values = [0.1, -0.0, f32::NAN, f32::NEG_INFINITY, f32::from_bits(1), f32::MAX];
    let tensor = |shape: &[usize], data| SavedTensor { shape: shape.to_vec(), data };
    [
        ("exp_avg/decoder.head", tensor(&[2, 3], SavedData::F32(values.to_vec()))),
        ("state/é", tensor(&[5], SavedData::U8(vec![0, 1, 127, 128, 255]))),
        ("scalar", tensor(&[], SavedData::F32(vec![2.5]))),
        ("none", tensor(&[0, 4], SavedData::F32(Vec::new()))),
    ]
    .map(|(name, tensor)| (name.to_owned(), tensor))
    .into()
}

/// With the bits of every float, so that NaN equals itself and −0 is not 0.
fn bits(tensors: &BTreeMap<String, SavedTensor>) -> Vec<(String, Vec<usize>, Vec<u32>)> {
    let of = |data: &SavedData| match data {
        SavedData::F32(values) => values.iter().map(|value| value.to_bits()).collect(),
        SavedData::U8(values) => values.iter().map(|value| u32::from(*value)).collect(),
    };
    let entry = |(name, tensor): (&String, &SavedTensor)| {
        (name.clone(), tensor.shape.clone(), of(&tensor.data))
    };
    tensors.iter().map(entry).collect()
}

#[test]
fn tensors_come_back_bit_for_bit() {
    let run = folder();
    let path = run.path().join("state.safetensors");
    write_tensors(&path, &tensors()).expect("a file");
    assert_eq!(bits(&read_tensors(&path).expect("tensors")), bits(&tensors()));
    let whole = fs::read(&path).expect("a file");
    write_tensors(&path, &read_tensors(&path).expect("tensors")).expect("a file");
    assert_eq!(fs::read(&path).expect("a file"), whole);
    write_tensors(&path, &BTreeMap::new()).expect("a file");
    assert!(read_tensors(&path).expect("no tensors").is_empty());
}

#[test]
fn damaged_tensor_files_are_named() {
    let run = folder();
    let path = run.path().join("state.safetensors");
    write_tensors(&path, &tensors()).expect("a file");
    let whole = fs::read(&path).expect("a file");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("a file");
        let error = read_tensors(&path).expect_err("a file cut off");
        assert!(error.is_bad_input(), "{length}: {error}");
    }
    for place in 0..whole.len() - 64 {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x41;
        fs::write(&path, bytes).expect("a file");
        if let Err(error) = read_tensors(&path) {
            assert!(error.is_bad_input(), "{place}: {error}");
        }
    }
    fs::write(&path, [whole, vec![0]].concat()).expect("a file");
    assert!(read_tensors(&path).expect_err("a byte too many").is_bad_input());
    let wrong = SavedTensor { shape: vec![3], data: SavedData::F32(vec![1.0]) };
    write_tensors(&path, &[("a".to_owned(), wrong)].into()).expect_err("a wrong shape");
    assert!(!read_tensors(&run.path().join("none")).expect_err("no file").to_string().is_empty());
}
