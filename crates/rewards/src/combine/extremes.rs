//! `min` and `max`: the worst or the best of the components.

use super::product::{Config, present};
use super::{Combination, MISSING, Missing, Rule, rows};
use crate::sample::{Context, Sample};
use crate::spec::info::Info;
use crate::spec::registry::{RegisterError, Registry, Weights};

const MIN: Info = Info {
    name: "min",
    about: "The smallest of the components' scores.",
    params: &[MISSING],
    ..Info::OPEN
};

const MAX: Info = Info { name: "max", about: "The largest of the components' scores.", ..MIN };

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.combinator(MIN, Weights::Unused, |config: Config, _| {
        Ok(Extreme { missing: config.missing, better: f64::min })
    })?;
    registry.combinator(MAX, Weights::Unused, |config: Config, _| {
        Ok(Extreme { missing: config.missing, better: f64::max })
    })
}

struct Extreme {
    missing: Missing,
    better: fn(f64, f64) -> f64,
}

impl Rule for Extreme {
    fn combine(
        &self,
        inputs: &[Vec<Option<f64>>],
        batch: &[Sample<'_>],
        _context: &Context<'_>,
    ) -> Combination {
        let best =
            |row: Vec<Option<f64>>| present(&row, self.missing)?.into_iter().reduce(self.better);
        rows(inputs, batch.len()).map(best).collect::<Vec<_>>().into()
    }
}
