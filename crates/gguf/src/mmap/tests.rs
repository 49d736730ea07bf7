use std::io::ErrorKind;

use super::MappedFile;

#[test]
fn a_file_reads_as_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.bin");
    std::fs::write(&path, [1, 2, 3]).unwrap();
    assert_eq!(&*MappedFile::open(&path).unwrap(), &[1, 2, 3]);
}

#[test]
fn an_empty_file_is_an_empty_slice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    std::fs::write(&path, []).unwrap();
    assert!(MappedFile::open(&path).unwrap().is_empty());
}

#[test]
fn folders_and_missing_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let error = MappedFile::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = MappedFile::open(&folder.path().join("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
