use std::collections::HashSet;
use std::path::Path;

use super::*;

#[test]
fn keys_are_unique_and_every_field_is_said() {
    let mut seen = HashSet::new();
    for definition in ALL {
        let Definition { key, title, unit, estimator, over, .. } = *definition;
        assert!(seen.insert(key), "`{key}` is defined twice");
        assert!(estimator.ends_with('.'), "`{key}`: {estimator:?} is no sentence");
        assert!(!over.is_empty() && !over.ends_with('.'), "`{key}`: {over:?}");
        assert!(!title.is_empty() && !unit.is_empty(), "`{key}` has no title or unit");
    }
}

#[test]
fn every_family_has_a_heading_and_every_heading_a_family() {
    let first = |definition: &Definition| definition.key.split_once('/').map(|(first, _)| first);
    let used: HashSet<_> = ALL.iter().filter_map(first).collect();
    let headed: HashSet<_> = FAMILIES.iter().map(|(family, ..)| *family).collect();
    assert_eq!(used, headed);
}

#[test]
fn a_pattern_takes_any_name_and_an_exact_key_goes_before_it() {
    assert_eq!(find("reward/sentiment").map(|d| d.key), Some("reward/NAME"));
    assert_eq!(find("reward/style/bleu").map(|d| d.key), Some("reward/NAME"));
    assert_eq!(find("eval/reward/bleu").map(|d| d.key), Some("eval/reward/NAME"));
    assert_eq!(find("eval/ref_kl").map(|d| d.key), Some("eval/ref_kl"));
    for unknown in ["reward/", "reward", "", "/", "eval/reward/", "nobody/knows"] {
        assert_eq!(find(unknown), None, "{unknown:?}");
    }
}

#[test]
fn the_sentence_ends_in_the_unit() {
    let sentence = find("ppo/approx_kl").expect("defined").sentence("ppo/approx_kl");
    assert!(sentence.contains("k3 estimate"), "{sentence}");
    assert!(sentence.ends_with("epochs. Unit: nats/token."), "{sentence}");
    let coefficient = find("ppo/kl_coef").expect("defined").sentence("ppo/kl_coef");
    assert!(!coefficient.contains("Over:"), "{coefficient}");
    let component = find("reward/style/bleu").expect("defined").sentence("reward/style/bleu");
    assert!(component.starts_with("Mean of the reward's leaf style/bleu,"), "{component}");
    assert!(ALL.iter().all(|definition| !definition.sentence(definition.key).contains('`')));
}

#[test]
fn the_documentation_is_this_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("HYBRID_WRITE_DOCS").is_some() {
        std::fs::write(&path, markdown()).expect("docs are writable");
    }
    let committed = std::fs::read_to_string(&path).expect("docs/metrics.md is there");
    let differing =
        committed.lines().zip(markdown().lines().map(str::to_owned)).position(|(a, b)| a != b);
    assert_eq!(differing, None, "docs/metrics.md is old; the module doc says how to write it anew");
    assert_eq!(committed, markdown());
}
