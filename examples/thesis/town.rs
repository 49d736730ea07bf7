//! Two maps of one town: the old one, which the policy knows, and the new one, on which it is judged.

use anyhow::{Result, ensure};
use hybrid_data::encode::Encoded;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::world::{self, LONGEST, NODES, World};

/// Both maps, and walks on the new one.
#[derive(Debug)]
pub(crate) struct Town {
    /// The map on which walks are worth something.
    pub(crate) new: World,
    old: Vec<Vec<bool>>,
    /// Random walks on the new map, to learn from.
    pub(crate) demonstrations: Vec<Encoded>,
    /// Others, to measure on.
    pub(crate) held_out: Vec<Encoded>,
    /// Mean optimality of the best walks that use no way which the old map lacks.
    pub(crate) ceiling: f64,
    /// Mean optimality of the demonstrations.
    pub(crate) demonstrated: f64,
}

/// Ways of the new map that the old one lacks; as many others stand there instead.
const REPLACED: usize = 17;
/// Walks kept for measuring.
const HELD_OUT: usize = 200;

impl Town {
    pub(crate) fn new() -> Result<Self> {
        let new = World::published()?;
        let old = older(&new.edges);
        let common: Vec<Vec<bool>> = new
            .edges
            .iter()
            .zip(&old)
            .map(|(new, old)| new.iter().zip(old).map(|(new, old)| *new && *old).collect())
            .collect();
        let by_common = world::shortest(&common);
        let best = |start: usize| {
            (LONGEST - by_common[start]) as f64 / (LONGEST - new.shortest[start]) as f64
        };
        let ceiling = (1..NODES).map(best).sum::<f64>() / (NODES - 1) as f64;
        ensure!(ceiling < 0.9, "the old map is good enough: optimality {ceiling}");
        let (shown, held_out) = new.walks.split_at(new.walks.len() - HELD_OUT);
        let total: f64 = shown.iter().map(|walk| new.optimality(walk)).sum();
        let encode = |walks: &[Vec<usize>]| -> Vec<Encoded> {
            walks.iter().map(|walk| world::demonstration(walk)).collect()
        };
        Ok(Self {
            demonstrations: encode(shown),
            held_out: encode(held_out),
            ceiling,
            demonstrated: total / shown.len() as f64,
            old,
            new,
        })
    }

    /// A random walk on the old map.
    pub(crate) fn old_walk(&self, rng: &mut ChaCha8Rng) -> Encoded {
        let mut walk = vec![rng.random_range(1..NODES)];
        while let Some(node) = walk.last().copied().filter(|node| *node != 0)
            && walk.len() < LONGEST
        {
            let ways: Vec<usize> = (0..NODES).filter(|to| self.old[node][*to]).collect();
            walk.push(ways[rng.random_range(0..ways.len())]);
        }
        world::demonstration(&walk)
    }
}

/// The map with [`REPLACED`] ways exchanged for others at random, such that every node keeps a way
/// out.
fn older(edges: &[Vec<bool>]) -> Vec<Vec<bool>> {
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    loop {
        let mut old = edges.to_vec();
        let pairs = (1..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to)));
        let (mut ways, mut others): (Vec<_>, Vec<_>) =
            pairs.filter(|(from, to)| from != to).partition(|(from, to)| edges[*from][*to]);
        ways.shuffle(&mut rng);
        others.shuffle(&mut rng);
        for ((gone, _), (there, _)) in
            ways.iter().zip(0..REPLACED).zip(others.iter().zip(0..REPLACED))
        {
            old[gone.0][gone.1] = false;
            old[there.0][there.1] = true;
        }
        if old.iter().skip(1).all(|row| row.iter().any(|edge| *edge)) {
            return old;
        }
    }
}
