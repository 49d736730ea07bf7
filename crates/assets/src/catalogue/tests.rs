use super::*;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn one(
    name: &str,
    package: &str,
    member: &str,
    path: &str,
    hash: &str,
) -> Result<Catalogue, String> {
    Catalogue::parse(&format!(
        r#"[[asset]]
        name = "{name}"
        kind = "data"
        about = "x"
        licence = "x"
        package = "{package}"
        wheel_size = 1
        [[asset.file]]
        member = "{member}"
        {path}
        sha256 = "{hash}"
        size = 3
        "#
    ))
}

#[test]
fn the_built_in_catalogue_is_valid_and_has_what_the_documentation_names() {
    let names: Vec<_> = Catalogue::builtin().entries().iter().map(|e| e.name.as_str()).collect();
    for name in
        ["smollm2-135m-instruct", "all-minilm-l6-v2", "imdb-reviews", "imdb-openings", "wikitext-2"]
    {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
    let splits = Catalogue::builtin().get("wikitext-2").unwrap().files.iter();
    let splits: Vec<_> = splits.map(|f| (f.path(), f.split.as_deref().unwrap())).collect();
    assert_eq!(
        splits,
        [("train.txt", "train"), ("validation.txt", "validation"), ("test.txt", "test")]
    );
}

#[test]
fn a_valid_entry_keeps_a_member_under_its_last_name() {
    let catalogue = one("a", "p-q==1.0.post1", "dir/f.csv", "", HASH).unwrap();
    let entry = catalogue.get("a").unwrap();
    assert_eq!((entry.files[0].path(), entry.folder().as_str()), ("f.csv", "p-q-1.0.post1"));
}

#[test]
fn a_path_that_leaves_its_folder_is_refused() {
    for path in ["../f", "a/../../f", "/f", "a//f", "./f", "", "c:/f", "a\\\\f", "manifest.json"] {
        let error = one("a", "p==1", "f", &format!("path = \"{path}\""), HASH).unwrap_err();
        assert!(error.contains("no plain relative path"), "{path}: {error}");
    }
    one("a", "p==1", "f", "path = \"a/b/f\"", HASH).unwrap();
}

#[test]
fn a_package_that_pip_could_read_as_an_option_or_a_url_is_refused() {
    for package in ["p", "p==", "==1", "-r==1", "p @ http://x==1", "p==1 --index-url", "p>=1"] {
        let error = one("a", package, "f", "", HASH).unwrap_err();
        assert!(error.contains("is not `package==version`"), "{package}: {error}");
    }
}

#[test]
fn a_bad_hash_an_unknown_key_and_a_double_name_are_refused() {
    assert!(one("a", "p==1", "f", "", "ABCDEF").unwrap_err().contains("no sha256"));
    assert!(one("a", "p==1", "f", "colour = 1", HASH).unwrap_err().contains("colour"));
    let text = include_str!("../../catalogue.toml");
    let error = Catalogue::parse(&format!("{text}\n{text}")).unwrap_err();
    assert!(error.contains("is there twice"), "{error}");
}

#[test]
fn a_misspelt_name_finds_its_neighbour_and_a_strange_one_none() {
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.nearest("smollm2-135-instruct"), Some("smollm2-135m-instruct"));
    assert_eq!(catalogue.nearest("SmolLM2"), Some("smollm2-135m-instruct"));
    assert_eq!(catalogue.nearest("wikitext2"), Some("wikitext-2"));
    assert_eq!(catalogue.nearest("qqqq"), None);
    assert_eq!(catalogue.nearest(""), None);
}

#[test]
fn a_view_of_nothing_of_a_view_or_with_a_misspelt_key_is_refused() {
    let text = include_str!("../../catalogue.toml");
    let view = |lines: &str| {
        Catalogue::parse(&format!("{text}\n[[view]]\nname = \"v\"\nabout = \"x\"\n{lines}"))
            .map(drop)
    };
    view("of = \"imdb-reviews\"").unwrap();
    for of in ["imdb-opening", "imdb-openings"] {
        let error = view(&format!("of = \"{of}\"")).unwrap_err();
        assert_eq!(error, format!("view `v`: there is no asset `{of}`"));
    }
    for lines in ["of = \"imdb-reviews\"\nprompt_words = 0", "of = \"smollm2-135m-instruct\""] {
        assert!(view(lines).unwrap_err().contains("a data set and at least one word"));
    }
    assert!(view("of = \"imdb-reviews\"\nprompt_word = 3").unwrap_err().contains("prompt_word"));
}
