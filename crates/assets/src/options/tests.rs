use std::path::Path;

use super::*;

fn with(vars: &[(&str, &str)]) -> Result<Options, AssetError> {
    let var = |name: &str| {
        vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    };
    Options::from_vars(var, None)
}

#[test]
fn the_named_directories_win() {
    let options = with(&[("HYBRID_HOME", "/h"), ("HF_HOME", "/hf"), ("PATH", "/bin")]).unwrap();
    assert_eq!(options.home, Path::new("/h"));
    assert_eq!(options.search_path, "/bin");
    assert_eq!(options.hub.cache, Path::new("/hf/hub"));
    assert_eq!(options.hub.token_file, Path::new("/hf/token"));
    assert_eq!(options.hub.endpoint, "https://huggingface.co");
    assert!(options.hub.token.is_none() && !options.hub.offline);
}

#[test]
fn the_hub_variables_are_honoured_and_empty_ones_are_not_there() {
    let options = with(&[
        ("HYBRID_HOME", "/h"),
        ("HF_HOME", ""),
        ("XDG_CACHE_HOME", "/x"),
        ("HF_HUB_CACHE", "/c"),
        ("HF_ENDPOINT", "http://127.0.0.1:1"),
        ("HF_TOKEN", " secret\n"),
        ("HF_HUB_OFFLINE", "True"),
    ])
    .unwrap();
    assert_eq!(options.hub.cache, Path::new("/c"));
    assert_eq!(options.hub.token_file, Path::new("/x/huggingface/token"));
    assert_eq!(options.hub.endpoint, "http://127.0.0.1:1");
    assert_eq!(options.hub.token.as_deref(), Some("secret"));
    assert!(options.hub.offline);
    assert!(!format!("{options:?}").contains("secret"), "the token must not be printed");
}

#[test]
fn no_home_at_all_names_the_variable_to_set() {
    let error = with(&[("HYBRID_HOME", "")]).unwrap_err();
    assert!(error.to_string().contains("HYBRID_HOME"), "{error}");
    let options = with(&[("HYBRID_HOME", "/h")]).unwrap();
    assert_eq!(options.hub.cache, Path::new("/h/huggingface/hub"));
}
