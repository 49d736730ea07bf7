use proptest::prelude::*;
use serde_json::{Value, json};

use super::entities::{Kind, entities};
use super::format::schema::Schema;
use crate::fixtures::{env, score};

fn format(keys: Value, response: &str) -> Option<f64> {
    let mut spec = keys;
    spec["type"] = json!("format");
    score(&spec, &[json!({ "response": response })])[0]
}

#[test]
fn json_is_the_whole_response_or_its_only_fence() {
    let json = |text: &str| format(json!({}), text);
    assert_eq!(json(" {\"a\": [1, 2]}\n"), Some(1.0));
    assert_eq!(json("```json\n{\"a\": 1}\n```"), Some(1.0));
    assert_eq!(json("Here: {\"a\": 1}"), Some(0.0));
    assert_eq!(json("```json\n{\"a\": 1}\n```\nDone."), Some(0.0));
    assert_eq!(json(&"[".repeat(1_000_000)), Some(0.0));
    assert_eq!(json(""), Some(0.0));
}

#[test]
fn a_schema_may_stand_in_the_spec_or_in_a_file() {
    let schema =
        json!({ "type": "object", "required": ["n"], "properties": { "n": { "minimum": 1 } } });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json");
    std::fs::write(&path, schema.to_string()).unwrap();
    for schema in [schema, json!(path)] {
        let keys = json!({ "kind": "json_schema", "schema": schema });
        assert_eq!(format(keys.clone(), "{\"n\": 2}"), Some(1.0));
        assert_eq!(format(keys.clone(), "{\"n\": 0}"), Some(0.0));
        assert_eq!(format(keys, "{}"), Some(0.0));
    }
}

/// Each rule with a value that keeps it and one that does not, after the 2020-12 specification.
#[test]
fn every_rule_of_a_schema_allows_and_refuses() {
    let cases = [
        (json!({ "type": "integer" }), json!(2.0), json!(2.5)),
        (json!({ "type": ["string", "null"] }), json!(null), json!(1)),
        (json!({ "type": "boolean" }), json!(false), json!(0)),
        (json!({ "enum": [1, "a", [2]] }), json!(1.0), json!(2)),
        (json!({ "const": { "a": 1, "b": 2 } }), json!({ "b": 2.0, "a": 1 }), json!({ "a": 1 })),
        (json!({ "enum": [1, 2], "const": 2 }), json!(2), json!(1)),
        (json!({ "required": ["a"] }), json!({ "a": null }), json!({})),
        (json!({ "required": ["a"] }), json!([]), json!({ "b": 1 })),
        (
            json!({ "properties": { "a": { "type": "null" } } }),
            json!({ "b": 1 }),
            json!({ "a": 1 }),
        ),
        (
            json!({ "properties": { "a": true }, "additionalProperties": false }),
            json!({ "a": 1 }),
            json!({ "b": 1 }),
        ),
        (
            json!({ "patternProperties": { "^x": { "type": "number" } } }),
            json!({ "x1": 1, "y": "" }),
            json!({ "x": "" }),
        ),
        (json!({ "propertyNames": { "maxLength": 2 } }), json!({ "ab": 1 }), json!({ "abc": 1 })),
        (json!({ "minProperties": 1 }), json!({ "a": 1 }), json!({})),
        (json!({ "maxProperties": 1 }), json!({ "a": 1 }), json!({ "a": 1, "b": 2 })),
        (json!({ "items": { "type": "number" } }), json!([]), json!([1, "2"])),
        (
            json!({ "prefixItems": [{ "const": 1 }], "items": { "const": 2 } }),
            json!([1, 2, 2]),
            json!([1, 1]),
        ),
        (json!({ "contains": { "const": 3 } }), json!([1, 3]), json!([1])),
        (json!({ "minItems": 2 }), json!([1, 1]), json!([1])),
        (json!({ "maxItems": 0 }), json!([]), json!([1])),
        (json!({ "uniqueItems": true }), json!([1, "1", [1]]), json!([{ "a": 1 }, { "a": 1.0 }])),
        (json!({ "minLength": 2 }), json!("é🎉"), json!("🎉")),
        (json!({ "maxLength": 1 }), json!("🎉"), json!("ab")),
        (json!({ "pattern": "b+$" }), json!("abb"), json!("ba")),
        (json!({ "minimum": 2 }), json!(2), json!(1.9)),
        (json!({ "maximum": 2 }), json!(2), json!(2.1)),
        (json!({ "exclusiveMinimum": 2 }), json!(2.1), json!(2)),
        (json!({ "exclusiveMaximum": 2 }), json!(1), json!(2)),
        (json!({ "multipleOf": 0.1 }), json!(0.3), json!(0.35)),
        (json!({ "allOf": [{ "minimum": 1 }, { "maximum": 2 }] }), json!(1), json!(3)),
        (json!({ "anyOf": [{ "const": 1 }, { "const": 2 }] }), json!(2), json!(3)),
        (json!({ "oneOf": [{ "minimum": 1 }, { "minimum": 2 }] }), json!(1), json!(3)),
        (json!({ "not": { "type": "string" } }), json!(1), json!("")),
        (json!(true), json!(1), json!(null)),
    ];
    for (schema, good, bad) in cases {
        let compiled = Schema::compile(&schema).unwrap();
        assert!(compiled.allows(&good), "{schema} {good}");
        assert!(schema == json!(true) || !compiled.allows(&bad), "{schema} {bad}");
    }
}

