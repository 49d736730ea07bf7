use std::fs;
use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/data/table");
const FORMATS: [Format; 5] = [Format::Jsonl, Format::Json, Format::Csv, Format::Tsv, Format::Text];

fn read_unit(format: Format, unit: TextUnit, bytes: &[u8]) -> Result<Vec<Row>, DataError> {
    let input = Box::new(io::Cursor::new(bytes.to_vec()));
    rows_from(input, Path::new("data"), format, unit)?.collect()
}

fn read(format: Format, bytes: impl AsRef<[u8]>) -> Result<Vec<Row>, DataError> {
    read_unit(format, TextUnit::Line, bytes.as_ref())
}

/// The line and columns of each row.
fn check(format: Format, bytes: impl AsRef<[u8]>, expected: &[(u64, Value)]) {
    let rows = read(format, &bytes).expect("the input is good");
    let rows: Vec<_> =
        rows.into_iter().map(|row| (row.at.line, Value::Object(row.columns))).collect();
    assert_eq!(rows, expected, "{}", String::from_utf8_lossy(bytes.as_ref()));
}

fn error(format: Format, bytes: impl AsRef<[u8]>) -> String {
    let error = read(format, bytes).expect_err("the input is bad");
    assert!(error.is_bad_input());
    error.to_string()
}

/// A folder with the given files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a file in it");
    }
    folder
}

fn read_path(path: &Path) -> Result<Vec<Row>, DataError> {
    read_rows(&[path.to_path_buf()], &ReadOptions::default())?.collect()
}

/// The message with the temporary folder's name taken out.
fn path_error(folder: &TempDir, name: &str) -> String {
    let error = read_path(&folder.path().join(name)).expect_err("the input is bad");
    assert!(error.is_bad_input());
    error.to_string().replace(&folder.path().display().to_string(), "DIR")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn jsonl_takes_marks_line_ends_blank_lines_and_no_last_line_end() {
    check(
        Format::Jsonl,
        "\u{FEFF}{\"a\": 1}\r\n\r\n  \n{\"a\": \"\\u00e9\", \"b\": [null]}",
        &[(1, json!({"a": 1})), (4, json!({"a": "é", "b": [null]}))],
    );
    check(Format::Jsonl, "", &[]);
    check(Format::Jsonl, "\u{FEFF}", &[]);
    let long = "x".repeat(3_000_000);
    check(
        Format::Jsonl,
        format!("{{\"a\":\"{long}\"}}\n{{}}"),
        &[(1, json!({"a": long})), (2, json!({}))],
    );
}

#[test]
fn json_takes_an_array_or_an_array_under_data_and_knows_each_rows_line() {
    let rows = [(3, json!({"a": 1})), (5, json!({"a": {"b": []}})), (5, json!({}))];
    check(
        Format::Json,
        "\u{FEFF}\n[\n{\"a\": 1},\n\n{\"a\":\n{\"b\": []}}, {}]\n",
        &[rows[0].clone(), rows[1].clone(), (6, json!({}))],
    );
    let text = "{\"version\": 1, \"d\\u0061ta\":\n[\n{\"a\": 1},\n\n{\"a\": {\"b\": []}}, {}]}";
    check(Format::Json, text, &rows);
    check(Format::Json, " \n", &[]);
    check(Format::Json, "[]", &[]);
}

#[test]
fn csv_takes_quotes_marks_line_ends_and_blank_lines_and_knows_each_rows_line() {
    check(
        Format::Csv,
        "\u{FEFF}text,label\r\n\"a, \"\"b\"\"\r\n\r\nc\",1\r\n\r\n\r\n,\r\nlast,2",
        &[
            (2, json!({"text": "a, \"b\"\r\n\r\nc", "label": "1"})),
            (7, json!({"text": "", "label": ""})),
            (8, json!({"text": "last", "label": "2"})),
        ],
    );
    check(
        Format::Tsv,
        "\n\ntext\tlabel\n\n\"a\tb\n\"\t1\nc,d\t2\n",
        &[(5, json!({"text": "a\tb\n", "label": "1"})), (7, json!({"text": "c,d", "label": "2"}))],
    );
    check(Format::Csv, "", &[]);
    check(Format::Csv, "text,label\n", &[]);
}

#[test]
fn csv_lines_are_right_far_into_a_file() {
    // Far more than one buffer of the parser, with records of one to three lines.
    let mut text = "n,text\n".to_owned();
    let mut expected = Vec::new();
    let mut line = 2;
    for index in 0..5_000_u64 {
        let cell = "long\n".repeat(index as usize % 3) + &"x".repeat(index as usize % 50);
        text += &format!("{index},\"{cell}\"\n");
        expected.push((line, json!({"n": index.to_string(), "text": cell})));
        line += 1 + index % 3;
    }
    check(Format::Csv, text, &expected);
}

#[test]
fn plain_text_is_a_record_a_line_or_a_record_a_file() {
    let text = "\u{FEFF}one\r\n\n \t\n two \nthree";
    let lines =
        [(1, json!({"text": "one"})), (4, json!({"text": " two "})), (5, json!({"text": "three"}))];
    check(Format::Text, text, &lines);
    let rows = read_unit(Format::Text, TextUnit::File, text.as_bytes()).expect("good");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].columns["text"], json!("one\r\n\n \t\n two \nthree"));
    assert_eq!(read_unit(Format::Text, TextUnit::File, b" \n").expect("good"), []);
}

