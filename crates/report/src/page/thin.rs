//! Recorded points to the few that a picture can show.

use crate::run::Point;

/// Points that one line connects, steps ascending.
pub(super) type Line = Vec<(u64, f64)>;

/// A jump this many times the usual distance between points leaves a gap in the line.
const GAP: u64 = 10;

/// The lines of a curve: broken at nulls and at long stretches without a point, as between two
/// phases of one kind.
///
/// More than `2 * buckets` points are thinned: the steps are cut into `buckets` equal stretches, of
/// each the smallest and the largest value stay, and the curve's first and last point. A null then
/// breaks the line only where it has a stretch to itself.
pub(super) fn lines(points: &[Point], buckets: usize) -> Vec<Line> {
    let gap = longest_bridge(points, buckets);
    let mut lines: Vec<Line> = Vec::new();
    let mut open = false;
    for stretch in stretches(points, buckets) {
        if stretch.is_empty() {
            open = false;
        }
        for point in stretch {
            match lines.last_mut() {
                Some(line) if open && !is_gap(line, point, gap) => line.push(point),
                _ => lines.push(vec![point]),
            }
            open = true;
        }
    }
    lines
}

/// The mean of each point and its neighbours: `window` points in all, fewer near the ends. Nulls
/// stay and are left out of the means; a gap in the line is never averaged over.
pub(super) fn moving_average(points: &[Point], window: usize) -> Vec<Point> {
    let gap = usual_distance(points).saturating_mul(GAP);
    let pieces = points.chunk_by(|a, b| b.step.saturating_sub(a.step) <= gap);
    pieces.flat_map(|piece| average_of_piece(piece, window)).collect()
}

fn average_of_piece(points: &[Point], window: usize) -> Vec<Point> {
    let mut sums = vec![(0.0, 0.0)];
    let (mut sum, mut count) = (0.0, 0.0);
    for point in points {
        if let Some(value) = point.value {
            sum += value;
            count += 1.0;
        }
        sums.push((sum, count));
    }
    let mean = |from: usize, to: usize| {
        let ((s0, n0), (s1, n1)) = (sums.get(from)?, sums.get(to)?);
        let mean = (s1 - s0) / (n1 - n0);
        mean.is_finite().then_some(mean)
    };
    let smooth = points.iter().enumerate().map(|(index, point)| {
        let (from, to) = (index.saturating_sub(window / 2), (index + window / 2 + 1));
        let value = point.value.and_then(|_| mean(from, to.min(points.len())));
        Point { step: point.step, value }
    });
    smooth.collect()
}

/// What stays of each stretch, in order of steps; an empty stretch had only nulls.
fn stretches(points: &[Point], buckets: usize) -> Vec<Vec<(u64, f64)>> {
    if points.len() <= buckets.saturating_mul(2) {
        let exact = |point: &Point| Vec::from_iter(point.value.map(|value| (point.step, value)));
        return points.iter().map(exact).collect();
    }
    let (first, last) = ends(points);
    let span = u128::from(last.saturating_sub(first)) + 1;
    let bucket =
        |point: &Point| u128::from(point.step.saturating_sub(first)) * buckets as u128 / span;
    points.chunk_by(|a, b| bucket(a) == bucket(b)).map(|few| kept(few, first, last)).collect()
}

/// The smallest and the largest value, and those at the ends of the curve, in order of steps.
fn kept(points: &[Point], first: u64, last: u64) -> Vec<(u64, f64)> {
    let numbers = || points.iter().filter_map(|point| Some((point.step, point.value?)));
    let least = numbers().min_by(|a, b| a.1.total_cmp(&b.1));
    let most = numbers().max_by(|a, b| a.1.total_cmp(&b.1));
    let at_ends = numbers().filter(|(step, _)| *step == first || *step == last);
    let mut kept: Vec<_> = least.into_iter().chain(most).chain(at_ends).collect();
    kept.sort_by_key(|(step, _)| *step);
    kept.dedup();
    kept
}

fn ends(points: &[Point]) -> (u64, u64) {
    let step = |point: Option<&Point>| point.map_or(0, |point| point.step);
    (step(points.first()), step(points.last()))
}

/// The longest distance, in steps, that a line still bridges.
fn longest_bridge(points: &[Point], buckets: usize) -> u64 {
    let (first, last) = ends(points);
    let stretch = match buckets as u64 {
        buckets if points.len() as u64 > buckets * 2 && buckets > 0 => {
            last.saturating_sub(first) / buckets + 1
        }
        _ => 0,
    };
    usual_distance(points).saturating_mul(GAP).max(stretch.saturating_mul(2))
}

fn is_gap(line: &Line, (step, _): (u64, f64), gap: u64) -> bool {
    line.last().is_some_and(|(last, _)| step.saturating_sub(*last) > gap)
}

/// The median distance between neighbouring points.
fn usual_distance(points: &[Point]) -> u64 {
    let distance = |pair: &[Point]| match pair {
        [a, b] => b.step.saturating_sub(a.step),
        _ => 0,
    };
    let mut distances: Vec<u64> = points.windows(2).map(distance).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
