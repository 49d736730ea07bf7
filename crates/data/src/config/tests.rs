use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> DataConfig {
    toml::from_str(text).expect("a good table")
}

fn syntax_error(text: &str) -> String {
    toml::from_str::<DataConfig>(text).expect_err("a bad table").to_string()
}

fn range_error(text: &str) -> String {
    parse(text).validate().expect_err("a value out of range").to_string()
}

const FULL: &str = r#"
train = ["a.jsonl", "more/"]
prompts = "prompts.csv"
validation = 0.02
format = "jsonl"
text_unit = "line"
prompt_template = "Q: {question}"
prompt_words = 8
clean_html = true
shuffle = true
select = 1000

[columns]
completion = "answer"

[filter]
non_empty = true
min_chars = 1
max_chars = 2000
matching = "a+"
excluding = "b+"
"#;

#[test]
fn every_key_is_read_and_written_back() {
    let config = parse(FULL);
    config.validate().expect("good values");
    assert_eq!(config.train.0, ["a.jsonl", "more/"]);
    assert_eq!(config.prompts.0, ["prompts.csv"]);
    assert_eq!(config.validation, Some(Validation::Share(0.02)));
    assert_eq!(config.read_options().format, Some(Format::Jsonl));
    assert_eq!(config.read_options().text_unit, TextUnit::Line);
    assert_eq!(config.columns.completion.as_deref(), Some("answer"));
    assert_eq!(config.filter.max_chars, Some(2000));
    assert_eq!((config.prompt_words, config.clean_html), (Some(8), true));
    let text = toml::to_string(&config).expect("a table");
    assert_eq!(parse(&text), config);
    let json = serde_json::to_string(&config).expect("an object");
    assert_eq!(serde_json::from_str::<DataConfig>(&json).expect("what was written"), config);
}

#[test]
fn all_but_train_has_a_default() {
    let config = parse("train = \"imdb-reviews\"");
    config.validate().expect("good values");
    assert_eq!(config.train.0, ["imdb-reviews"]);
    assert_eq!(config.text_unit, TextUnit::File);
    assert!(!config.shuffle && !config.filter.non_empty);
}

#[test]
fn a_validation_is_a_share_a_count_or_a_source() {
    let check = |text: &str| parse(&format!("train = \"a\"\nvalidation = {text}")).validation;
    assert_eq!(check("0.5"), Some(Validation::Share(0.5)));
    assert_eq!(check("5"), Some(Validation::Count(5)));
    assert_eq!(check("\"test.csv\""), Some(Validation::Source("test.csv".into())));
}

#[test]
fn misspelt_and_mistyped_keys_are_refused() {
    insta::assert_snapshot!(syntax_error("trian = \"a\""), @r#"
TOML parse error at line 1, column 1
  |
1 | trian = "a"
  | ^^^^^
unknown field `trian`, expected one of `train`, `prompts`, `validation`, `format`, `text_unit`, `template`, `prompt_template`, `completion_template`, `prompt_words`, `clean_html`, `shuffle`, `select`, `columns`, `filter`
"#);
    insta::assert_snapshot!(syntax_error("train = 5"), @"
TOML parse error at line 1, column 9
  |
1 | train = 5
  |         ^
invalid type: integer `5`, expected a path or name, or a list of them
");
    insta::assert_snapshot!(syntax_error("validation = -1"), @"
TOML parse error at line 1, column 14
  |
1 | validation = -1
  |              ^^
invalid value: integer `-1`, expected a share such as 0.02, a whole number of records, or a path
");
    insta::assert_snapshot!(syntax_error("validation = [0.1]"), @"
TOML parse error at line 1, column 14
  |
1 | validation = [0.1]
  |              ^^^^^
invalid type: sequence, expected a share such as 0.02, a whole number of records, or a path
");
    insta::assert_snapshot!(syntax_error("format = \"xlsx\""), @r#"
TOML parse error at line 1, column 10
  |
1 | format = "xlsx"
  |          ^^^^^^
unknown variant `xlsx`, expected one of `jsonl`, `json`, `csv`, `tsv`, `parquet`, `text`
"#);
    insta::assert_snapshot!(syntax_error("columns = { response = \"a\" }"), @r#"
TOML parse error at line 1, column 13
  |
1 | columns = { response = "a" }
  |             ^^^^^^^^
unknown field `response`, expected one of `text`, `prompt`, `completion`, `messages`
"#);
}

#[test]
fn values_out_of_range_are_named() {
    insta::assert_snapshot!(range_error(""), @"`train` is empty, must be at least one path or name");
    insta::assert_snapshot!(range_error("train = [\"a\", \" \"]"), @"`train` is a blank name, must be paths or names");
    insta::assert_snapshot!(range_error("train = \"a\"\nselect = 0"), @"`select` is 0, must be at least 1, or absent for all");
    insta::assert_snapshot!(range_error("train = \"a\"\nvalidation = 1.0"), @"`validation` is 1, must be a share between 0 and 1, a whole number of records, or a path");
    insta::assert_snapshot!(range_error("train = \"a\"\nvalidation = nan"), @"`validation` is NaN, must be a share between 0 and 1, a whole number of records, or a path");
    insta::assert_snapshot!(range_error("train = \"a\"\nvalidation = 0"), @"`validation` is 0, must be at least 1, or absent for none");
    insta::assert_snapshot!(range_error("train = \"a\"\nvalidation = \"\""), @"`validation` is a blank name, must be a path or name");
    insta::assert_snapshot!(range_error("train = \"a\"\ntemplate = \"{\""), @"`template` is not a template: at character 1, `{` is not closed; write `{{` and `}}` for braces");
    insta::assert_snapshot!(range_error("train = \"a\"\nfilter.matching = \"[\""), @r#"`filter.matching` is "[", must be a regular expression (unclosed character class)"#);
    insta::assert_snapshot!(
        range_error("train = \"a\"\ntemplate = \"{a}\"\ncolumns.messages = \"b\""), @"`template` and `columns.messages` cannot be used together; an example is a text, a prompt with or without its completion, or a list of messages; keep the settings of one");
}

/// A key of the table, or nearly, with a value of some type.
fn almost_config() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        prop::sample::select(FULL.lines().collect::<Vec<_>>()).prop_map(str::to_owned),
        (
            prop::sample::select(vec![
                "train",
                "prompts",
                "validation",
                "format",
                "select",
                "template",
                "columns.text",
                "columns",
                "filter",
                "filter.matching",
                "shuffle",
                "",
                "a.b",
                "[filter]",
            ]),
            prop_oneof![
                any::<f64>().prop_map(|number| number.to_string()),
                any::<i64>().prop_map(|number| number.to_string()),
                "(?s)[{}a\\[(*\"\\\\\n]{0,6}".prop_map(|text| format!("'''{text}'''")),
                prop::sample::select(vec!["true", "[]", "{}", "1979-05-27", "[1]", "nan", "-inf"])
                    .prop_map(str::to_owned),
            ],
        )
            .prop_map(|(key, value)| format!("{key} = {value}")),
        "(?s).{0,20}",
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_table_makes_the_reader_panic(text in almost_config()) {
        if let Ok(config) = toml::from_str::<DataConfig>(&text)
            && let Err(error) = config.validate()
        {
            prop_assert!(error.is_bad_input());
        }
    }
}
