//! Rows of several lengths, without the steps that none of them takes.

use std::cmp::Reverse;
use std::ops::Range;

/// The steps that rows take, in the order of time, those of one time by length of their row, the
/// longest first: what PyTorch calls a packed sequence. `n` of them in all.
///
/// The rows that take a step are the first of those that took the one before, so that a step's
/// states before and after lie in one piece each: a matrix of *states* holds where the `b` rows
/// began, and then what each of the `n` steps left, `[b + n, width]`.
#[derive(Debug)]
pub(super) struct Packing {
    /// The rows, the longest first.
    order: Vec<usize>,
    /// Their lengths, in this order.
    lengths: Vec<usize>,
    /// How many steps were taken before each time that any row reaches, and in all.
    starts: Vec<usize>,
    /// `t`.
    times: usize,
}

impl Packing {
    /// Of rows of these lengths, each at most `times`.
    pub(super) fn new(lengths: &[usize], times: usize) -> Self {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|row| Reverse(lengths[*row]));
        let lengths: Vec<usize> = order.iter().map(|row| lengths[*row]).collect();
        let mut starts = vec![0];
        let mut taken = 0;
        for time in 0..lengths.first().copied().unwrap_or(0) {
            taken += lengths.partition_point(|length| *length > time);
            starts.push(taken);
        }
        Self { order, lengths, starts, times }
    }

    /// `b`.
    pub(super) fn rows(&self) -> usize {
        self.order.len()
    }

    /// `t`.
    pub(super) fn times(&self) -> usize {
        self.times
    }

    /// Times that any row reaches.
    pub(super) fn reached(&self) -> usize {
        self.starts.len() - 1
    }

    /// `n`.
    pub(super) fn taken(&self) -> usize {
        self.starts[self.reached()]
    }

    /// The steps of a time that is reached.
    pub(super) fn steps(&self, time: usize) -> Range<usize> {
        self.starts[time]..self.starts[time + 1]
    }

    /// Where the states lie that the steps of a time began with.
    pub(super) fn before(&self, time: usize) -> Range<usize> {
        let start = if time == 0 { 0 } else { self.rows() + self.starts[time - 1] };
        start..start + self.steps(time).len()
    }

    /// Where the states lie that they left.
    pub(super) fn after(&self, time: usize) -> Range<usize> {
        let steps = self.steps(time);
        self.rows() + steps.start..self.rows() + steps.end
    }

    /// Where the state of the row at this place of the order lies after so many steps, or after
    /// its last.
    fn state(&self, place: usize, steps: usize) -> usize {
        match steps.min(self.lengths[place]) {
            0 => place,
            steps => self.rows() + self.starts[steps - 1] + place,
        }
    }

    /// `[b, t, width]` to `[n, width]`.
    pub(super) fn gathered(&self, values: &[f32], width: usize) -> Vec<f32> {
        let mut packed = Vec::with_capacity(self.taken() * width);
        for time in 0..self.reached() {
            for row in &self.order[..self.steps(time).len()] {
                packed.extend_from_slice(at(values, row * self.times + time, width));
            }
        }
        packed
    }

    /// `[n, width]` to `[b, t, width]`; zeros past a row's length.
    pub(super) fn scattered(&self, packed: &[f32], width: usize) -> Vec<f32> {
        let mut values = vec![0.0; self.rows() * self.times * width];
        for time in 0..self.reached() {
            let steps = self.steps(time);
            for (row, step) in self.order.iter().zip(steps) {
                at_mut(&mut values, row * self.times + time, width)
                    .copy_from_slice(at(packed, step, width));
            }
        }
        values
    }

    /// States that begin with `[b, width]`; what the steps leave is zeros yet.
    pub(super) fn states(&self, start: &[f32], width: usize) -> Vec<f32> {
        let mut states = vec![0.0; (self.rows() + self.taken()) * width];
        for (place, row) in self.order.iter().enumerate() {
            at_mut(&mut states, place, width).copy_from_slice(at(start, *row, width));
        }
        states
    }

    /// The states that every step began with, `[n, width]`.
    pub(super) fn all_before(&self, states: &[f32], width: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity(self.taken() * width);
        for time in 0..self.reached() {
            all.extend_from_slice(&states[super::span(&self.before(time), width)]);
        }
        all
    }

    /// The state of every row after each step, the last one past its length, at the first `t` of
    /// `places`: `[b, places, width]`.
    pub(super) fn by_row(&self, states: &[f32], width: usize, places: usize) -> Vec<f32> {
        let mut values = vec![0.0; self.rows() * places * width];
        for (place, row) in self.order.iter().enumerate() {
            for time in 0..self.times {
                at_mut(&mut values, row * places + time, width).copy_from_slice(at(
                    states,
                    self.state(place, time + 1),
                    width,
                ));
            }
        }
        values
    }

    /// Writes every row's last state to one of its places in `[b, places, width]`.
    pub(super) fn put_last(
        &self,
        states: &[f32],
        width: usize,
        (which, places): (usize, usize),
        values: &mut [f32],
    ) {
        for (place, row) in self.order.iter().enumerate() {
            at_mut(values, row * places + which, width).copy_from_slice(at(
                states,
                self.state(place, self.times),
                width,
            ));
        }
    }

    /// Adds one of the places of `[b, places, width]` to `[b, width]` in this order.
    pub(super) fn add_place(
        &self,
        values: &[f32],
        width: usize,
        (which, places): (usize, usize),
        sums: &mut [f32],
    ) {
        for (sums, row) in sums.chunks_exact_mut(width).zip(&self.order) {
            let addends = at(values, row * places + which, width);
            sums.iter_mut().zip(addends).for_each(|(sum, addend)| *sum += addend);
        }
    }

    /// `[b, width]` from this order to the batch's.
    pub(super) fn in_batch_order(&self, sorted: &[f32], width: usize) -> Vec<f32> {
        let mut values = vec![0.0; sorted.len()];
        for (place, row) in self.order.iter().enumerate() {
            at_mut(&mut values, *row, width).copy_from_slice(at(sorted, place, width));
        }
        values
    }
}

/// A row.
fn at(values: &[f32], row: usize, width: usize) -> &[f32] {
    &values[row * width..][..width]
}

/// A row to write to.
fn at_mut(values: &mut [f32], row: usize, width: usize) -> &mut [f32] {
    &mut values[row * width..][..width]
}
