//! Hashes that are the same in every process and release, for what is saved with checkpoints.

/// Hashes `bytes` by FNV-1a, mixed so that all bits depend on all bytes.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    mix(bytes.iter().fold(BASIS, step))
}

/// The hash of a sequence: of what came before and `next`. The order counts.
pub(crate) fn extend(before: u64, next: u64) -> u64 {
    mix(before.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ next)
}

/// The hash of the sequence of `tokens`' hashes.
pub(crate) fn sequence(tokens: &[u64]) -> u64 {
    tokens.iter().fold(tokens.len() as u64, |before, token| extend(before, *token))
}

/// The distinct hashes of the n-grams of `tokens`, sorted. A shorter text is one n-gram; an empty
/// one has none.
pub(crate) fn distinct_ngrams(tokens: &[u64], n: usize) -> Vec<u64> {
    let width = n.min(tokens.len()).max(1);
    let mut grams: Vec<u64> = tokens.windows(width).map(sequence).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

/// The finaliser of MurmurHash3.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
