use super::*;

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let rows = [["a", "bcd", "x"], ["äöü", "e", "a longer one"]].map(|row| row.map(str::to_owned));
    assert_eq!(table(&rows), ["a    bcd  x", "äöü  e    a longer one"]);
}

#[test]
fn no_row_is_no_line() {
    assert!(table::<3>(&[]).is_empty());
}

#[test]
fn the_listing_has_every_entry_with_the_keys_that_scripts_read() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Options::from_env().unwrap();
    options.home = home.path().to_owned();
    let store = Store::new(options);
    for entry in store.catalogue().entries() {
        let listed = serde_json::to_value(Listed::new(&store, entry)).unwrap();
        assert_eq!(listed["name"], *entry.name);
        assert_eq!(listed["fetched"], false);
        assert!(listed["path"].is_null());
        for key in ["kind", "about", "licence", "package"] {
            assert!(listed[key].is_string(), "{key} in {listed}");
        }
        assert!(listed["size"].as_u64() > Some(0) && listed["download_size"].as_u64() > Some(0));
    }
}