#[test]
fn a_schema_may_refer_to_itself() {
    let tree = json!({
        "$defs": { "node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/node" } }, "additionalProperties": false } },
        "$ref": "#/$defs/node"
    });
    let tree = Schema::compile(&tree).unwrap();
    assert!(tree.allows(&json!({ "next": { "next": {} } })));
    assert!(!tree.allows(&json!({ "next": { "nxt": {} } })));
    assert!(!Schema::compile(&json!(false)).unwrap().allows(&json!(1)));
}

#[test]
fn a_schema_that_cannot_be_checked_is_refused() {
    let refused = |schema: Value| {
        let spec = json!({ "type": "format", "kind": "json_schema", "schema": schema });
        crate::Registry::builtin().unwrap().build(&spec, &env()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(json!({ "items": { "minimun": 1 } })), @"the reward spec has a mistake at `schema.items.minimun`: unknown key; did you mean `minimum`? the rules known here are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `patternProperties`, `propertyNames`, `minProperties`, `maxProperties`, `items`, `prefixItems`, `contains`, `minItems`, `maxItems`, `uniqueItems`, `minLength`, `maxLength`, `pattern`, `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `allOf`, `anyOf`, `oneOf`, `not`, `$ref` and `$defs`");
    insta::assert_snapshot!(refused(json!({ "properties": { "a": { "type": "int" } } })), @"the reward spec has a mistake at `schema.properties.a.type`: unknown type `int`; did you mean `integer`? the types are `null`, `boolean`, `object`, `array`, `number`, `string` and `integer`");
    insta::assert_snapshot!(refused(json!({ "anyOf": [{ "$ref": "#" }] })), @r##"the reward spec has a mistake at `schema`: `$ref` leads from "#" back to itself for the same value, so that nothing is ever decided; let it lead through `properties` or `items`"##);
    insta::assert_snapshot!(refused(json!({ "$ref": "#/$defs/nod", "$defs": { "node": true } })), @"the reward spec has a mistake at `schema.$defs`: has no `nod`; did you mean `node`? the definitions are `node`");
    insta::assert_snapshot!(refused(json!({ "$ref": "http://example.com/schema" })), @r##"the reward spec has a mistake at `schema.$ref`: is "http://example.com/schema", must be "#" or "#/$defs/NAME""##);
    insta::assert_snapshot!(refused(json!({ "maxLength": -1 })), @"the reward spec has a mistake at `schema.maxLength`: expected a whole number ≥ 0, got the number -1");
}

#[test]
fn lists_count_their_items_in_order() {
    let numbered = |keys: Value, text| {
        let mut keys = keys;
        keys["kind"] = json!("numbered_list");
        format(keys, text)
    };
    assert_eq!(numbered(json!({}), "Steps:\n1. a\n   more\n2) b\n"), Some(1.0));
    assert_eq!(numbered(json!({ "only": true }), "Steps:\n1. a\n2. b"), Some(0.0));
    assert_eq!(numbered(json!({}), "1. a\n3. b"), Some(0.0));
    assert_eq!(numbered(json!({ "partial": true }), "1. a\n3. b"), Some(0.5));
    assert_eq!(numbered(json!({ "min": 4, "partial": true }), "1. a\n2. b"), Some(0.5));
    assert_eq!(numbered(json!({ "max": 1 }), "1. a\n2. b"), Some(0.0));
    assert_eq!(numbered(json!({ "min": 0 }), "no list"), Some(1.0));
    assert_eq!(numbered(json!({}), ""), Some(0.0));
    let bullets = |text| format(json!({ "kind": "bullet_list", "min": 2 }), text);
    assert_eq!(bullets("- a\n* b\n• c"), Some(1.0));
    assert_eq!(bullets("-a\n-b"), Some(0.0));
    let paragraphs = |text| format(json!({ "kind": "paragraphs", "min": 2, "max": 2 }), text);
    assert_eq!(paragraphs("a\nb\n\n \nc\n"), Some(1.0));
    assert_eq!(paragraphs("a\nb"), Some(0.0));
}

#[test]
fn tags_and_fences_open_and_close() {
    let tags = |keys: Value, text| {
        let mut keys = keys;
        keys["kind"] = json!("tags");
        keys["tags"] = json!(["think", "answer"]);
        format(keys, text)
    };
    assert_eq!(tags(json!({}), "<think>a</think> so <answer>b</answer>"), Some(1.0));
    assert_eq!(tags(json!({ "only": true }), "<think>a</think> so <answer>b</answer>"), Some(0.0));
    assert_eq!(tags(json!({ "only": true }), "<think>a</think>\n<answer>b</answer>\n"), Some(1.0));
    assert_eq!(tags(json!({}), "<answer>b</answer><think>a</think>"), Some(0.0));
    assert_eq!(tags(json!({}), "<think><answer>b</answer></think>"), Some(0.0));
    assert_eq!(tags(json!({ "partial": true }), "<think>a</think><answer>b"), Some(0.5));
    assert_eq!(tags(json!({}), "<think>a</think><think></think><answer>b</answer>"), Some(0.0));
    let fence = |keys: Value, text| {
        let mut keys = keys;
        keys["kind"] = json!("code_fence");
        format(keys, text)
    };
    assert_eq!(
        fence(json!({ "language": "rust" }), "See:\n```rust\nfn main() {}\n```\n"),
        Some(1.0)
    );
    assert_eq!(fence(json!({ "language": "rust" }), "```py\nx\n```"), Some(0.0));
    assert_eq!(fence(json!({ "only": true }), "See:\n```\nx\n```"), Some(0.0));
    assert_eq!(fence(json!({}), "```\nx"), Some(0.0));
    assert_eq!(fence(json!({}), "```\n\n```"), Some(0.0));
}

#[test]
fn templates_and_patterns_match_the_whole_response() {
    let template =
        |text| format(json!({ "kind": "template", "template": "Name: {{n}}\nAge: {{a}}." }), text);
    assert_eq!(template("Name: Ann\nAge: 9.\n"), Some(1.0));
    assert_eq!(template("Name: \nAge: 9."), Some(0.0));
    assert_eq!(template("Name: Ann\nAge: 9"), Some(0.0));
    assert_eq!(template("Say: Name: Ann\nAge: 9."), Some(0.0));
    let partial = json!({ "kind": "template", "template": "a{{x}}b{{y}}", "partial": true });
    assert_eq!(format(partial.clone(), "a1b2"), Some(1.0));
    assert_eq!(format(partial.clone(), "a1b"), Some(0.75));
    assert_eq!(format(partial, "a1"), Some(0.25));
    assert_eq!(format(json!({ "kind": "regex", "pattern": "a|ab" }), "ab"), Some(1.0));
    assert_eq!(format(json!({ "kind": "regex", "pattern": "a" }), "ab"), Some(0.0));
}

#[test]
fn entities_are_found_in_their_normal_forms() {
    let found = |text: &str| -> Vec<(Kind, String)> {
        entities(text).into_iter().map(|entity| (entity.kind, entity.text)).collect()
    };
    let date = |text: &str| (Kind::Date, text.to_owned());
    let number = |text: &str| (Kind::Number, text.to_owned());
    let name = |text: &str| (Kind::Name, text.to_owned());
    for text in ["2024-05-12", "12 May 2024", "May 12, 2024", "the 12th of May 2024"] {
        assert_eq!(found(text), [date("2024-05-12")], "{text}");
    }
    assert_eq!(found("in May 2024"), [date("2024-05")]);
    assert_eq!(found("1,000 or 1000.0"), [number("1000")]);
    assert_eq!(
        found("5% and -2.50, b12 and 10-12"),
        [number("-2.5"), number("10"), number("12"), number("5%")]
    );
    assert_eq!(
        found("The Bank of Paris saw Marie Curie's notes. She left."),
        [name("bank"), name("marie curie"), name("paris")]
    );
    assert_eq!(found("Rain fell. We like Rain and IBM."), [name("ibm"), name("rain")]);
    // There is no such day: three numbers, in the order of their text.
    assert_eq!(found("9999-99-99"), [number("99"), number("9999")]);
}

#[test]
fn entity_consistency_compares_sets() {
    let score_of = |keys: Value, response: &str, target: &str| {
        let mut spec = keys;
        spec["type"] = json!("entity_consistency");
        score(&spec, &[json!({ "response": response, "target": target, "prompt": target })])[0]
    };
    let (response, target) = ("In 1999 we met Ann Lee.", "It was Ann Lee, on 3 May 2001.");
    assert_eq!(score_of(json!({}), response, target), Some(0.5));
    assert_eq!(score_of(json!({ "kinds": ["name"] }), response, target), Some(1.0));
    assert_eq!(score_of(json!({ "measure": "recall", "source": "prompt" }), "", target), Some(0.0));
    assert_eq!(score_of(json!({ "measure": "precision" }), "", target), Some(1.0));
    assert_eq!(score_of(json!({}), "nothing", "here"), Some(1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn no_response_breaks_a_form(text in "(?s).{0,60}|([-*0-9.) \n`<>/ab{}]){0,40}") {
        for keys in [
            json!({ "kind": "json" }),
            json!({ "kind": "numbered_list", "partial": true, "min": 2, "max": 3, "only": true }),
            json!({ "kind": "bullet_list", "partial": true }),
            json!({ "kind": "tags", "tags": ["a", "b"], "partial": true, "only": true }),
            json!({ "kind": "code_fence", "only": true }),
            json!({ "kind": "template", "template": "a{{x}}b", "partial": true }),
        ] {
            prop_assert!(format(keys, &text).is_some_and(|share| (0.0..=1.0).contains(&share)));
        }
        let row = json!({ "response": text, "target": text });
        prop_assert_eq!(score(&json!({ "type": "entity_consistency" }), &[row])[0], Some(1.0));
    }
}

#[test]
fn long_and_odd_texts_are_scored() {
    let registry = crate::Registry::builtin().unwrap();
    let texts = [
        "a".repeat(1_000_000),
        "A b. ".repeat(200_000),
        "\u{202e}\u{0}\u{301}\u{200d}🏳️‍🌈 שלום\u{1c}".repeat(1_000),
        "```".repeat(10_000),
        "<a>".repeat(10_000),
    ];
    let rows: Vec<Value> = texts
        .iter()
        .map(|text| json!({ "response": text, "prompt": text, "target": "A b.", "group": 1 }))
        .collect();
    for kind in [
        "compression_ratio",
        "coverage",
        "curiosity",
        "distinct_n",
        "entity_consistency",
        "entity_grid",
        "entropy",
        "exploration_bonus",
        "fluency",
        "formality",
        "format",
        "lexical_cohesion",
        "novelty",
        "qa_relevance",
        "topic_consistency",
    ] {
        let tree = registry.build(&json!({ "type": kind }), &env()).unwrap();
        let scores = crate::fixtures::try_score(&tree, &rows).unwrap().value;
        assert!(
            scores.iter().flatten().all(|score| (0.0..=1.0 + 1e-12).contains(score)),
            "{kind} {scores:?}"
        );
    }
    for kind in ["code_fence", "numbered_list", "bullet_list", "paragraphs"] {
        let shares = texts.iter().map(|text| format(json!({ "kind": kind }), text));
        assert!(shares.flatten().all(|share| (0.0..=1.0).contains(&share)), "{kind}");
    }
}
