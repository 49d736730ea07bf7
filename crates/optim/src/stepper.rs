//! From gradients to stepped parameters: accumulate, clip, update, schedule.

mod module;

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Gradients, Int, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::OptimConfig;
use crate::error::OptimError;
use crate::groups::ParamInfo;
use crate::rule::Update;
use crate::scheduler::Scheduler;
use crate::state::{ParamState, StepperState};
use module::{Apply, Census, Collect, Gradient, Placed};

/// Steps the parameters of a module, and remembers what its optimizer and schedule need.
///
/// Gradients of micro-batches are summed, not averaged: divide each micro-batch's loss by the
/// number of tokens of the *whole* batch, and any split of a batch gives the same step.
#[derive(Debug)]
pub struct Stepper {
    config: OptimConfig,
    scheduler: Scheduler,
    /// Sums of gradients since the last step, by path.
    gradients: BTreeMap<String, Gradient>,
    /// What is remembered, by path.
    states: BTreeMap<String, ParamState>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepStats {
    /// Learning rate of the step, without the value head's own.
    pub lr: f64,
    /// Norm of all gradients as one vector, before clipping; NaN or infinite where a gradient is.
    pub grad_norm: f64,
    /// Whether the gradients were scaled down.
    pub clipped: bool,
    /// Whether the norm is finite; where not, nothing was stepped.
    pub finite: bool,
    /// Parameters that can be trained but had no gradient; they were left as they were.
    pub missing_gradients: usize,
}

impl Stepper {
    /// A stepper that has done no step. `horizon` is the number of steps of the run, which the
    /// schedule spans where the configuration sets no `total_steps`.
    ///
    /// # Errors
    ///
    /// What [`OptimConfig::validate`] refuses.
    pub fn new(config: &OptimConfig, horizon: usize) -> Result<Self, OptimError> {
        config.validate()?;
        let total = config.total_steps.unwrap_or(horizon);
        Ok(Self {
            config: config.clone(),
            scheduler: Scheduler::new(&config.scheduler, config.lr, config.warmup_steps, total),
            gradients: BTreeMap::new(),
            states: BTreeMap::new(),
        })
    }

    /// Adds the gradients of one micro-batch to those that the next [`Self::step`] uses. Gradients
    /// of tensors that are no parameters of `module` are dropped.
    pub fn accumulate<M: Module>(&mut self, module: &M, gradients: Gradients) {
        module.visit(&mut Collect::new(gradients, &mut self.gradients, None));
    }

    /// As [`Self::accumulate`], each gradient times the factor of its parameter, which is given its
    /// path in the module tree: several losses, of which the shared part takes another mixture than
    /// the rest.
    pub fn accumulate_scaled<M: Module>(
        &mut self,
        module: &M,
        gradients: Gradients,
        factor: impl Fn(&str) -> f64,
    ) {
        module.visit(&mut Collect::new(gradients, &mut self.gradients, Some(&factor)));
    }

    /// As [`Self::accumulate`], of a table of which only some rows have a gradient: row `rows[i]` of
    /// the parameter at `path` in the module tree gets `gradient[i]`, and a row may be named more
    /// than once. The gradient of the whole table never stands beside the sum.
    ///
    /// # Shapes
    ///
    /// - the parameter: `[v, e]`; `rows`: `[n]`; `gradient`: `[n, e]`
    ///
    /// # Panics
    ///
    /// When a row is not in the table.
    pub fn accumulate_rows<M: Module>(
        &mut self,
        module: &M,
        path: &str,
        rows: Tensor<1, Int>,
        gradient: Tensor<2>,
    ) {
        let mut census = Census::default();
        module.visit(&mut census);
        let Some((info, _)) = census.get(path) else { return };
        let zeros = || Tensor::zeros([info.len()], (&gradient.device(), gradient.dtype()));
        let sum = self.gradients.remove(path).unwrap_or_else(|| Gradient::new(zeros()));
        self.gradients.insert(path.to_owned(), sum.plus_rows(rows, gradient));
    }

    /// Steps every parameter that has a gradient, and forgets the gradients.
    ///
    /// The module is taken by value, because a parameter that nothing else holds is changed where it
    /// lies; a clone kept elsewhere keeps its values and costs a copy. A norm that is NaN or
    /// infinite leaves module and state as they were.
    ///
    /// # Panics
    ///
    /// When the gradients are those of a module of other shapes.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M) -> (M, StepStats) {
        let grad_norm = self.grad_norm();
        let mut census = Census::default();
        module.visit(&mut census);
        let scale = self.clip_factor(grad_norm);
        let stats = StepStats {
            lr: self.lr(),
            grad_norm,
            clipped: grad_norm.is_finite() && scale < 1.0,
            finite: grad_norm.is_finite(),
            missing_gradients: census
                .trainable()
                .filter(|p| !self.gradients.contains_key(*p))
                .count(),
        };
        let gradients = std::mem::take(&mut self.gradients);
        if !stats.finite {
            return (module, stats);
        }
        let module =
            module.map(&mut Apply::new(gradients, |param: Placed| self.update(param, scale)));
        (module, stats)
    }

    /// Forgets the gradients accumulated since the last step.
    pub fn discard(&mut self) {
        self.gradients.clear();
    }

    /// Moves the schedule one step on: once a step of the run, however many optimizer steps that
    /// makes. `metric` is what `reduce_on_plateau` watches; other schedules ignore it, and without
    /// one it counts nothing.
    pub fn advance(&mut self, metric: Option<f64>) {
        self.scheduler.advance(metric);
    }

    /// The learning rate of the next step, without the value head's own.
    #[must_use]
    pub fn lr(&self) -> f64 {
        self.config.lr * self.scheduler.factor()
    }

