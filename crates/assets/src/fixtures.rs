//! What the tests of this crate share: a small catalogue, its wheel, a stand-in for pip.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{Catalogue, HubOptions, Options, Progress, Store};

pub(crate) const TABLE: &[u8] = b"one,two\n1,2\n";
pub(crate) const OBJECT: &[u8] = b"{\"x\": 1}\n";

/// `text()` through Python's `gzip.compress(text, mtime=0)`.
pub(crate) const TEXT_GZ: [u8; 41] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 115, 84, 200, 201, 204, 75, 85, 200, 79, 83, 40, 73, 173, 40,
    209, 227, 114, 28, 229, 147, 196, 7, 0, 71, 64, 103, 30, 64, 1, 0, 0,
];

pub(crate) fn text() -> String {
    "A line of text.\n".repeat(20)
}

// The hashes are those of `sha256sum`.
const CATALOGUE: &str = r#"
    [[asset]]
    name = "tiny-table"
    kind = "data"
    about = "a table"
    licence = "MIT"
    package = "tiny==1.0"
    wheel_size = 4000
    [[asset.file]]
    member = "tiny/table.csv"
    sha256 = "1fbd8a4796cc8f79b703c5567182ab8daa475f9b5f14b4ded52545364f77da4f"
    size = 12
    split = "train"

    [[asset]]
    name = "tiny-model"
    kind = "model"
    about = "several files, one of them packed, one in a folder"
    licence = "MIT"
    package = "tiny==1.0"
    wheel_size = 4000
    [[asset.file]]
    member = "tiny/a/config.json"
    path = "sub/config.json"
    sha256 = "936353965b4ba9180e3acb781d81aa634390ac95fd2874a9cbc4c4846b49fbd4"
    size = 9
    [[asset.file]]
    member = "tiny/text.gz"
    path = "text.txt"
    sha256 = "f01a5732b213065c0b1c5ef0ca698447a4ed5c228b1dc7cb4cb2c4a6659fa38d"
    size = 41
    unpacked = { sha256 = "9c44fbe45f7a91e790e36314b5ad5ec8233e17e2024a630b5b83e651a18566a9", size = 320 }

    [[view]]
    name = "tiny-rows"
    of = "tiny-table"
    about = "the table, seen otherwise"
    rows = { one = "1" }
    prompt_words = 2
"#;

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::parse(CATALOGUE).unwrap()
}

/// The members of the right wheel.
pub(crate) const MEMBERS: [(&str, &[u8]); 4] = [
    ("tiny/__init__.py", b"raise SystemExit('never run')\n"),
    ("tiny/table.csv", TABLE),
    ("tiny/a/config.json", OBJECT),
    ("tiny/text.gz", &TEXT_GZ),
];

pub(crate) fn write_wheel(path: &Path, members: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, content) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

/// The right wheel with one member replaced.
pub(crate) fn write_wheel_with(path: &Path, member: &str, content: &[u8]) {
    let members = MEMBERS.map(|(name, right)| (name, if name == member { content } else { right }));
    write_wheel(path, &members);
}

/// A cache directory and a search path with the stand-in for pip, both empty at first.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(place.bin()).unwrap();
        place
    }

    /// A place where `pip` delivers the right wheel.
    pub(crate) fn with_pip() -> Self {
        let place = Self::new();
        place.link_pip("pip");
        place.set_mode("ok");
        write_wheel(&place.wheel(), &MEMBERS);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// What pip delivers.
    pub(crate) fn wheel(&self) -> PathBuf {
        self.bin().join("file.whl")
    }

    pub(crate) fn set_mode(&self, mode: &str) {
        fs::write(self.bin().join("mode"), format!("{mode}\n")).unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn link_pip(&self, name: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fake-pip.sh");
        std::os::unix::fs::symlink(script, self.bin().join(name)).unwrap();
    }

    /// The downloads that pip was asked for.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.bin().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            home: self.home(),
            search_path: self.bin().into(),
            hub: HubOptions {
                cache: self.path().join("hub-cache"),
                endpoint: "http://127.0.0.1:9".to_owned(),
                token: None,
                token_file: self.path().join("token"),
                offline: false,
                attempts: 3,
                backoff: Duration::from_millis(5),
            },
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::with_catalogue(self.options(), catalogue())
    }

    /// Every file below the cache directory, relative to it and sorted.
    pub(crate) fn cached(&self) -> Vec<String> {
        fn walk(folder: &Path, prefix: &str, into: &mut Vec<String>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = format!("{prefix}{}", entry.file_name().display());
                match entry.file_type().unwrap().is_dir() {
                    true => walk(&entry.path(), &format!("{name}/"), into),
                    false => into.push(name),
                }
            }
        }
        let mut files = Vec::new();
        walk(&self.home(), "", &mut files);
        files.sort();
        files
    }
}

/// Writes down what it is told.
#[derive(Default)]
pub(crate) struct Log(RefCell<Vec<String>>);

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

impl Progress for Log {
    fn start(&self, what: &str, total: Option<u64>) {
        self.0.borrow_mut().push(format!("{what}: {total:?}"));
    }

    fn advance(&self, bytes: u64) {
        if bytes > 0 {
            self.0.borrow_mut().push(format!("+{bytes}"));
        }
    }

    fn finish(&self) {
        self.0.borrow_mut().push("done".to_owned());
    }
}
