use super::*;
use crate::fixtures::{assert_close, numbers};

/// A panel of some numbers, stored as `S`.
fn panel<S: Stored>(steps: usize) -> Vec<S> {
    let values = numbers(5, steps * LANES);
    let (lines, _) = values.as_chunks::<LANES>();
    let lines: Vec<Line> = lines.iter().map(|line| Line(*line)).collect();
    let mut stored = vec![S::ZERO; steps];
    let _ = S::store(&lines, &mut stored);
    stored
}

fn floats(lines: &[Line]) -> Vec<f32> {
    lines.iter().flat_map(|line| line.0).collect()
}

/// The kernels of this machine read a stored line as the plain path does.
fn check<S: Stored>(what: &str) {
    for (rows, steps) in [(1, 1), (2, 7), (3, 33), (4, 64)] {
        let panel: Vec<S> = panel(steps);
        let input = numbers(6, rows * steps);
        let (mut ours, mut theirs) = (vec![ZERO; rows], vec![ZERO; rows]);
        let blocks = Blocks::new(&input, rows, steps);
        for (block, ours) in blocks.iter().zip(ours.chunks_mut(blocks.height)) {
            multiply(block, blocks.height, &panel, ours);
        }
        let turned: Vec<f32> =
            (0..steps * rows).map(|place| input[(place % rows) * steps + place / rows]).collect();
        plain(&turned, &panel, &mut theirs);
        assert_close(what, &floats(&ours), &floats(&theirs), 1e-5);
    }
}

#[test]
fn every_storage_reads_alike_on_any_machine() {
    assert!(height() >= PLAIN);
    check::<Line>("f32");
    check::<HalfLine>("bf16");
    check::<ByteLine>("int8");
}

#[test]
fn bytes_expand_to_whole_numbers_of_either_sign() {
    let column = |lane: usize| lane as f32 - 8.0;
    let values: [f32; LANES] = std::array::from_fn(column);
    let mut stored = [ByteLine::ZERO; 2];
    let step =
        ByteLine::store(&[Line(values), Line(values.map(|value| value / -4.0))], &mut stored);
    let expected = |whole: f32| {
        let of = |lane: usize| if lane == 8 { 0.0 } else { column(lane).signum() * whole };
        std::array::from_fn::<f32, LANES, _>(of)
    };
    assert_eq!(stored[0].expand().0[..], expected(127.0)[..]);
    // A quarter of 127 is 31.75.
    assert_eq!(stored[1].expand().0[..], expected(-32.0)[..]);
    assert_eq!(step.0[..], values.map(|value| value.abs() / 127.0)[..]);
}
