use super::*;

#[test]
fn only_an_exact_burn_is_pinned() {
    assert!(is_pinned("burn", "=0.22.1"));
    assert!(!is_pinned("burn", "^0.22.1"));
    assert!(!is_pinned("burn-store", "~0.22"));
    assert!(is_pinned("burnish", "^1"), "only burn itself and `burn-…` are meant");
    assert!(is_pinned("serde", "^1"));
}

#[test]
fn lints_count_only_under_their_own_heading() {
    let inherits = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n";
    assert_eq!(foreign_lints("a/Cargo.toml", inherits), None);
    let elsewhere = "[lints]\n[dependencies]\nworkspace = true\n";
    assert!(foreign_lints("a/Cargo.toml", elsewhere).is_some());
    assert!(foreign_lints("a/Cargo.toml", "").is_some());
}

#[test]
fn a_row_missing_from_the_page_is_named() {
    assert_eq!(stale_table(&arrows::markdown()), None);
    let table = arrows::markdown();
    let page: String = table.lines().filter(|row| !row.contains("| `ppo` |")).collect();
    assert!(stale_table(&page).is_some());
    let page = table.replace("| `data` | `gguf` |", "| `data` | none |");
    assert!(stale_table(&page).unwrap().message.ends_with("| `data` | `gguf` |"));
}

/// A workspace of two crates as `cargo metadata` describes it: `hybrid-data → middle → burn-core`.
fn metadata(kind: &str) -> Metadata {
    let id = |name: &str| format!("path+file:///w/{name}#{name}@0.1.0");
    let package = |name: &str, needs: &[&str]| {
        let dependencies: Vec<serde_json::Value> = needs
            .iter()
            .map(|need| {
                serde_json::json!({
                    "name": need, "req": "^0.1", "kind": null, "optional": false,
                    "uses_default_features": true, "features": [], "source": null
                })
            })
            .collect();
        serde_json::json!({
            "name": name, "version": "0.1.0", "id": id(name), "dependencies": dependencies,
            "targets": [], "features": {}, "manifest_path": format!("/w/{name}/Cargo.toml"),
            "edition": "2024"
        })
    };
    let dep = |name: &str, kind: serde_json::Value| {
        serde_json::json!({
            "name": name, "pkg": id(name), "dep_kinds": [{ "kind": kind, "target": null }]
        })
    };
    let node = |name: &str, deps: Vec<serde_json::Value>| serde_json::json!({ "id": id(name), "deps": deps, "dependencies": [], "features": [] });
    let kind = if kind == "normal" { serde_json::Value::Null } else { kind.into() };
    let json = serde_json::json!({
        "packages": [
            package("hybrid-data", &["middle"]), package("middle", &["burn-core"]),
            package("burn-core", &[])
        ],
        "workspace_members": [id("hybrid-data")],
        "resolve": { "root": null, "nodes": [
            node("hybrid-data", vec![dep("middle", kind)]),
            node("middle", vec![dep("burn-core", serde_json::Value::Null)]),
            node("burn-core", vec![])
        ] },
        "workspace_root": "/w", "target_directory": "/w/target", "version": 1
    });
    serde_json::from_value(json).unwrap()
}

#[test]
fn burn_behind_another_package_is_found_with_the_chain() {
    let found = burn_paths(&metadata("normal")).unwrap();
    assert_eq!(found, ["`data` must work without burn: hybrid-data → middle → burn-core"]);
}

#[test]
fn burn_in_tests_only_is_fine() {
    assert_eq!(burn_paths(&metadata("dev")).unwrap(), Vec::<String>::new());
}
