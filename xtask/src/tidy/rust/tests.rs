use super::*;

fn file(path: &str, text: &str) -> TrackedFile {
    TrackedFile::new(path.to_owned(), text.as_bytes().to_vec())
}

/// Checks one file and holds what was found, as `line: start of the message`, against `expected`.
#[track_caller]
fn check_file(path: &str, text: &str, expected: &[(usize, &str)]) {
    let findings = check(&[file(path, text)]);
    assert_eq!(findings.len(), expected.len(), "{findings:#?}");
    for (finding, (line, part)) in findings.iter().zip(expected) {
        assert_eq!(finding.line.unwrap_or(0), *line, "{finding}");
        assert!(finding.message.contains(part), "{finding}");
    }
}

#[test]
fn a_file_begins_with_a_sentence() {
    check_file("crates/a/src/lib.rs", "//! What it is.\nfn f() {}\n", &[]);
    check_file("crates/a/src/lib.rs", "fn f() {}\n", &[(1, "does not start")]);
    check_file("crates/a/src/lib.rs", "//!\nfn f() {}\n", &[(1, "does not start")]);
    check_file("crates/a/src/lib.rs", "", &[(1, "does not start")]);
    check_file("crates/a/src/lib/tests.rs", "use super::*;\n", &[]);
    check_file("crates/a/src/my_tests.rs", "use super::*;\n", &[(1, "does not start")]);
}

#[test]
fn a_long_file_needs_a_reason() {
    let fits = format!("//! Long.\n{}", "fn f() {}\n".repeat(MAX_LINES - 1));
    check_file("crates/a/src/lib.rs", &fits, &[]);
    check_file("crates/a/src/lib.rs", &format!("{fits}\n"), &[(0, "has 601 lines")]);
    check_file("reference/a.py", &"x = 1\n".repeat(MAX_LINES + 1), &[(0, "has 601 lines")]);
}

#[test]
fn unfinished_code_is_found_in_code_only() {
    let text = "//! A.\n#[ignore = \"slow\"]\nfn f() { todo!{} }\nfn g() { unimplemented!{} }\n";
    let expected = [(2, "#[ignore"), (3, "finish it"), (4, "finish it")];
    check_file("crates/a/src/lib.rs", text, &expected);
    check_file("crates/a/src/lib.rs", "//! A todo! list.\nconst A: &str = \"todo!\";\n", &[]);
}

#[test]
fn unsafe_code_is_permitted_in_the_listed_places_only() {
    let text = "//! A.\n#[expect(\n    unsafe_code,\n    reason = \"a map\"\n)]\nfn f() {}\n";
    check_file("crates/data/src/lib.rs", text, &[(3, "permits unsafe code")]);
    check_file("crates/gguf/src/mmap.rs", text, &[]);
    check_file("crates/gguf/src/mmap.rs.rs", text, &[(3, "permits unsafe code")]);
    check_file("crates/kernels/src/gemm.rs", text, &[]);
    check_file("crates/data/src/lib.rs", "//! A.\nfn unsafe_code_is_named() {}\n", &[]);
    assert_eq!(unsafe_lines(&file("crates/gguf/src/mmap.rs", text)), [3]);
    assert!(unsafe_lines(&file("notes.md", text)).is_empty());
}

#[test]
fn only_the_program_and_the_tests_name_a_backend() {
    let text = "//! A.\nfn f() { g(&Device::flex()); }\n";
    check_file("crates/model/src/lib.rs", text, &[(2, "names a backend")]);
    check_file("crates/model/src/ops/tests.rs", text, &[]);
    check_file("crates/model/tests/families.rs", text, &[]);
    check_file("crates/model/benches/generate.rs", text, &[]);
    check_file("crates/cli/src/device.rs", text, &[]);
}
