//! Tercom's greedy search for shifts: word sequences that stand elsewhere in the target.

use std::cmp::Ordering;

use super::beam::{Op, Table};

/// Words of a shifted sequence at most.
const MAX_SIZE: usize = 10;
/// Words between the two places at most.
const MAX_DISTANCE: usize = 50;
/// Shifts that are tried for a pair of texts at most, over all rounds.
const MAX_CANDIDATES: usize = 1000;

/// Edits and shifts from `response` to `target`.
pub(super) fn edits(response: &[u32], target: &[u32]) -> usize {
    if target.is_empty() {
        return response.len();
    }
    let mut words = response.to_vec();
    let (mut shifts, mut tried) = (0, 0);
    loop {
        let table = Table::new(&words, target);
        let best = best_shift(&table, &words, target, &mut tried);
        match best {
            // Where the search ran out of candidates, what it found last is not applied.
            Some(best) if tried < MAX_CANDIDATES && best.gain > 0 => {
                words = best.shifted;
                shifts += 1;
            }
            _ => return shifts + table.distance() as usize,
        }
    }
}

/// A shift that was tried. The best has the largest gain, then the longest sequence, then the
/// earliest place in the response, then the earliest target, then the last words.
struct Shift {
    gain: i64,
    length: usize,
    start: usize,
    target: usize,
    shifted: Vec<u32>,
}

impl Shift {
    fn compare(&self, other: &Self) -> Ordering {
        let key = |shift: &Self| (shift.gain, shift.length);
        key(self)
            .cmp(&key(other))
            .then(other.start.cmp(&self.start))
            .then(other.target.cmp(&self.target))
            .then_with(|| self.shifted.cmp(&other.shifted))
    }
}

fn best_shift(
    table: &Table<'_>,
    words: &[u32],
    target: &[u32],
    tried: &mut usize,
) -> Option<Shift> {
    let alignment = Alignment::of(&table.way(words));
    let mut best: Option<Shift> = None;
    for (start, start_target, length) in common_sequences(words, target) {
        let Some(places) = alignment.targets(start, start_target, length) else { continue };
        for place in places {
            let shifted = shift(words, start, length, place);
            let same = start.min(place);
            let distance = table.distance_of(same, shifted.iter().skip(same).copied());
            let gain = i64::from(table.distance()) - i64::from(distance);
            let candidate = Shift { gain, length, start, target: place, shifted };
            *tried += 1;
            if best.as_ref().is_none_or(|best| candidate.compare(best) == Ordering::Greater) {
                best = Some(candidate);
            }
        }
        if *tried >= MAX_CANDIDATES {
            break;
        }
    }
    best
}

/// Every sequence that stands in both texts: its place in the response, in the target, its length.
fn common_sequences<'a>(
    words: &'a [u32],
    target: &'a [u32],
) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
    let starts = |start: usize| {
        let last = (start + MAX_DISTANCE + 1).min(target.len());
        (start.saturating_sub(MAX_DISTANCE)..last).map(move |other| (start, other))
    };
    (0..words.len()).flat_map(starts).flat_map(|(start, other)| {
        let pairs = words.iter().skip(start).zip(target.iter().skip(other));
        let length = pairs.take(MAX_SIZE).take_while(|(ours, theirs)| ours == theirs).count();
        (1..=length).map(move |length| (start, other, length))
    })
}

/// Where the words of the target stand in the response, and which words of both are wrong.
#[derive(Default)]
struct Alignment {
    /// For each word of the target the word of the response beside it, counted from 1; 0 is before
    /// the first.
    places: Vec<usize>,
    /// Wrong words of the target before each place, and in all.
    target_errors: Vec<usize>,
    /// The same of the response.
    response_errors: Vec<usize>,
}

impl Alignment {
    fn of(way: &[Op]) -> Self {
        let mut alignment =
            Self { places: Vec::new(), target_errors: vec![0], response_errors: vec![0] };
        let add = |errors: &mut Vec<usize>, wrong: bool| {
            let before = errors.last().copied().unwrap_or(0);
            errors.push(before + usize::from(wrong));
        };
        let mut place = 0;
        for op in way {
            let wrong = *op != Op::Keep;
            if *op != Op::Insert {
                place += 1;
                add(&mut alignment.response_errors, wrong);
            }
            if *op != Op::Delete {
                alignment.places.push(place);
                add(&mut alignment.target_errors, wrong);
            }
        }
        alignment
    }

    /// The places to try for a sequence, or `None` where shifting it is no use: it is right where it
    /// stands on either side, or the target's place lies within it.
    fn targets(
        &self,
        start: usize,
        start_target: usize,
        length: usize,
    ) -> Option<impl Iterator<Item = usize>> {
        let wrong = |errors: &[usize], start: usize| {
            errors
                .get(start + length)
                .zip(errors.get(start))
                .is_some_and(|(end, start)| end > start)
        };
        if !wrong(&self.response_errors, start) || !wrong(&self.target_errors, start_target) {
            return None;
        }
        let place = *self.places.get(start_target)?;
        if (start + 1..=start + length).contains(&place) {
            return None;
        }
        let before = start_target.checked_sub(1).map_or(Some(0), |at| self.places.get(at).copied());
        let after = self.places.iter().skip(start_target).take(length).copied();
        let mut places: Vec<usize> = before.into_iter().chain(after).collect();
        places.dedup();
        Some(places.into_iter())
    }
}

/// `words` with the sequence at `start` moved to `place`. A place after the sequence, or within it,
/// is counted as the original counts it.
fn shift(words: &[u32], start: usize, length: usize, place: usize) -> Vec<u32> {
    let part = |from: usize, to: usize| words.get(from..to.min(words.len())).unwrap_or_default();
    let end = start + length;
    let moved = part(start, end);
    if place < start {
        [part(0, place), moved, part(place, start), part(end, words.len())].concat()
    } else if place > end {
        [part(0, start), part(end, place), moved, part(place, words.len())].concat()
    } else {
        let place = length + place;
        [part(0, start), part(end, place), moved, part(place, words.len())].concat()
    }
}
