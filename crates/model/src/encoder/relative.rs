//! MPNet's bias on the scores: one value a head for each bucket of distances.

use burn::tensor::{Device, Tensor};

use crate::input::int_tensor;

/// Distances from here on share the last bucket.
const FARTHEST: f32 = 128.0;

/// The bucket of a key `distance` tokens after its query (negative: before it).
///
/// Half of the buckets are for keys before the query and the query itself, half for those after
/// it. Of each half, the first half holds one distance a bucket; the others grow by a constant
/// factor (Raffel et al. 2020, arXiv 1910.10683, section 2.1).
fn bucket(distance: i64, buckets: usize) -> usize {
    let half = buckets / 2;
    let side = if distance > 0 { half } else { 0 };
    let (far, exact) = (distance.unsigned_abs() as usize, half / 2);
    if far < exact {
        return side + far;
    }
    // In f32, as the original: the border between two buckets is a rounding away.
    let growth = (far as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
    let beyond = (growth * (half - exact) as f32) as usize;
    side + (exact + beyond).min(half - 1)
}

/// The bias of every query and key of a row of `t` tokens.
///
/// # Shapes
///
/// - `table`: `[buckets, h]`
/// - output: `[1, h, t, t]`
pub(crate) fn bias(table: Tensor<2>, t: usize, device: &Device) -> Tensor<4> {
    let [buckets, heads] = table.dims();
    let places = 0..t as i64;
    let bucket_of = |query: i64, key: i64| bucket(key - query, buckets) as u32;
    let ids: Vec<u32> = places
        .clone()
        .flat_map(|query| places.clone().map(move |key| bucket_of(query, key)))
        .collect();
    let values = table.select(0, int_tensor(&ids, [ids.len()], device));
    values.reshape([t, t, heads]).permute([2, 0, 1]).unsqueeze()
}

#[cfg(test)]
mod tests;
