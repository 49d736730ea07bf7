//! Rotary position embeddings: which angles, and their scalings.
//!
//! Angles follow `transformers` (`modeling_rope_utils`), computed in `f32` as there so that long
//! positions agree: `angle = position · inverse_frequency`.

use serde_json::{Map, Value};

use crate::config::ConfigError;
use crate::config::reader::ConfigReader;

/// How the frequencies are stretched beyond the trained context.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All frequencies divided by a factor.
    Linear {
        /// At least 1.
        factor: f64,
    },
    /// Llama 3's piecewise division by wavelength.
    Llama3 {
        /// Divisor of the long wavelengths.
        factor: f64,
        /// Wavelengths over `original / low` are divided.
        low_freq_factor: f64,
        /// Wavelengths under `original / high` are kept.
        high_freq_factor: f64,
        /// Context of the original training.
        original_max_positions: usize,
    },
    /// YaRN (Peng et al. 2023, arXiv 2309.00071).
    Yarn {
        /// Extension factor.
        factor: f64,
        /// Rotations above which a dimension is kept.
        beta_fast: f64,
        /// Rotations below which a dimension is interpolated.
        beta_slow: f64,
        /// Context of the original training.
        original_max_positions: usize,
        /// Whether the correction range is rounded outwards to whole dimensions.
        truncate: bool,
        /// Factor of cosine and sine.
        attention_factor: f64,
    },
    /// LongRoPE (Ding et al. 2024, arXiv 2402.13753), as in Phi-3: one divisor a frequency, one
    /// list up to the original context and one beyond.
    ///
    /// The list is chosen by the length of the row so far. A generation that crosses the border
    /// reads the row again, so that no key of the short list stays in the cache.
    LongRope {
        /// Divisors up to `original_max_positions`.
        short_factor: Vec<f64>,
        /// Divisors beyond.
        long_factor: Vec<f64>,
        /// Context of the original training.
        original_max_positions: usize,
        /// Factor of cosine and sine.
        attention_factor: f64,
    },
}

/// One set of rotary angles.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// Base of the geometric series of wavelengths.
    pub theta: f64,
    /// Rotated dimensions of a head, even; the rest pass through.
    pub rotary_dim: usize,
    /// The scaling.
    pub scaling: RopeScaling,
}

impl RopeScaling {
    /// Checks the ranges; `frequencies` is half the rotary dimensions.
    fn validate(&self, frequencies: usize) -> Result<(), ConfigError> {
        match self {
            RopeScaling::None => Ok(()),
            RopeScaling::Linear { factor } => at_least_one("factor", *factor),
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_positions,
            } => {
                at_least_one("factor", *factor)?;
                above_zero("low_freq_factor", *low_freq_factor)?;
                above_zero(ORIGINAL, *original_max_positions as f64)?;
                if high_freq_factor > low_freq_factor {
                    return Ok(());
                }
                Err(ConfigError::Inconsistent(format!(
                    "`high_freq_factor` is {high_freq_factor}, must be above `low_freq_factor`, \
                     which is {low_freq_factor}"
                )))
            }
            RopeScaling::Yarn {
                factor,
                beta_fast,
                beta_slow,
                original_max_positions,
                attention_factor,
                ..
            } => {
                at_least_one("factor", *factor)?;
                above_zero("beta_fast", *beta_fast)?;
                above_zero("beta_slow", *beta_slow)?;
                above_zero(ORIGINAL, *original_max_positions as f64)?;
                above_zero("attention_factor", *attention_factor)
            }
            RopeScaling::LongRope {
                short_factor,
                long_factor,
                original_max_positions,
                attention_factor,
            } => {
                divisors("short_factor", short_factor, frequencies)?;
                divisors("long_factor", long_factor, frequencies)?;
                above_zero(ORIGINAL, *original_max_positions as f64)?;
                above_zero("attention_factor", *attention_factor)
            }
        }
    }
}

const ORIGINAL: &str = "original_max_position_embeddings";

fn above_zero(name: &str, value: f64) -> Result<(), ConfigError> {
    if value > 0.0 && value <= f64::from(f32::MAX) {
        return Ok(());
    }
    let what = format!("the rotary scaling `{name}` is {value}, must be a number above 0");
    Err(ConfigError::Inconsistent(what))
}

fn at_least_one(name: &str, value: f64) -> Result<(), ConfigError> {
    if value >= 1.0 && value <= f64::from(f32::MAX) {
        return Ok(());
    }
    let what = format!("the rotary scaling `{name}` is {value}, must be at least 1");
    Err(ConfigError::Inconsistent(what))
}

fn divisors(name: &str, list: &[f64], count: usize) -> Result<(), ConfigError> {
    if list.len() != count {
        return Err(ConfigError::Inconsistent(format!(
            "`{name}` has {} entries, needs {count} (half the rotary dimensions)",
            list.len()
        )));
    }
    list.iter().try_for_each(|divisor| above_zero(name, *divisor))
}

