//! One picture: axes, bands, lines, legend, and the numbers for the crosshair.

mod svg;

use serde_json::{Value, json};

use super::axis::Axis;
use super::html::{Escaped, json_script, with_definition};
use super::number::{number, short, with_unit};
use super::phases::{Shade, shades};
use super::thin::{self, Line};
use crate::definitions;
use crate::run::{Point, Run};

/// A curve with fewer points is shown as it is, without an average.
const FEWEST_TO_SMOOTH: usize = 60;

/// Points of all curves together that a page may hold: more, and it would outgrow 2 MB.
const MOST_POINTS: usize = 40_000;

/// What all pictures of a page share.
#[derive(Debug)]
pub(super) struct Frame {
    /// The run's steps.
    pub(super) steps: Axis,
    /// The phases.
    pub(super) bands: Vec<Shade>,
    /// Into how many stretches a long curve is cut.
    buckets: usize,
}

impl Frame {
    /// The frame for the curves of `run`.
    pub(super) fn new(run: &Run) -> Self {
        let (first, last) = run.steps.unwrap_or((0, 1));
        let share = MOST_POINTS / run.curves.len().max(1) / 2;
        let buckets = share.clamp(40, 300);
        Self { steps: Axis::steps(first, last), bands: shades(&run.phases), buckets }
    }
}

/// One line of a picture.
#[derive(Debug)]
struct Series<'a> {
    key: &'a str,
    title: String,
    definition: String,
    lines: Vec<Line>,
    /// The centred average over `window` points, empty where there is none.
    average: Vec<Line>,
    window: usize,
    nulls: usize,
    /// Whether it is measured now and then: shown with a dot for each number.
    is_sparse: bool,
}

/// The picture of `curves` under `title`; an empty text where none has a number.
///
/// `smooth` adds a centred moving average to curves of many points.
pub(super) fn figure(
    title: &str,
    curves: &[(&str, &[Point])],
    smooth: bool,
    frame: &Frame,
) -> String {
    let series: Vec<Series<'_>> = curves
        .iter()
        .map(|(key, points)| Series::new(key, points, smooth, frame))
        .filter(|series| !series.lines.is_empty())
        .collect();
    let Some(unit) = series.first().map(|series| unit_of(series.key)) else {
        return String::new();
    };
    let values = || series.iter().flat_map(Series::values);
    let (min, max) = values().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let axis = value_axis(min, max, unit);
    let picture = svg::Picture { frame, axis: &axis, series: &series };
    let title = Escaped(title);
    let mut html = format!(
        "<figure class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"{title}: chart; left and \
         right arrow keys read values\">\n<figcaption><h3>{title}</h3><span class=\"unit\">{}{}</span>\
         </figcaption>\n",
        Escaped(match unit {
            "1" => "",
            name => name,
        }),
        if axis.is_log { " · log scale" } else { "" },
    );
    html += &legend(&series);
    html += &format!("<div class=\"plot\">{}</div>\n", picture.draw());
    html += &json_script("class=\"data\"", &data(&series, &axis));
    html + "</figure>\n"
}

impl<'a> Series<'a> {
    fn new(key: &'a str, points: &[Point], smooth: bool, frame: &Frame) -> Self {
        let is_sparse = key.starts_with("eval/");
        let numbers = points.iter().filter(|point| point.value.is_some()).count();
        let smooth = smooth && !is_sparse && numbers >= FEWEST_TO_SMOOTH;
        let window = if smooth { (points.len() / 25).clamp(5, 2001) | 1 } else { 0 };
        let average = match window {
            0 => Vec::new(),
            window => thin::lines(&thin::moving_average(points, window), frame.buckets / 2),
        };
        Self {
            key,
            title: title_of(key),
            definition: definition_of(key),
            lines: thin::lines(points, frame.buckets),
            average,
            window,
            nulls: points.len() - numbers,
            is_sparse,
        }
    }

    /// The numbers that stayed, in order of steps.
    fn points(&self) -> impl Iterator<Item = (u64, f64)> {
        self.lines.iter().flatten().copied()
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.points().map(|(_, value)| value)
    }
}

/// Logarithmic where positive numbers span more than three decades, linear otherwise.
fn value_axis(min: f64, max: f64, unit: &str) -> Axis {
    if min > 0.0 && max / min > 1e3 && unit != "share" {
        Axis::logarithmic(min, max)
    } else {
        Axis::linear(min, max, 4)
    }
}

fn legend(series: &[Series<'_>]) -> String {
    let mut html = String::from("<ul class=\"legend\">\n");
    for (index, one) in series.iter().enumerate() {
        let last = one.values().last().map_or_else(String::new, number);
        let name = match series.len() {
            1 => format!("<code>{}</code>", Escaped(one.key)),
            _ => Escaped(&one.title).to_string(),
        };
        let label = format!(
            "<svg class=\"swatch\" viewBox=\"0 0 16 8\" aria-hidden=\"true\"><path class=\"curve s{}\" \
             d=\"M1 4H15\"/></svg><span>{name}</span> <b>{}</b>",
            index % svg::COLOURS,
            Escaped(&last)
        );
        let mut text = format!("{}\n{}", one.key, one.definition);
        if one.window > 0 {
            text += &format!(" Bold: centred mean over {} recorded points.", one.window);
        }
        if one.nulls > 0 {
            text += &format!(" {} steps gave no number.", one.nulls);
        }
        html += &format!("<li>{}</li>\n", with_definition(&label, &text));
    }
    html + "</ul>\n"
}

/// What the script needs: the axes' ends, and each series with its numbers as recorded.
fn data(series: &[Series<'_>], axis: &Axis) -> Value {
    let list = |one: &Series<'_>| {
        let (steps, values): (Vec<u64>, Vec<f64>) =
            one.points().map(|(step, value)| (step, short(value))).unzip();
        json!({ "name": one.title, "steps": steps, "values": values })
    };
    let unit = series.first().map_or("1", |one| unit_of(one.key));
    json!({
        "unit": unit,
        "low": axis.low,
        "high": axis.high,
        "log": axis.is_log,
        "series": series.iter().map(list).collect::<Vec<_>>(),
    })
}

/// A few words for `key`; the name itself for a component of the reward or an unknown key.
pub(super) fn title_of(key: &str) -> String {
    let Some(definition) = definitions::find(key) else { return key.to_owned() };
    let Some(name) = definition.name_in(key) else { return definition.title.to_owned() };
    match definition.title.strip_prefix("Component NAME") {
        Some(rest) => format!("{name}{rest}"),
        None => definition.title.replace("NAME", name),
    }
}

/// The definition of `key` as a paragraph.
pub(super) fn definition_of(key: &str) -> String {
    let unknown = || "This version of the report has no definition of this key.".to_owned();
    definitions::find(key).map_or_else(unknown, |definition| definition.sentence(key))
}

fn unit_of(key: &str) -> &'static str {
    definitions::find(key).map_or("1", |definition| definition.unit)
}

/// A sentence for those who do not see the picture.
fn in_words(one: &Series<'_>, unit: &str) -> String {
    let (Some(first), Some(last)) = (one.points().next(), one.points().last()) else {
        return String::new();
    };
    let show = |value| with_unit(value, unit);
    let least = one.values().fold(f64::MAX, f64::min);
    let most = one.values().fold(f64::MIN, f64::max);
    format!(
        "{} from {} at step {} to {} at step {}, between {} and {}.",
        one.title,
        show(first.1),
        number(first.0 as f64),
        show(last.1),
        number(last.0 as f64),
        show(least),
        show(most)
    )
}

#[cfg(test)]
mod tests;
