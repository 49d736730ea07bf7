//! The frame around each event: its length, and checksums of length and content.
//!
//! `length: u64`, `masked CRC of length: u32`, the content, `masked CRC of content: u32`, all
//! little-endian. The checksum is CRC-32C (Castagnoli), not the CRC-32 of zip files.

use std::io::{self, Write};

/// Bytes of a frame around its content.
pub(super) const FRAME: usize = 16;

/// Appends one record.
pub(super) fn write(out: &mut impl Write, content: &[u8]) -> io::Result<()> {
    let length = (content.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(content)?;
    out.write_all(&masked_crc(content).to_le_bytes())
}

/// The content of the record at the start of `bytes`; `None` where there is no whole, sound record.
pub(super) fn first(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (length_crc, rest) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*length_crc) != masked_crc(length) {
        return None;
    }
    let (content, rest) =
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (content_crc, _) = rest.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*content_crc) == masked_crc(content)).then_some(content)
}

/// CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays useful.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