#[test]
fn a_bad_jsonl_row_names_its_line() {
    insta::assert_snapshot!(error(Format::Jsonl, "{}\n\n{\"a\": 1,}\n"), @"line 3 of `data` is not valid JSON: trailing comma at column 9; correct it or remove it");
    insta::assert_snapshot!(error(Format::Jsonl, "{}\n[1, 2]\n"), @"line 2 of `data`: expected a JSON object, got an array of 2");
    insta::assert_snapshot!(error(Format::Jsonl, "{}\n{\"a\": \"b"), @"line 2 of `data` is not valid JSON: EOF while parsing a string at column 8; correct it or remove it");
    insta::assert_snapshot!(error(Format::Jsonl, "{\"a\": NaN}"), @"line 1 of `data` is not valid JSON: expected value at column 7; correct it or remove it");
    insta::assert_snapshot!(error(Format::Jsonl, b"{}\n{\"a\": \"\xFF\"}"), @"line 2 of `data` is not UTF-8 text: byte 8 of it is 0xFF; convert the file to UTF-8");
    insta::assert_snapshot!(error(Format::Jsonl, b"\xFF\xFE{\0}\0"), @"line 1 of `data` is not UTF-8 text: it begins like UTF-16; convert the file to UTF-8");
    insta::assert_snapshot!(error(Format::Jsonl, b"\xC3"), @"line 1 of `data` is not UTF-8 text: byte 1 of it is 0xC3; convert the file to UTF-8");
    insta::assert_snapshot!(error(Format::Jsonl, "[".repeat(200)), @"line 1 of `data` is not valid JSON: recursion limit exceeded at column 128; correct it or remove it");
}

