//! `field`: a number that the row already carries, such as a score from elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ParamError;
use crate::reward::{Needs, PerRow, RowMetric};
use crate::sample::Sample;
use crate::spec::info::{Direction, Info, Param};
use crate::spec::params::Params;
use crate::spec::registry::{RegisterError, Registry};

/// Parameters of `field`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    field: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { field: "score".into() }
    }
}

impl Params for Config {
    fn validate(&self) -> Result<(), ParamError> {
        let own = ["", "id", "group", "prompt", "response", "completion", "target"];
        if own.contains(&self.field.as_str()) {
            let reason = format!("is {:?}, must be the name of another field", self.field);
            return Err(ParamError::new("field", reason));
        }
        Ok(())
    }
}

const INFO: Info = Info {
    name: "field",
    about: "The number in a field of the row; true is 1, false is 0, anything else is no score.",
    range: (f64::NEG_INFINITY, f64::INFINITY),
    direction: Direction::Depends,
    needs: &["score"],
    params: &[Param::new("field", "a string", "the field's name")],
    ..Info::UNIT
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.reward(INFO, |config: Config, _| Ok(PerRow(config)))
}

impl RowMetric for Config {
    fn needs(&self) -> Needs {
        Needs { fields: [self.field.clone()].into(), ..Needs::default() }
    }

    fn score_row(&self, sample: &Sample<'_>) -> Option<f64> {
        match sample.fields.get(&self.field)? {
            Value::Number(number) => number.as_f64(),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            _ => None,
        }
    }
}