    /// The learning rate of the value head's next step.
    #[must_use]
    pub fn value_head_lr(&self) -> f64 {
        self.config.value_head_lr.unwrap_or(self.config.lr) * self.scheduler.factor()
    }

    /// Bytes of the optimizer's state of all parameters stepped so far.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.states.values().map(ParamState::bytes).sum()
    }

    /// All that is remembered between steps. Gradients accumulated since the last step are no part
    /// of it: save between steps.
    ///
    /// # Panics
    ///
    /// When the device fails.
    #[must_use]
    pub fn state(&self) -> StepperState {
        let mut tensors = BTreeMap::new();
        let mut steps = serde_json::Map::new();
        for (path, state) in &self.states {
            state.save(path, &mut tensors);
            steps.insert(path.clone(), json!(state.step));
        }
        let optimizer = self.config.optimizer.name();
        let scheduler = self.scheduler.state();
        let scalars = json!({ "optimizer": optimizer, "steps": steps, "scheduler": scheduler });
        StepperState { tensors, scalars }
    }

    /// Continues where `state` was taken, with the parameters of `module`. Its gradients are
    /// forgotten.
    ///
    /// # Errors
    ///
    /// A state of another optimizer, scheduler or model, or one that is incomplete. The stepper is
    /// then as it was.
    pub fn load_state<M: Module>(
        &mut self,
        state: StepperState,
        module: &M,
    ) -> Result<(), OptimError> {
        let StepperState { mut tensors, scalars } = state;
        let mut census = Census::default();
        module.visit(&mut census);
        let mut scheduler = self.scheduler.clone();
        scheduler.load_state(scalars.get("scheduler").unwrap_or(&Value::Null))?;
        self.check_optimizer(&scalars)?;
        let mut states = BTreeMap::new();
        for (path, steps) in steps_by_path(&scalars)? {
            let Some((info, place)) = census.get(path) else {
                let name = format!("steps/{path}");
                let (got, expected) = ("there", "absent, as the model has no such parameter");
                return Err(OptimError::Tensor {
                    name,
                    got: got.into(),
                    expected: expected.into(),
                });
            };
            let slots = self.config.optimizer.slots(info);
            let mut state = ParamState::load(&slots, place, path, &mut tensors)?;
            state.step = steps;
            states.insert(path.clone(), state);
        }
        if let Some((name, _)) = tensors.pop_first() {
            let expected = "absent, as neither the model nor the optimizer needs it".to_owned();
            return Err(OptimError::Tensor { name, got: "there".to_owned(), expected });
        }
        self.scheduler = scheduler;
        self.states = states;
        self.discard();
        Ok(())
    }

    fn check_optimizer(&self, scalars: &Value) -> Result<(), OptimError> {
        let saved = scalars.get("optimizer");
        let Some(name) = saved.and_then(Value::as_str) else {
            return Err(scalar("optimizer", saved, "an optimizer's name"));
        };
        let now = self.config.optimizer.name();
        if name != now {
            let (saved, now) = (name.to_owned(), now.to_owned());
            return Err(OptimError::OtherKind { what: "optimizer", saved, now });
        }
        Ok(())
    }

    /// Norm of all gradients as one vector.
    fn grad_norm(&mut self) -> f64 {
        let mut total = 0.0;
        for (path, gradient) in std::mem::take(&mut self.gradients) {
            let (squares, gradient) = gradient.squared();
            total += squares;
            self.gradients.insert(path, gradient);
        }
        total.sqrt()
    }

    /// What clips a gradient of this norm; PyTorch's formula, whose 1e-6 keeps a norm of 0 from
    /// dividing.
    fn clip_factor(&self, grad_norm: f64) -> f64 {
        if self.config.max_grad_norm == 0.0 {
            return 1.0;
        }
        (self.config.max_grad_norm / (grad_norm + 1e-6)).min(1.0)
    }

    fn update(&mut self, param: Placed, grad_scale: f64) -> Tensor<1> {
        let Placed { path, info, place, param, grad } = param;
        let config = &self.config;
        let update = Update {
            lr: if info.value_head { self.value_head_lr() } else { self.lr() },
            weight_decay: weight_decay(config, &info),
            grad_scale,
            info: &info,
        };
        let fresh = || ParamState::new(&config.optimizer.slots(&info), &place);
        let mut state = self.states.remove(&path).unwrap_or_else(fresh);
        let param = config.optimizer.update(&update, param, grad, &mut state);
        self.states.insert(path, state);
        param
    }
}

fn weight_decay(config: &OptimConfig, info: &ParamInfo) -> f64 {
    let decay = config.weight_decay.unwrap_or_else(|| config.optimizer.default_weight_decay());
    if config.decay_all || info.decays() { decay } else { 0.0 }
}

fn scalar(key: &str, got: Option<&Value>, expected: &'static str) -> OptimError {
    let got = got.map_or_else(|| "absent".to_owned(), Value::to_string);
    OptimError::Scalar { key: key.to_owned(), got, expected }
}

/// The steps done with each parameter.
fn steps_by_path(scalars: &Value) -> Result<Vec<(&String, u64)>, OptimError> {
    let steps = scalars.get("steps");
    let Some(table) = steps.and_then(Value::as_object) else {
        return Err(scalar("steps", steps, "a table of counts by parameter"));
    };
    let counted = table.iter().map(|(path, count)| match count.as_u64() {
        Some(count) => Ok((path, count)),
        None => Err(scalar(&format!("steps.{path}"), Some(count), "a count of steps")),
    });
    counted.collect()
}

#[cfg(test)]
mod tests;
