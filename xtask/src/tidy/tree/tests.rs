use super::*;

fn file(path: &str, text: &str) -> TrackedFile {
    TrackedFile::new(path.to_owned(), text.as_bytes().to_vec())
}

fn sized(path: &str, size: usize) -> TrackedFile {
    TrackedFile::new(path.to_owned(), vec![b'a'; size])
}

#[test]
fn a_large_file_is_refused_except_where_fixtures_live() {
    assert!(check(&[sized("docs/a.md", MAX_FILE)]).is_empty());
    assert_eq!(check(&[sized("docs/a.md", MAX_FILE + 1)])[0].path, "docs/a.md");
    assert!(check(&[sized("golden/a.json", MAX_FILE + 1)]).is_empty());
    assert!(check(&[sized("Cargo.lock", MAX_FILE + 1)]).is_empty());
}

#[test]
fn fixtures_are_limited_in_all() {
    let half = MAX_GOLDEN / 2;
    assert!(check(&[sized("golden/a", half), sized("golden/b", half)]).is_empty());
    let found = check(&[sized("golden/a", half), sized("golden/b", half + 1)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "golden/");
}

#[track_caller]
fn check_line(path: &str, line: &str, found: bool) {
    let findings = check(&[file(path, &format!("first\n{line}\n"))]);
    assert_eq!(!findings.is_empty(), found, "{line:?} in {path}: {findings:?}");
    assert!(findings.iter().all(|finding| finding.line == Some(2)));
}

#[test]
fn absolute_paths_of_one_machine_are_found() {
    let folder = format!("/ho{}", "me/someone/model");
    check_line("README.md", &format!("cd {folder}"), true);
    check_line("README.md", &folder, true);
    check_line("README.md", &format!("file \"{folder}\""), true);
    check_line("README.md", &format!("docs{folder}"), false);
    check_line("README.md", &format!("~{folder}"), false);
    check_line("README.md", &format!("https://example.com{folder}"), false);
}

#[test]
fn tests_may_name_a_file_that_is_not_there() {
    let line = format!("open(\"/t{}\")", "mp/nothing");
    check_line("crates/data/src/read/tests.rs", &line, false);
    check_line("crates/cli/tests/generate.rs", &line, false);
    check_line("crates/data/src/read.rs", &line, true);
}

#[test]
fn binary_files_have_no_lines() {
    let binary = TrackedFile::new("golden/a.bin".to_owned(), vec![0xff, 0xfe, 0]);
    assert!(check(&[binary]).is_empty());
}
