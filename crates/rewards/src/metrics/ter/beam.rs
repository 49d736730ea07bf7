//! Levenshtein's distance over words within a band around the diagonal, and its way back.

/// Half the width of the band, in words of the target.
const BEAM: usize = 25;
/// The cost of a cell outside the band; one more edit does not overflow it.
const FAR: u32 = u32::MAX / 2;

/// What was done at a step of the way, seen from the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// The words are equal.
    Keep,
    /// One word stands for the other.
    Replace,
    /// The response has a word too many.
    Delete,
    /// The response lacks a word.
    Insert,
}

/// The rows of a response's words against a target's.
pub(super) struct Table<'t> {
    target: &'t [u32],
    /// Words of the response; the band's slope depends on it.
    len: usize,
    /// Row `i`, one cost a prefix of the target: the edits of the first `i` words.
    rows: Vec<Vec<u32>>,
}

impl<'t> Table<'t> {
    /// The table of `response` against `target`, which is not empty.
    pub(super) fn new(response: &[u32], target: &'t [u32]) -> Self {
        let first = (0..=target.len() as u32).collect();
        let mut table = Self { target, len: response.len(), rows: vec![first] };
        for (i, word) in (1..).zip(response) {
            let mut row = vec![FAR; target.len() + 1];
            if let Some(above) = table.rows.last() {
                table.fill(i, *word, above, &mut row);
            }
            table.rows.push(row);
        }
        table
    }

    /// The edits of the whole response.
    pub(super) fn distance(&self) -> u32 {
        self.rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
    }

    /// The edits of a response of the same length whose first `same` words are the table's own and
    /// whose others are `rest`.
    pub(super) fn distance_of(&self, same: usize, rest: impl Iterator<Item = u32>) -> u32 {
        let mut above = self.rows.get(same).cloned().unwrap_or_default();
        let mut row = vec![FAR; above.len()];
        for (i, word) in (same + 1..).zip(rest) {
            row.fill(FAR);
            self.fill(i, word, &above, &mut row);
            std::mem::swap(&mut above, &mut row);
        }
        above.last().copied().unwrap_or(0)
    }

    /// The first and the last but one cell of row `i` inside the band.
    fn band(&self, i: usize) -> (usize, usize) {
        let ratio = self.target.len() as f64 / self.len as f64;
        let beam = match ratio / 2.0 {
            half if half > BEAM as f64 => (half + BEAM as f64).ceil() as usize,
            _ => BEAM,
        };
        let diagonal = (i as f64 * ratio).floor() as usize;
        let all = self.target.len() + 1;
        let end = if i == self.len { all } else { all.min(diagonal + beam) };
        (diagonal.saturating_sub(beam), end)
    }

    /// Fills row `i`, of `word`, from the row above it.
    fn fill(&self, i: usize, word: u32, above: &[u32], row: &mut [u32]) {
        let (start, end) = self.band(i);
        let mut left = FAR;
        let mut diagonal = match start.checked_sub(1) {
            Some(before) => above.get(before).copied().unwrap_or(FAR),
            None => FAR,
        };
        let cells = row.iter_mut().zip(above).enumerate().take(end).skip(start);
        for (j, (cell, up)) in cells {
            let other = j.checked_sub(1).and_then(|before| self.target.get(before));
            let replace = diagonal + u32::from(other != Some(&word));
            *cell = match other {
                None => up + 1,
                Some(_) => replace.min(up + 1).min(left + 1).min(FAR),
            };
            (left, diagonal) = (*cell, *up);
        }
    }

    /// The steps from the texts' start to their end. Of equal ways keeping or replacing comes first,
    /// then deleting.
    pub(super) fn way(&self, response: &[u32]) -> Vec<Op> {
        let cost = |i: usize, j: usize| -> u32 {
            self.rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(FAR)
        };
        let mut way = Vec::new();
        let (mut i, mut j) = (response.len(), self.target.len());
        while i > 0 || j > 0 {
            let op = match (i.checked_sub(1), j.checked_sub(1)) {
                (None, _) => Op::Insert,
                (_, None) => Op::Delete,
                (Some(above), Some(before)) => {
                    let same = response.get(above) == self.target.get(before);
                    let here = cost(i, j);
                    if here == cost(above, before) + u32::from(!same) {
                        if same { Op::Keep } else { Op::Replace }
                    } else if here == cost(above, j) + 1 {
                        Op::Delete
                    } else {
                        Op::Insert
                    }
                }
            };
            way.push(op);
            i -= usize::from(op != Op::Insert);
            j -= usize::from(op != Op::Delete);
        }
        way.reverse();
        way
    }
}
