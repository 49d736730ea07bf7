use serde_json::Value;

use super::*;

#[test]
fn a_driver_is_named_by_its_whole_path() {
    let text = description(Path::new(DRIVER));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["ICD"]["library_path"], DRIVER);
    assert!(Path::new(DRIVER).is_absolute());
}
