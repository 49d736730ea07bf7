//! Tasks whose heads sit at lower layers come first (Hashimoto et al. 2017,
//! <https://arxiv.org/abs/1611.01587>).

use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, require};

/// How training goes through the levels, from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelOrder {
    /// Another level joins after every `steps`; those below go on, so that they are not forgotten.
    Join {
        /// Steps until the next level joins. At least 1.
        steps: u64,
    },
    /// One level at a time, `steps` each, and from the lowest again after the highest.
    Cycle {
        /// Steps of a level. At least 1.
        steps: u64,
    },
}

/// The tasks by the layer of the trunk that their heads read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Tasks of each level, from the lowest; within a level in their order.
    levels: Vec<Vec<usize>>,
    order: LevelOrder,
}

impl Hierarchy {
    /// `layers` holds, for each task, the number of blocks before its head. Tasks at one layer are
    /// one level.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where there is no task, or a level has no step.
    pub fn new(layers: &[usize], order: LevelOrder) -> Result<Self, HeadsError> {
        require(!layers.is_empty(), "tasks", 0.0, "at least 1")?;
        let (LevelOrder::Join { steps } | LevelOrder::Cycle { steps }) = order;
        require(steps >= 1, "steps", steps as f64, "at least 1")?;
        let mut distinct = layers.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let at = |layer: &usize| {
            let tasks = layers.iter().enumerate().filter(|(_, own)| *own == layer);
            tasks.map(|(task, _)| task).collect()
        };
        Ok(Self { levels: distinct.iter().map(at).collect(), order })
    }

    /// How many levels there are.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The tasks that a step may train, lowest level first; steps count from 0.
    #[must_use]
    pub fn active(&self, step: u64) -> Vec<usize> {
        let count = self.levels.len() as u64;
        let (from, to) = match self.order {
            LevelOrder::Join { steps } => (0, (step / steps).min(count - 1)),
            LevelOrder::Cycle { steps } => {
                let level = step / steps % count;
                (level, level)
            }
        };
        let levels = self.levels.get(from as usize..=to as usize);
        levels.into_iter().flatten().flatten().copied().collect()
    }
}
