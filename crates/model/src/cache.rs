//! Keys and values of the tokens seen so far.

use burn::tensor::{Device, Int, Tensor};

use crate::config::DecoderConfig;

/// One layer's keys and values, `[b, kv, capacity, hd]` each, of which the first columns are used.
#[derive(Debug)]
struct LayerCache {
    key: Tensor<4>,
    value: Tensor<4>,
}

/// The memory of a generation, allocated once at its full length and written in place.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    len: usize,
    capacity: usize,
}

impl KvCache {
    /// Room for `capacity` columns of `batch` rows.
    #[must_use]
    pub fn new(config: &DecoderConfig, batch: usize, capacity: usize, device: &Device) -> Self {
        let shape = [batch, config.attention.kv_heads, capacity.max(1), config.attention.head_dim];
        let layer = |_| LayerCache {
            key: Tensor::zeros(shape, device),
            value: Tensor::zeros(shape, device),
        };
        Self { layers: (0..config.layers.len()).map(layer).collect(), len: 0, capacity }
    }

    /// Columns filled so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first forward pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Columns there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Keeps the rows `rows`, in that order; a row may be named more than once.
    pub fn select_rows(&mut self, rows: &[usize]) {
        let Some(first) = self.layers.first() else { return };
        let device = first.key.device();
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        let index: Tensor<1, Int> = crate::input::int_tensor(&rows, [rows.len()], &device);
        for layer in &mut self.layers {
            layer.key.inplace(|key| key.select(0, index.clone()));
            layer.value.inplace(|value| value.select(0, index.clone()));
        }
    }

    /// Adds the rows of `other` below its own, so that all end together in the last of `columns`, and
    /// makes room for `capacity`. Columns that are too many fall off in front, where they must be
    /// padding; those that are too few become padding.
    pub(crate) fn join(&mut self, other: Self, columns: usize, capacity: usize) {
        let lens = [self.len, other.len];
        for (own, other) in self.layers.iter_mut().zip(other.layers) {
            own.key.inplace(|key| joined([key, other.key], lens, columns, capacity));
            own.value.inplace(|value| joined([value, other.value], lens, columns, capacity));
        }
        self.len = columns;
        self.capacity = capacity;
    }

    /// Forgets every column and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Writes the new columns of a layer and returns all of it so far, `[b, kv, s, hd]` each.
    ///
    /// The returned views must be gone before the layer is written again, or the backend has to
    /// copy the whole cache; the decoder drops them at the end of each layer.
    pub(crate) fn append(
        &mut self,
        layer: usize,
        key: Tensor<4>,
        value: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        let [b, kv, t, head_dim] = key.dims();
        let end = self.len + t;
        assert!(end <= self.capacity, "the cache holds {} columns, not {end}", self.capacity);
        let place = [0..b, 0..kv, self.len..end, 0..head_dim];
        let slot = &mut self.layers[layer];
        slot.key.inplace(|cached| cached.slice_assign(place.clone(), key));
        slot.value.inplace(|cached| cached.slice_assign(place, value));
        let seen = |cached: &Tensor<4>| cached.clone().slice_dim(2, 0..end);
        (seen(&slot.key), seen(&slot.value))
    }

    /// Counts `columns` as filled, after every layer wrote them.
    pub(crate) fn advance(&mut self, columns: usize) {
        self.len += columns;
    }
}

/// Rows of two caches, each filled up to its own length, below each other.
fn joined(parts: [Tensor<4>; 2], lens: [usize; 2], columns: usize, capacity: usize) -> Tensor<4> {
    let [_, kv, _, head_dim] = parts[0].dims();
    let rows = parts.iter().map(|part| part.dims()[0]).sum();
    let shape = [rows, kv, capacity.max(1), head_dim];
    let mut all = Tensor::zeros(shape, &parts[0].device());
    let mut first = 0;
    for (part, len) in parts.into_iter().zip(lens) {
        let [b, ..] = part.dims();
        let kept = len.min(columns);
        let place = [first..first + b, 0..kv, columns - kept..columns, 0..head_dim];
        all = all.slice_assign(place, part.slice_dim(2, len - kept..len));
        first += b;
    }
    all
}
