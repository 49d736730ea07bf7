use super::*;

fn plan(name: &str, kind: Kind, listing: &[&str]) -> Result<Plan, AssetError> {
    let listing: Vec<_> = listing.iter().map(|&file| file.to_owned()).collect();
    Plan::new(&HubName::parse(name, kind).unwrap(), kind, &listing)
}

fn refusal(name: &str, kind: Kind, listing: &[&str]) -> String {
    let error = plan(name, kind, listing).unwrap_err();
    assert!(error.is_bad_input());
    error.to_string()
}

#[test]
fn a_model_is_its_small_files_and_then_its_weights() {
    let listing =
        ["README.md", "model.safetensors", "pytorch_model.bin", "tokenizer.json", "config.json"];
    let plan = plan("hf:o/n", Kind::Model, &listing).unwrap();
    assert_eq!(plan.files, ["config.json", "tokenizer.json", "model.safetensors"]);
    assert!(plan.is_folder);
}

#[test]
fn one_gguf_is_taken_several_are_listed_and_a_named_one_is_taken() {
    let one = plan("hf:o/n", Kind::Model, &["README.md", "a.Q4.gguf"]).unwrap();
    assert_eq!((one.files, one.is_folder), (vec!["a.Q4.gguf".to_owned()], false));
    let text = refusal("hf:o/n", Kind::Model, &["a.gguf", "b.gguf"]);
    assert!(text.contains("hf:o/n/a.gguf, hf:o/n/b.gguf"), "{text}");
    let named = plan("hf:o/n/b.gguf", Kind::Model, &["a.gguf", "b.gguf"]).unwrap();
    assert_eq!(named.files, ["b.gguf"]);
}

#[test]
fn pickled_weights_alone_are_refused_with_the_reason() {
    let text = refusal("hf:o/n", Kind::Model, &["config.json", "pytorch_model.bin"]);
    assert!(text.contains("pickled") && text.contains("pytorch_model.bin"), "{text}");
}

#[test]
fn a_data_set_is_its_record_files() {
    let listing = ["README.md", "dataset_infos.json", "data/a.parquet", "x.jsonl", "img.png"];
    let all = plan("hf:o/n", Kind::Data, &listing).unwrap();
    assert_eq!(all.files, ["data/a.parquet", "x.jsonl"]);
    let some = plan("hf:o/n/data", Kind::Data, &listing).unwrap();
    assert_eq!(some.files, ["data/a.parquet"]);
    assert!(refusal("hf:o/n/dat", Kind::Data, &listing).contains("no `dat`"));
    assert!(refusal("hf:o/n", Kind::Data, &["README.md"]).contains(".parquet"));
}

#[test]
fn a_huge_data_set_must_be_narrowed() {
    let listing: Vec<_> = (0..300).map(|i| format!("{i}.parquet")).collect();
    let listing: Vec<_> = listing.iter().map(String::as_str).collect();
    assert!(refusal("hf:o/n", Kind::Data, &listing).contains("300 files"));
}

#[test]
fn names_that_leave_the_cache_or_need_escaping_are_refused() {
    for file in ["../x.csv", "/x.csv", "a b.csv", "a?b.csv", "a%2f.csv"] {
        assert!(refusal("hf:o/n", Kind::Data, &[file]).contains("no file name"), "{file}");
    }
}

#[test]
fn an_index_names_its_shards_once_and_only_existing_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let name = HubName::parse("hf:o/n", Kind::Model).unwrap();
    let listing = ["model.safetensors.index.json", "s1.safetensors", "s2.safetensors"];
    let listing: Vec<_> = listing.iter().map(|&f| f.to_owned()).collect();
    let shards = |text: &str| {
        let mut plan = Plan::new(&name, Kind::Model, &listing).unwrap();
        fs::write(&path, text).unwrap();
        plan.add_shards(&name, &path, &listing).map(|()| plan.files)
    };
    let files = shards(
        r#"{"metadata": {}, "weight_map":
            {"a": "s2.safetensors", "b": "s1.safetensors", "c": "s1.safetensors"}}"#,
    );
    assert_eq!(files.unwrap(), listing);
    for bad in [
        r#"{"weight_map": {"a": "s3.safetensors"}}"#,
        r#"{"weight_map": {"a": "../../s1.safetensors"}}"#,
        r#"{"weight_map": ["s1.safetensors"]}"#,
        "",
    ] {
        assert!(shards(bad).unwrap_err().is_bad_input(), "{bad}");
    }
}