impl RopeConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Inconsistent`] with the value and what it must be.
    pub fn validate(&self, head_dim: usize) -> Result<(), ConfigError> {
        let inconsistent = |what: String| Err(ConfigError::Inconsistent(what));
        let dim = self.rotary_dim;
        if dim == 0 || !dim.is_multiple_of(2) || dim > head_dim {
            return inconsistent(format!(
                "{dim} rotary dimensions do not fit a head of {head_dim}: need an even number, at \
                 least 2 and at most {head_dim}"
            ));
        }
        // At 1 all wavelengths would be alike, and YaRN would divide by the logarithm of 1.
        if !(self.theta > 1.0 && self.theta <= f64::from(f32::MAX)) {
            return inconsistent(format!("`rope_theta` is {}, must be above 1", self.theta));
        }
        self.scaling.validate(dim / 2)
    }

    /// Inverse frequencies for a sequence of `total` tokens, `rotary_dim / 2` of them, and the
    /// factor of cosine and sine.
    #[must_use]
    pub fn inverse_frequencies(&self, total: usize) -> (Vec<f32>, f32) {
        let plain = self.plain();
        match &self.scaling {
            RopeScaling::None => (plain, 1.0),
            RopeScaling::Linear { factor } => {
                (plain.iter().map(|f| f / *factor as f32).collect(), 1.0)
            }
            RopeScaling::Llama3 { .. } => (plain.iter().map(|f| self.llama3(*f)).collect(), 1.0),
            RopeScaling::Yarn { attention_factor, .. } => {
                (self.yarn(&plain), *attention_factor as f32)
            }
            RopeScaling::LongRope {
                short_factor,
                long_factor,
                original_max_positions,
                attention_factor,
            } => {
                let long = total > *original_max_positions;
                let factors = if long { long_factor } else { short_factor };
                (divided(&plain, factors), *attention_factor as f32)
            }
        }
    }

    fn plain(&self) -> Vec<f32> {
        let dim = self.rotary_dim as f32;
        (0..self.rotary_dim / 2)
            .map(|i| 1.0 / (self.theta as f32).powf((2 * i) as f32 / dim))
            .collect()
    }

    fn llama3(&self, frequency: f32) -> f32 {
        let RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_max_positions,
        } = self.scaling
        else {
            return frequency;
        };
        let original = original_max_positions as f64;
        let wavelength = 2.0 * std::f64::consts::PI / f64::from(frequency);
        if wavelength < original / high_freq_factor {
            return frequency;
        }
        if wavelength > original / low_freq_factor {
            return (f64::from(frequency) / factor) as f32;
        }
        let smooth =
            (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
        let frequency = f64::from(frequency);
        ((1.0 - smooth) * frequency / factor + smooth * frequency) as f32
    }

    fn yarn(&self, plain: &[f32]) -> Vec<f32> {
        let RopeScaling::Yarn {
            factor,
            beta_fast,
            beta_slow,
            original_max_positions,
            truncate,
            ..
        } = self.scaling
        else {
            return plain.to_vec();
        };
        let dim = self.rotary_dim as f64;
        let original = original_max_positions as f64;
        let correction = |rotations: f64| {
            dim * (original / (rotations * 2.0 * std::f64::consts::PI)).ln()
                / (2.0 * self.theta.ln())
        };
        let (mut low, mut high) = (correction(beta_fast), correction(beta_slow));
        if truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        let (low, high) = (low.max(0.0), high.min(dim - 1.0));
        // Negative where the original context is shorter than the slow rotations: then nothing is
        // interpolated, as in `transformers`.
        let width = if (high - low).abs() > 0.0 { high - low } else { 0.001 };
        let blend = |(i, frequency): (usize, &f32)| {
            let ramp = ((i as f64 - low) / width).clamp(0.0, 1.0);
            let frequency = f64::from(*frequency);
            (frequency / factor * ramp + frequency * (1.0 - ramp)) as f32
        };
        plain.iter().enumerate().map(blend).collect()
    }
}

fn divided(frequencies: &[f32], factors: &[f64]) -> Vec<f32> {
    frequencies.iter().zip(factors).map(|(f, factor)| f / *factor as f32).collect()
}

/// Cosine and sine of every angle, `[positions.len(), rotary_dim]` each, row-major; both halves of
/// a row are equal, as the `rotate_half` form wants.
#[must_use]
pub fn tables(config: &RopeConfig, positions: &[usize], total: usize) -> (Vec<f32>, Vec<f32>) {
    let (frequencies, factor) = config.inverse_frequencies(total);
    let mut cosines = Vec::with_capacity(positions.len() * config.rotary_dim);
    let mut sines = Vec::with_capacity(positions.len() * config.rotary_dim);
    for position in positions {
        for _half in 0..2 {
            for frequency in &frequencies {
                let (sine, cosine) = (*position as f32 * frequency).sin_cos();
                cosines.push(cosine * factor);
                sines.push(sine * factor);
            }
        }
    }
    (cosines, sines)
}

/// What [`parse`] needs to know of the model around the rotary keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RopeContext {
    pub(crate) head_dim: usize,
    pub(crate) max_positions: usize,
    pub(crate) default_theta: f64,
    pub(crate) default_partial: f64,
}

/// Reads the rotary keys in today's form (`rope_parameters`) or yesterday's (`rope_theta` +
/// `rope_scaling`). `layer_type` picks an entry where today's form has one for each layer type.
pub(crate) fn parse(
    reader: ConfigReader<'_>,
    context: RopeContext,
    layer_type: Option<&str>,
) -> Result<RopeConfig, ConfigError> {
    let empty = Map::new();
    let today = reader.opt_object("rope_parameters")?.map(|map| by_layer_type(map, layer_type));
    let yesterday = reader.opt_object("rope_scaling")?;
    let map = today.or(yesterday).unwrap_or(&empty);
    let rope = ConfigReader::new(map, reader.model_type());
    let theta = match rope.opt_f64(&["rope_theta"])? {
        Some(theta) => theta,
        None => reader.f64_or(&["rope_theta", "rotary_emb_base"], context.default_theta)?,
    };
    let partial = match rope.opt_f64(&["partial_rotary_factor"])? {
        Some(partial) => partial,
        None => reader.f64_or(&["partial_rotary_factor", "rotary_pct"], context.default_partial)?,
    };
    let rotary_dim = (context.head_dim as f64 * partial) as usize;
    let scaling = parse_scaling(rope, reader, context)?;
    Ok(RopeConfig { theta, rotary_dim, scaling })
}

fn by_layer_type<'a>(
    map: &'a Map<String, Value>,
    layer_type: Option<&str>,
) -> &'a Map<String, Value> {
    layer_type.and_then(|name| map.get(name)).and_then(Value::as_object).unwrap_or(map)
}

fn parse_scaling(
    rope: ConfigReader<'_>,
    model: ConfigReader<'_>,
    context: RopeContext,
) -> Result<RopeScaling, ConfigError> {
    let kind = rope.opt_str(&["rope_type", "type"])?.unwrap_or("default");
    // Phi-3 keeps the key beside the rotary parameters, and there it has precedence.
    let original = match model.opt_usize(&[ORIGINAL])? {
        Some(original) => original,
        None => rope.opt_usize(&[ORIGINAL])?.unwrap_or(context.max_positions),
    };
    let needed = |key: &str| rope.opt_f64(&[key])?.ok_or_else(|| missing(rope, key));
    match kind {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: needed("factor")? }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_max_positions: original,
        }),
        // The first Phi-3 files named their scaling so.
        "yarn" if model.model_type() == "phi3" => parse_longrope(rope, context, original),
        "yarn" => parse_yarn(rope, context, original),
        "longrope" | "su" => parse_longrope(rope, context, original),
        other => Err(ConfigError::Unsupported {
            key: "rope_type".to_owned(),
            value: other.to_owned(),
            supported: "the known ones are default, linear, llama3, yarn and longrope".to_owned(),
        }),
    }
}

fn missing(rope: ConfigReader<'_>, key: &str) -> ConfigError {
    ConfigError::Missing {
        key: format!("rope_parameters.{key}"),
        model_type: rope.model_type().to_owned(),
    }
}

/// The extension of the context: given, or what the two context lengths say.
fn extension(
    rope: ConfigReader<'_>,
    context: RopeContext,
    original: usize,
) -> Result<f64, ConfigError> {
    rope.f64_or(&["factor"], context.max_positions as f64 / original.max(1) as f64)
}

fn parse_yarn(
    rope: ConfigReader<'_>,
    context: RopeContext,
    original: usize,
) -> Result<RopeScaling, ConfigError> {
    let factor = extension(rope, context, original)?;
    let magnitude = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
    let mscale = rope.opt_f64(&["mscale"])?;
    let mscale_all = rope.opt_f64(&["mscale_all_dim"])?;
    let attention_factor = match rope.opt_f64(&["attention_factor"])? {
        Some(given) => given,
        None => match (mscale, mscale_all) {
            (Some(scale), Some(all)) if scale != 0.0 && all != 0.0 => {
                magnitude(scale) / magnitude(all)
            }
            _ => magnitude(1.0),
        },
    };
    Ok(RopeScaling::Yarn {
        factor,
        beta_fast: rope.f64_or(&["beta_fast"], 32.0)?,
        beta_slow: rope.f64_or(&["beta_slow"], 1.0)?,
        original_max_positions: original,
        truncate: rope.bool_or("truncate", true)?,
        attention_factor,
    })
}

fn parse_longrope(
    rope: ConfigReader<'_>,
    context: RopeContext,
    original: usize,
) -> Result<RopeScaling, ConfigError> {
    let list = |key: &str| rope.opt_f64_list(key)?.ok_or_else(|| missing(rope, key));
    let factor = extension(rope, context, original)?;
    let attention_factor = match rope.opt_f64(&["attention_factor"])? {
        Some(given) => given,
        None if factor <= 1.0 => 1.0,
        None => (1.0 + factor.ln() / (original as f64).ln()).sqrt(),
    };
    Ok(RopeScaling::LongRope {
        short_factor: list("short_factor")?,
        long_factor: list("long_factor")?,
        original_max_positions: original,
        attention_factor,
    })
}

#[cfg(test)]
mod tests;