#[test]
fn a_bad_json_file_names_line_and_column() {
    insta::assert_snapshot!(error(Format::Json, "[\n{\"a\": 1},\n{\"a\": }]"), @"line 3 of `data` is not valid JSON: expected value at column 7; correct it or remove it");
    insta::assert_snapshot!(error(Format::Json, "[\n{\"a\": 1},\n\n7]"), @"line 4 of `data`: expected a JSON object in the array, got the number 7");
    insta::assert_snapshot!(error(Format::Json, "[{},\n{\"a\":\n1e999}]"), @"line 2 of `data` is not valid JSON: number out of range; correct it or remove it");
    insta::assert_snapshot!(error(Format::Json, "\n\"text\""), @r#"line 2 of `data`: expected an array of objects, or an object with such an array under `data`, got the string "text""#);
    insta::assert_snapshot!(error(Format::Json, "{\"rows\": [], \"data\": {}}"), @"line 1 of `data`: expected an array of objects, or an object with such an array under `data`, got an object with `data` and `rows`");
    insta::assert_snapshot!(error(Format::Json, "{\"a\": 1}\n{\"a\": 2}"), @r#"line 1 of `data`: expected an array of objects, or an object with such an array under `data`, got several values; if each line is an object, set `format = "jsonl"`"#);
    insta::assert_snapshot!(error(Format::Json, "[{\"a\": 1}"), @"line 1 of `data` is not valid JSON: EOF while parsing a list at column 9; correct it or remove it");
    insta::assert_snapshot!(error(Format::Json, b"[\n{\"a\": \"\xE9\"}]"), @"line 2 of `data` is not UTF-8 text: byte 8 of it is 0xE9; convert the file to UTF-8");
}

#[test]
fn a_bad_csv_row_names_line_and_field() {
    insta::assert_snapshot!(error(Format::Csv, "a,b\r\n1,2\r\n1,2,3\r\n"), @"line 3 of `data`: expected 2 cells as in the header, got 3; put cells that hold the separator in quotes");
    insta::assert_snapshot!(error(Format::Csv, "a,b\n\n1\n"), @"line 3 of `data`: expected 2 cells as in the header, got 1; put cells that hold the separator in quotes");
    insta::assert_snapshot!(error(Format::Csv, "a,b,a\n"), @"line 1 of `data`: expected column names that differ, got `a` twice");
    insta::assert_snapshot!(error(Format::Csv, b"a,b\n1,2\n3,caf\xE9\n"), @"line 3 of `data` is not UTF-8 text: in `b`, byte 4 of it is 0xE9; convert the file to UTF-8");
    insta::assert_snapshot!(error(Format::Csv, b"\xFF\xFEa\0,\0b\0"), @"line 1 of `data` is not UTF-8 text: in the header, it begins like UTF-16; convert the file to UTF-8");
    insta::assert_snapshot!(error(Format::Tsv, b"a\tb\n1\t\xF0\x9F\n"), @"line 2 of `data` is not UTF-8 text: in `b`, byte 1 of it is 0xF0; convert the file to UTF-8");
}

#[test]
fn bad_text_names_its_line() {
    insta::assert_snapshot!(error(Format::Text, b"a\nb\xA0c\n"), @"line 2 of `data` is not UTF-8 text: byte 2 of it is 0xA0; convert the file to UTF-8");
    let whole = read_unit(Format::Text, TextUnit::File, b"a\nb\xA0c\n").expect_err("bad");
    assert_eq!(whole.to_string(), error(Format::Text, b"a\nb\xA0c\n"));
}

#[test]
fn parquet_rows_are_those_of_the_reference() {
    let rows = read_path(Path::new(&format!("{TABLE}.parquet"))).expect("a good file");
    let expected = fs::read_to_string(format!("{TABLE}.json")).expect("the expectation");
    let expected: Vec<Value> = serde_json::from_str(&expected).expect("the expectation");
    assert_eq!(rows.len(), 12);
    for (index, (row, expected)) in rows.into_iter().zip(expected).enumerate() {
        assert_eq!(row.at.to_string(), format!("row {} of `{TABLE}.parquet`", index + 1));
        assert_eq!(Value::Object(row.columns), expected, "row {index}");
    }
}

#[test]
fn damaged_parquet_is_an_error() {
    let good = fs::read(format!("{TABLE}.parquet")).expect("a good file");
    let folder = folder(&[
        ("short.parquet", &good[..good.len() / 2]),
        ("holed.parquet", &[&good[..4], &good[6_000..]].concat()),
        ("text.parquet", b"this is not a table"),
        ("empty.parquet", b""),
    ]);
    insta::assert_snapshot!(path_error(&folder, "short.parquet"), @"`DIR/short.parquet` cannot be read as Parquet: Invalid Parquet file. Corrupt footer; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
    insta::assert_snapshot!(path_error(&folder, "holed.parquet"), @"`DIR/holed.parquet` cannot be read as Parquet: Required field type_ is missing; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
    insta::assert_snapshot!(path_error(&folder, "text.parquet"), @"`DIR/text.parquet` cannot be read as Parquet: Invalid Parquet file. Corrupt footer; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
    insta::assert_snapshot!(path_error(&folder, "empty.parquet"), @"`DIR/empty.parquet` cannot be read as Parquet: EOF: Parquet file too small. Size is 0 but need 8; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
}

#[test]
fn paths_that_cannot_be_read_say_why() {
    let folder = folder(&[
        ("data.xlsx", b""),
        ("empty.jsonl", b"\n"),
        ("header.csv", b"a,b\n"),
        ("cut.jsonl.gz", &gzip(b"{}\n{}\n")[..20]),
        ("plain.csv.gz", b"text,label\nnot packed,2\n"),
        ("table.parquet.gz", b""),
    ]);
    fs::create_dir(folder.path().join("docs")).expect("a folder");
    fs::write(folder.path().join("docs/README.md"), "no data").expect("a file");
    fs::write(folder.path().join("docs/.hidden.csv"), "a\n1").expect("a file");
    insta::assert_snapshot!(path_error(&folder, "nowhere.csv"), @"`DIR/nowhere.csv` does not exist; check the spelling and the current folder");
    insta::assert_snapshot!(path_error(&folder, "data.xlsx"), @"the name of `DIR/data.xlsx` does not tell its format; expected .jsonl, .ndjson, .json, .csv, .tsv or .txt (each also with .gz), or .parquet; rename it or set `format`");
    insta::assert_snapshot!(path_error(&folder, "empty.jsonl"), @"`DIR/empty.jsonl` has no rows; expected at least one, so leave the file out or fill it");
    insta::assert_snapshot!(path_error(&folder, "header.csv"), @"`DIR/header.csv` has no rows; expected at least one, so leave the file out or fill it");
    insta::assert_snapshot!(path_error(&folder, "cut.jsonl.gz"), @"`DIR/cut.jsonl.gz` cannot be read as gzip: unexpected end of file; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
    insta::assert_snapshot!(path_error(&folder, "plain.csv.gz"), @"`DIR/plain.csv.gz` cannot be read as gzip: invalid gzip header; it is damaged, cut short, or uses a feature this reader lacks, so fetch or write it again");
    insta::assert_snapshot!(path_error(&folder, "table.parquet.gz"), @"the name of `DIR/table.parquet.gz` does not tell its format; expected .jsonl, .ndjson, .json, .csv, .tsv or .txt (each also with .gz), or .parquet; rename it or set `format`");
    insta::assert_snapshot!(path_error(&folder, "docs"), @"the folder `DIR/docs` holds no data file; expected files named .jsonl, .json, .csv, .tsv, .txt or .parquet directly in it");
}

#[test]
fn a_folder_is_its_data_files_by_name_and_paths_keep_their_order() {
    let folder = folder(&[
        ("b.jsonl", b"{\"a\": \"b\"}"),
        ("c.CSV.GZ", &gzip(b"a\nc1\nc2\n")),
        ("a.json", b"[{\"a\": \"a\"}]"),
        ("notes.md", b"no data"),
        (".a.jsonl", b"{\"a\": \"hidden\"}"),
    ]);
    fs::create_dir(folder.path().join("d.csv")).expect("a folder named like a file");
    let values = |paths: &[PathBuf]| -> Vec<String> {
        let rows = read_rows(paths, &ReadOptions::default()).expect("good paths");
        rows.map(|row| row.expect("good rows").columns["a"].to_string()).collect()
    };
    let path = |name| folder.path().join(name);
    assert_eq!(values(&[path("")]), ["\"a\"", "\"b\"", "\"c1\"", "\"c2\""]);
    assert_eq!(values(&[path("b.jsonl"), path("a.json")]), ["\"b\"", "\"a\""]);
}

#[test]
fn a_format_that_is_given_beats_the_name() {
    let folder = folder(&[("data.raw", b"{\"a\": 1}")]);
    let options = ReadOptions { format: Some(Format::Jsonl), ..ReadOptions::default() };
    let rows = read_rows(&[folder.path().join("data.raw")], &options).expect("a known format");
    assert_eq!(rows.count(), 1);
}

#[test]
fn nothing_follows_the_first_error() {
    let folder = folder(&[("a.jsonl", b"{}\n[]\n{}\n"), ("b.jsonl", b"{}\n")]);
    let rows = read_rows(&[folder.path().to_path_buf()], &ReadOptions::default()).expect("paths");
    let rows: Vec<bool> = rows.map(|row| row.is_ok()).collect();
    assert_eq!(rows, [true, false]);
}

/// Writes rows for ever, or to a count, and keeps account of the bytes it was asked for.
struct Source {
    left: u64,
    row: Vec<u8>,
    pending: io::Cursor<Vec<u8>>,
    given: &'static AtomicU64,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.position() == self.pending.get_ref().len() as u64 && self.left > 0 {
            self.left -= 1;
            self.pending = io::Cursor::new(self.row.clone());
        }
        let count = self.pending.read(buffer)?;
        self.given.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A reader that looked ahead, or kept what it read, would ask for more than it has yielded.
fn check_streaming(format: Format, header: &str, row: &str) {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    const ROWS: u64 = 100_000;
    const BUFFER: u64 = 64 * 1024;
    let _guard = ONE_AT_A_TIME.lock();
    GIVEN.store(0, Ordering::Relaxed);
    let pending = io::Cursor::new(header.as_bytes().to_vec());
    let source = Source { left: ROWS, row: row.as_bytes().to_vec(), pending, given: &GIVEN };
    let input = Box::new(BufReader::new(source));
    let rows = rows_from(input, Path::new("data"), format, TextUnit::Line).expect("a header");
    let mut count = 0;
    for yielded in rows {
        yielded.expect("a good row");
        count += 1;
        let needed = header.len() as u64 + count * row.len() as u64;
        let given = GIVEN.load(Ordering::Relaxed);
        assert!(given <= needed + BUFFER, "{given} bytes read for {count} rows of {needed}");
    }
    assert_eq!(count, ROWS);
}

#[test]
fn a_hundred_thousand_rows_are_read_one_at_a_time() {
    check_streaming(Format::Jsonl, "", "{\"prompt\": \"What is 2 + 2?\", \"completion\": \"4\"}\n");
    check_streaming(Format::Csv, "text,label\n", "\"a little text\",1\r\n");
    check_streaming(Format::Tsv, "text\tlabel\n", "a little text\t1\n");
    check_streaming(Format::Text, "", "a little text\n");
}

/// Bytes that look enough like data to get past the first check.
fn almost_data() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            "\"",
            ",",
            ":",
            "\n",
            "\r\n",
            "\t",
            "\\u",
            "\\",
            "data",
            "null",
            "1e999",
            "-",
            "\u{FEFF}",
            "{\"a\":1}",
            "\"a\"",
            "a,b\n",
            "\"\"",
            "\0",
            "é",
            "\\ud800",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in prop_oneof![almost_data(), prop::collection::vec(any::<u8>(), 0..200)],
    ) {
        for format in FORMATS {
            for unit in [TextUnit::File, TextUnit::Line] {
                if let Err(error) = read_unit(format, unit, &bytes) {
                    prop_assert!(error.is_bad_input());
                    prop_assert!(error.to_string().len() < 2_000, "{error}");
                }
            }
        }
    }

    #[test]
    fn jsonl_json_and_csv_give_back_what_was_written(
        cells in prop::collection::vec(prop::array::uniform2("(?s).{0,12}"), 1..8),
    ) {
        let objects: Vec<Value> =
            cells.iter().map(|[a, b]| json!({"first": a, "second": b})).collect();
        let jsonl: String = objects.iter().map(|object| format!("{object}\n")).collect();
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let csv: String =
            cells.iter().map(|[a, b]| format!("{},{}\n", quoted(a), quoted(b))).collect();
        let json = serde_json::to_string_pretty(&objects).expect("values");
        let inputs = [
            (Format::Jsonl, jsonl),
            (Format::Json, json),
            (Format::Csv, format!("first,second\n{csv}")),
        ];
        for (format, text) in inputs {
            let rows = read(format, text).expect("a good file");
            let rows: Vec<Value> = rows.into_iter().map(|row| row.columns.into()).collect();
            prop_assert_eq!(&rows, &objects);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn damaged_parquet_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_footer in any::<bool>(),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut bytes = fs::read(format!("{TABLE}.parquet")).expect("a good file");
        let footer = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().expect("4"));
        let start = if in_footer { bytes.len() - 8 - footer as usize } else { 0 };
        for (at, byte) in damage {
            let place = start + at.index(bytes.len() - start);
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = folder(&[("table.parquet", &bytes)]);
        let rows = read_rows(&[folder.path().join("table.parquet")], &ReadOptions::default());
        // Some damage goes unseen: a changed cell, or a row count of many rows of nothing.
        for row in rows.expect("it exists").take(1_000) {
            if let Err(error) = row {
                prop_assert!(error.is_bad_input(), "{error:?}");
            }
        }
    }
}
