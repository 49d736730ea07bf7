use super::*;

/// A field of a message: number and content. Only what event files use.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Number(u64, u64),
    Double(u64, f64),
    Float(u64, f32),
    Bytes(u64, Vec<u8>),
}

fn take_varint(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().expect("a varint ends");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, rest) = bytes.split_first_chunk::<N>().expect("enough bytes");
    *bytes = rest;
    *head
}

fn fields(mut bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take_varint(&mut bytes);
        fields.push(match key & 7 {
            0 => Field::Number(key >> 3, take_varint(&mut bytes)),
            1 => Field::Double(key >> 3, f64::from_le_bytes(take(&mut bytes))),
            2 => {
                let length = take_varint(&mut bytes) as usize;
                let (head, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(key >> 3, head.to_vec())
            }
            5 => Field::Float(key >> 3, f32::from_le_bytes(take(&mut bytes))),
            wire => panic!("wire type {wire}"),
        });
    }
    fields
}

fn inner(message: &[Field], number: u64) -> Vec<Vec<Field>> {
    let of = |field: &Field| match field {
        Field::Bytes(n, content) if *n == number => Some(fields(content)),
        _ => None,
    };
    message.iter().filter_map(of).collect()
}

fn string(message: &[Field], number: u64) -> Option<String> {
    message.iter().find_map(|field| match field {
        Field::Bytes(n, content) if *n == number => String::from_utf8(content.clone()).ok(),
        _ => None,
    })
}

/// Every event of a file; fails where a record is not whole.
fn events(path: &Path) -> Vec<Vec<Field>> {
    let bytes = fs::read(path).expect("readable");
    let (mut at, mut events) = (0, Vec::new());
    while at < bytes.len() {
        let event = record::first(&bytes[at..]).expect("a whole record");
        events.push(fields(event));
        at += record::FRAME + event.len();
    }
    events
}

fn open(folder: &Path, seconds: u64, resumed_at: Option<u64>) -> EventWriter {
    EventWriter::open(folder, seconds, "host-1", resumed_at).expect("opens")
}

#[test]
fn the_first_bytes_are_tensorflows() {
    // Every event file of TensorFlow begins with these: length 24 and its masked CRC-32C.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let writer = open(folder.path(), 1_700_000_000, None);
    let name = writer.path().file_name().and_then(|name| name.to_str());
    assert_eq!(name, Some("events.out.tfevents.1700000000.host-1"));
    let bytes = fs::read(writer.path()).expect("readable");
    assert_eq!(bytes.get(..12), Some(b"\x18\0\0\0\0\0\0\0\xa3\x7fK\"".as_slice()));
    assert_eq!(
        events(writer.path()),
        [[Field::Double(1, 1.7e9), Field::Bytes(3, b"brain.Event:2".to_vec())]]
    );
}

#[test]
fn the_checksum_is_castagnolis() {
    // The check value of CRC-32C in Koopman's and RFC 3720's tables; CRC-32 has 0xcbf43926.
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn scalars_of_a_step_are_one_event_and_nulls_are_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writer = open(folder.path(), 5, None);
    let metrics =
        [("sft/loss", Some(2.5)), ("ppo/explained_variance", None), ("my/own", Some(-1.0))];
    writer.scalars(300, 7.5, metrics).expect("written");
    writer.scalars(301, 8.5, [("sft/loss", Some(f64::NAN))]).expect("written");
    writer.scalars(302, 8.5, [("sft/loss", None)]).expect("nothing to write");
    writer.flush().expect("flushed");
    let events = events(writer.path());
    assert_eq!(events.len(), 3);
    assert_eq!(events[1][..2], [Field::Double(1, 7.5), Field::Number(2, 300)]);
    let summary = inner(&events[1], 5).concat();
    let values = inner(&summary, 1);
    assert_eq!(values.len(), 2);
    assert_eq!(string(&values[0], 1).as_deref(), Some("sft/loss"));
    assert!(values[0].contains(&Field::Float(2, 2.5)));
    let description = string(&inner(&values[0], 9).concat(), 3).expect("described");
    assert!(description.contains("nats/token"), "{description}");
    assert_eq!(values[1], [Field::Bytes(1, b"my/own".to_vec()), Field::Float(2, -1.0)]);
    // Described once.
    assert!(inner(&inner(&inner(&events[2], 5).concat(), 1).concat(), 9).is_empty());
}

#[test]
fn a_text_is_a_string_tensor_of_the_text_plugin() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writer = open(folder.path(), 5, None);
    let markdown = sample_markdown("<b>p", "r\n🎬", Some(0.5));
    assert_eq!(markdown, "Prompt\n\n    <b>p\n\nResponse (score 0.5000)\n\n    r\n    🎬\n");
    writer.text(0, 6.0, "samples/after", &markdown).expect("written");
    writer.flush().expect("flushed");
    let events = events(writer.path());
    let value = inner(&inner(&events[1], 5).concat(), 1).concat();
    let tensor = inner(&value, 8).concat();
    assert!(tensor.contains(&Field::Number(1, 7)));
    assert_eq!(string(&tensor, 8), Some(markdown));
    let plugin = inner(&inner(&value, 9).concat(), 1).concat();
    assert_eq!(string(&plugin, 1).as_deref(), Some("text"));
}

#[test]
fn half_a_record_is_cut_off_and_the_file_continued() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut writer = open(folder.path(), 5, None);
    writer.scalars(1, 6.0, [("x", Some(1.0))]).expect("written");
    writer.flush().expect("flushed");
    let whole = fs::read(writer.path()).expect("readable");
    let path = writer.path().to_path_buf();
    writer.scalars(2, 7.0, [("x", Some(2.0))]).expect("written");
    writer.flush().expect("flushed");
    let longer = fs::read(&path).expect("readable");
    for cut in whole.len() + 1..longer.len() {
        fs::write(&path, &longer[..cut]).expect("written");
        let mut again = open(folder.path(), 5, Some(2));
        again.scalars(2, 9.0, [("x", Some(3.0))]).expect("written");
        drop(again);
        let events = events(&path);
        assert_eq!(events.len(), 4, "cut at {cut}");
        assert_eq!(inner(&events[2], 7), [[Field::Number(1, 1)]], "the session mark");
        assert!(events[2].contains(&Field::Number(2, 2)));
    }
}

#[test]
fn other_files_and_odd_hosts_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("events.out.tfevents.0000000005.h");
    fs::write(&path, b"not an event file, and longer than a frame").expect("written");
    let error = EventWriter::open(folder.path(), 5, "h", None).expect_err("not events");
    assert!(matches!(error, ReportError::NotEvents { .. }) && error.is_bad_input(), "{error}");
    assert_eq!(fs::read(&path).expect("kept").len(), 42);
    for host in ["", "../x", "a b", "höst"] {
        let error = EventWriter::open(folder.path(), 5, host, None).expect_err(host);
        assert!(matches!(error, ReportError::BadHost { .. }), "{error}");
    }
    let error = EventWriter::open(&path, 5, "h", None).expect_err("a file, not a folder");
    assert!(!error.is_bad_input(), "{error}");
}

#[test]
fn damage_of_any_byte_is_seen() {
    let mut sound = Vec::new();
    record::write(&mut sound, b"content").expect("written");
    assert_eq!(record::first(&sound), Some(b"content".as_slice()));
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        assert_eq!(record::first(&damaged), None, "byte {at}");
        assert_eq!(record::first(&sound[..at]), None, "cut at {at}");
    }
}
