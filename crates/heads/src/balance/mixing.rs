//! Which task a step trains: a function of the step alone, so that a resumed run needs no state.

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::error::{HeadsError, class_below, require};
use crate::stream::{Purpose, draw, stream};

/// How often each task is trained.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mixing {
    /// In turn, all alike.
    #[default]
    RoundRobin,
    /// At random, as often as the task has examples.
    Proportional,
    /// At random, in proportion to `examples^(1 / temperature)`: 1 is proportional, and the larger
    /// it is the more alike (Raffel et al. 2020, §3.5.2, <https://arxiv.org/abs/1910.10683>).
    Temperature {
        /// At least 1.
        temperature: f64,
    },
}

/// Gives each step its task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSampler {
    mixing: Mixing,
    weights: Vec<f64>,
    seed: u64,
}

impl TaskSampler {
    /// A sampler of tasks with so many `examples` each.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where there is no task, a task has no example, or the temperature
    /// is below 1.
    pub fn new(examples: &[usize], mixing: Mixing, seed: u64) -> Result<Self, HeadsError> {
        require(!examples.is_empty(), "tasks", 0.0, "at least 1")?;
        for count in examples {
            require(*count >= 1, "examples", *count as f64, "at least 1 for every task")?;
        }
        let power = match mixing {
            Mixing::RoundRobin => 0.0,
            Mixing::Proportional => 1.0,
            Mixing::Temperature { temperature } => {
                let usable = temperature >= 1.0 && temperature.is_finite();
                require(usable, "temperature", temperature, "a finite number of at least 1")?;
                1.0 / temperature
            }
        };
        let weights = examples.iter().map(|count| (*count as f64).powf(power)).collect();
        Ok(Self { mixing, weights, seed })
    }

    /// The share of steps that each task gets in the long run, of sum 1.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let total: f64 = self.weights.iter().sum();
        self.weights.iter().map(|weight| weight / total).collect()
    }

    /// The task of a step, both from 0.
    #[must_use]
    pub fn task(&self, step: u64) -> usize {
        match self.mixing {
            Mixing::RoundRobin => (step % self.weights.len() as u64) as usize,
            Mixing::Proportional | Mixing::Temperature { .. } => {
                draw(&mut stream(self.seed, Purpose::Task, step), &self.weights)
            }
        }
    }

    /// The task of a step where only some are trained, see [`super::Hierarchy::active`]; they keep
    /// their proportions.
    ///
    /// # Errors
    ///
    /// [`HeadsError::OutOfRange`] where `active` is empty or names an unknown task.
    pub fn task_among(&self, active: &[usize], step: u64) -> Result<usize, HeadsError> {
        require(!active.is_empty(), "active", 0.0, "at least 1 task")?;
        active.iter().try_for_each(|task| class_below("active", *task, self.weights.len()))?;
        let place = match self.mixing {
            Mixing::RoundRobin => (step % active.len() as u64) as usize,
            Mixing::Proportional | Mixing::Temperature { .. } => {
                let weights: Vec<f64> =
                    active.iter().filter_map(|task| self.weights.get(*task).copied()).collect();
                draw(&mut stream(self.seed, Purpose::Task, step), &weights)
            }
        };
        Ok(active.get(place).copied().unwrap_or(0))
    }
}

/// The seed of a task's own order of examples, so that no two tasks of a run share one.
#[must_use]
pub fn task_seed(seed: u64, task: usize) -> u64 {
    stream(seed, Purpose::Seed, task as u64).next_u64()
}
