//! Charts as SVG: axes with round numbers, lines, points, a legend. Shared by the examples that draw
//! what they found.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// What one chart shows, in units of its axes.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// Above the chart.
    pub(crate) title: String,
    /// Below it.
    pub(crate) x: String,
    /// Its range.
    pub(crate) x_range: (f64, f64),
    /// The range upwards; the title says what it is.
    pub(crate) y_range: (f64, f64),
    /// Lines, drawn in their order.
    pub(crate) lines: Vec<Line>,
}

/// Points joined by a line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// In the legend, once for all lines of that name.
    pub(crate) name: String,
    /// Any colour of CSS.
    pub(crate) colour: &'static str,
    /// Dashes, as in a level that others are compared with.
    pub(crate) dashed: bool,
    /// A dot at its last point.
    pub(crate) dot: bool,
    /// `(x, y)`.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 46.0;

/// Writes the panels side by side.
pub(crate) fn write(path: &Path, panels: &[Panel]) -> Result<()> {
    let width = WIDTH * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    for (place, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, place as f64 * WIDTH)?;
    }
    svg.push_str("</svg>\n");
    std::fs::write(path, svg).with_context(|| format!("cannot write `{}`", path.display()))
}

impl Panel {
    fn draw(&self, svg: &mut String, left: f64) -> Result<()> {
        let ((x0, x1), (y0, y1)) = (self.x_range, self.y_range);
        let x = |value: f64| {
            left + MARGIN + (WIDTH - 1.5 * MARGIN) * ((value - x0) / (x1 - x0)).clamp(0.0, 1.0)
        };
        let y = |value: f64| {
            HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * ((value - y0) / (y1 - y0)).clamp(0.0, 1.0)
        };
        let (bottom, top) = (y(y0), y(y1));
        for value in ticks(x0, x1) {
            let at = x(value);
            writeln!(
                svg,
                "<path d=\"M{at:.1} {bottom:.1} V{top:.1}\" stroke=\"#eee\"/><text x=\"{at:.1}\" \
                 y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{value}</text>",
                bottom + 15.0
            )?;
        }
        for value in ticks(y0, y1) {
            let at = y(value);
            writeln!(
                svg,
                "<path d=\"M{:.1} {at:.1} H{:.1}\" stroke=\"#eee\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\" fill=\"#555\">{value}</text>",
                x(x0),
                x(x1),
                x(x0) - 5.0,
                at + 4.0
            )?;
        }
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"15\" font-weight=\"bold\">{}</text><text x=\"{:.1}\" \
             y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left + MARGIN / 2.0,
            self.title,
            x(x1),
            HEIGHT - 12.0,
            self.x
        )?;
        for line in &self.lines {
            line.draw(svg, &x, &y)?;
        }
        self.legend(svg, left + MARGIN + 8.0)
    }

    fn legend(&self, svg: &mut String, left: f64) -> Result<()> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for line in &self.lines {
            if !names.iter().any(|(name, _)| *name == line.name) {
                names.push((&line.name, line.colour));
            }
        }
        let (mut at, mut row) = (left, 27.0);
        for (name, colour) in names {
            let width = 22.0 + 6.8 * name.chars().count() as f64;
            if at + width > left + WIDTH - 1.5 * MARGIN {
                (at, row) = (left, row + 13.0);
            }
            writeln!(
                svg,
                "<circle cx=\"{at:.1}\" cy=\"{row}\" r=\"4\" fill=\"{colour}\"/><text x=\"{:.1}\" \
                 y=\"{}\">{name}</text>",
                at + 7.0,
                row + 4.0
            )?;
            at += width;
        }
        Ok(())
    }
}

impl Line {
    fn draw(&self, svg: &mut String, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> Result<()> {
        let points: Vec<String> =
            self.points.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
        let dashes = if self.dashed { " stroke-dasharray=\"5 4\"" } else { "" };
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\" \
             stroke-opacity=\"0.75\"{dashes}/>",
            points.join(" "),
            self.colour
        )?;
        if let Some((a, b)) = self.points.last().filter(|_| self.dot) {
            writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{}\"><title>{}</title></circle>",
                x(*a),
                y(*b),
                self.colour,
                self.name
            )?;
        }
        Ok(())
    }
}

/// Round numbers in a range, four to eight of them.
fn ticks(from: f64, to: f64) -> Vec<f64> {
    let rough = (to - from) / 5.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (from / step).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|count| ((count as f64 * step) * 1e6).round() / 1e6).collect()
}
