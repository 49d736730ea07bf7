use super::*;

/* Reference: `printf 'abc' | sha256sum`, also the first example of FIPS 180-2. */
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_copy_carries_the_published_hash_of_abc() {
    let mut out = Vec::new();
    let mut seen = 0;
    let got = copy(&mut &b"abc"[..], &mut out, 3, |n| seen += n).unwrap();
    assert_eq!(got, Fingerprint { size: 3, sha256: ABC.to_owned() });
    assert_eq!((out.as_slice(), seen), (&b"abc"[..], 3));
}

#[test]
fn a_copy_stops_one_byte_past_its_limit() {
    let got = copy(&mut io::repeat(7), &mut io::sink(), 1000, |_| {}).unwrap();
    assert_eq!(got.size, 1001);
}

#[test]
fn the_hashing_reader_hashes_what_its_user_did_not_read() {
    let mut reader = HashingReader::new(&b"abc"[..]);
    reader.read_exact(&mut [0]).unwrap();
    assert_eq!(reader.finish().unwrap(), Fingerprint { size: 3, sha256: ABC.to_owned() });
}

#[test]
fn a_full_disk_is_told_from_a_broken_source() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = copy(&mut &b"abc"[..], &mut Full, 3, |_| {}).unwrap_err();
    assert!(matches!(error, CopyError::Write(e) if e.kind() == io::ErrorKind::StorageFull));
}
