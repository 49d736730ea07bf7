//! Numbers that change over a phase: a coefficient, or how many steps of each kind a cycle has.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::check::Problem;

/// How a value goes from `from` to `to`, where `x` runs from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Stays at `from`.
    Constant,
    /// `from + (to − from) · x`.
    Linear,
    /// `to + (from − to) · (1 + cos πx) / 2`.
    Cosine,
    /// `from · (to / from)^x`; both ends above 0.
    Exponential,
}

impl ScheduleKind {
    fn between(self, from: f64, to: f64, x: f64) -> f64 {
        match self {
            Self::Constant => from,
            Self::Linear => from + (to - from) * x,
            Self::Cosine => to + (from - to) * (1.0 + (std::f64::consts::PI * x).cos()) / 2.0,
            Self::Exponential => from * (to / from).powf(x),
        }
    }
}

/// A coefficient over a phase: a number, or `{ kind, from, to, warmup }`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The way from one end to the other.
    pub kind: ScheduleKind,
    /// The value at the start, after the warm-up.
    pub from: f64,
    /// The value at the last step; a `constant` schedule has none.
    pub to: f64,
    /// Steps over which the value first rises from 0 to `from`.
    pub warmup: usize,
}

/// A schedule as a table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleTable {
    #[serde(default = "linear")]
    kind: ScheduleKind,
    from: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<f64>,
    #[serde(default)]
    warmup: usize,
}

fn linear() -> ScheduleKind {
    ScheduleKind::Linear
}

impl Schedule {
    /// The same value at every step.
    #[must_use]
    pub fn constant(value: f64) -> Self {
        Self { kind: ScheduleKind::Constant, from: value, to: value, warmup: 0 }
    }

    /// The value at `step`, counted from 0, of `steps`; steps past the last have the value of the
    /// last.
    #[must_use]
    pub fn value(&self, step: usize, steps: usize) -> f64 {
        if step < self.warmup {
            return self.from * step as f64 / self.warmup as f64;
        }
        let last = steps.saturating_sub(1).saturating_sub(self.warmup);
        let x = if last == 0 { 1.0 } else { ((step - self.warmup) as f64 / last as f64).min(1.0) };
        self.kind.between(self.from, self.to, x)
    }

    /// Whether the value is 0 at every step.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.from.abs() <= 0.0 && self.to.abs() <= 0.0
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Problem> {
        for (name, value) in [("from", self.from), ("to", self.to)] {
            if !(value.is_finite() && value >= 0.0) {
                let key = if *self == Self::constant(value) || value.is_nan() {
                    key.to_owned()
                } else {
                    format!("{key}.{name}")
                };
                let allowed = "a finite number of at least 0";
                return Err(Problem::range(&key, &value.to_string(), allowed));
            }
        }
        if self.kind == ScheduleKind::Exponential && !(self.from > 0.0 && self.to > 0.0) {
            let text = format!("`{key}` is exponential, so `from` and `to` must be above 0");
            return Err(Problem::new(key, text));
        }
        Ok(())
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::constant(self.from) {
            return serializer.serialize_f64(self.from);
        }
        let Self { kind, from, to, warmup } = *self;
        ScheduleTable { kind, from, to: Some(to), warmup }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScheduleVisitor)
    }
}

/// Written by hand because an untagged enum says only that no variant matched.
struct ScheduleVisitor;

impl<'de> Visitor<'de> for ScheduleVisitor {
    type Value = Schedule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a table with `kind`, `from`, `to` and `warmup`")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Schedule, E> {
        Ok(Schedule::constant(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Schedule, E> {
        Ok(Schedule::constant(value as f64))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Schedule, E> {
        Ok(Schedule::constant(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Schedule, A::Error> {
        let table = ScheduleTable::deserialize(MapAccessDeserializer::new(entries))?;
        let ScheduleTable { kind, from, to, warmup } = table;
        let to = match to {
            Some(to) if kind != ScheduleKind::Constant => to,
            None if kind == ScheduleKind::Constant => from,
            Some(_) => {
                return Err(de::Error::custom("a constant schedule has no `to`; remove it"));
            }
            None => return Err(de::Error::missing_field("to")),
        };
        Ok(Schedule { kind, from, to, warmup })
    }
}

/// From many SFT steps a cycle to many PPO steps, or the other way, over the cycles of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curriculum {
    /// SFT and PPO steps of the first cycle. At least one step in all.
    pub from: [usize; 2],
    /// SFT and PPO steps of the last cycle. At least one step in all.
    pub to: [usize; 2],
    /// How the two numbers change in between; each is rounded to the nearest whole number.
    #[serde(default = "linear")]
    pub kind: ScheduleKind,
    /// Go on by measured success instead of by the count of cycles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Measure>,
}

/// A metric as progress: 0 at `from`, 1 at `to`, in between in proportion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The metric, as `rollout/score_mean`; its newest value counts, and progress never goes back.
    pub metric: String,
    /// Its value where nothing has been achieved yet.
    pub from: f64,
    /// Its value at the goal; below `from` for a metric that should fall.
    pub to: f64,
}

impl Measure {
    /// How far `value` is on the way, in [0, 1]; 0 for NaN.
    #[must_use]
    pub fn progress(&self, value: f64) -> f64 {
        let x = (value - self.from) / (self.to - self.from);
        if x.is_nan() { 0.0 } else { x.clamp(0.0, 1.0) }
    }
}

impl Curriculum {
    /// SFT and PPO steps of a cycle; `progress` in [0, 1].
    #[must_use]
    pub fn steps(&self, progress: f64) -> (usize, usize) {
        let [sft, ppo] = [0, 1].map(|place: usize| {
            let end = |ends: &[usize; 2]| ends.get(place).copied().unwrap_or(0) as f64;
            self.kind.between(end(&self.from), end(&self.to), progress).round().max(0.0) as usize
        });
        (sft, ppo)
    }

    /// Progress of `cycle`, counted from 0, of `cycles`, where nothing is measured.
    #[must_use]
    pub fn progress(cycle: usize, cycles: usize) -> f64 {
        match cycles.saturating_sub(1) {
            0 => 1.0,
            last => (cycle as f64 / last as f64).min(1.0),
        }
    }

    pub(super) fn validate(&self, key: &str) -> Result<(), Problem> {
        for (name, ends) in [("from", self.from), ("to", self.to)] {
            if ends == [0, 0] {
                let key = format!("{key}.{name}");
                return Err(Problem::range(&key, "[0, 0]", "at least one SFT or PPO step"));
            }
            if ends.iter().any(|steps| *steps > MAX_STEPS) {
                let key = format!("{key}.{name}");
                let allowed = format!("at most {MAX_STEPS} steps of each");
                return Err(Problem::range(&key, &format!("{ends:?}"), &allowed));
            }
        }
        let has_zero = self.from.contains(&0) || self.to.contains(&0);
        if self.kind == ScheduleKind::Exponential && has_zero {
            let text = format!("`{key}` is exponential, so none of its numbers can be 0");
            return Err(Problem::new(key, text));
        }
        if let Some(Measure { from, to, .. }) = &self.by
            && !(from.is_finite() && to.is_finite() && (to - from).abs() > 0.0)
        {
            let text = format!("`{key}.by` needs two finite numbers `from` and `to` that differ");
            return Err(Problem::new(&format!("{key}.by"), text));
        }
        Ok(())
    }
}

/// More steps in one cycle are a typing error.
const MAX_STEPS: usize = 1_000_000;

#[cfg(test)]
mod tests;
