//! The drawing itself. One unit of the drawing is about one CSS pixel.

use super::super::axis::Axis;
use super::super::html::Escaped;
use super::super::number::number;
use super::super::thin::Line;
use super::{Frame, Series, in_words, unit_of};

/// Different colours that the style sheet has for lines.
pub(super) const COLOURS: usize = 8;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 196.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// A curve with more points than this has no dots.
const MOST_DOTS: usize = 80;

/// What one drawing shows.
pub(super) struct Picture<'a> {
    pub(super) frame: &'a Frame,
    pub(super) axis: &'a Axis,
    pub(super) series: &'a [Series<'a>],
}

impl Picture<'_> {
    /// The `svg` element.
    pub(super) fn draw(&self) -> String {
        let unit = self.series.first().map_or("1", |one| unit_of(one.key));
        let words: Vec<String> = self.series.iter().map(|one| in_words(one, unit)).collect();
        let words = words.join(" ");
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" data-area=\"{LEFT} {TOP} {} {}\" data-steps=\"{} \
             {}\" role=\"img\" aria-label=\"{}\">\n",
            WIDTH - RIGHT,
            HEIGHT - BOTTOM,
            self.frame.steps.low,
            self.frame.steps.high,
            Escaped(&words)
        );
        self.bands(&mut svg);
        self.axes(&mut svg);
        for (index, series) in self.series.iter().enumerate() {
            self.series(&mut svg, series, index % COLOURS);
        }
        svg + "</svg>"
    }

    fn bands(&self, svg: &mut String) {
        for band in &self.frame.bands {
            let (from, to) = (self.x(band.first as f64), self.x(band.last as f64 + 1.0));
            *svg += &format!(
                "<rect class=\"band p{}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" \
                 height=\"{:.1}\"/>\n",
                band.colour,
                (to - from).max(0.5),
                HEIGHT - BOTTOM - TOP,
            );
        }
    }

    fn axes(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        *svg += "<path class=\"grid\" d=\"";
        for tick in &self.axis.ticks {
            *svg += &format!("M{LEFT} {:.1}H{right}", self.y(*tick));
        }
        *svg += "\"/>\n<g class=\"labels y\">";
        for tick in &self.axis.ticks {
            let (y, label) = (self.y(*tick) + 3.5, number(rounded(*tick)));
            *svg += &format!("<text x=\"{}\" y=\"{y:.1}\">{label}</text>", LEFT - 7.0);
        }
        *svg += "</g>\n<g class=\"labels x\">";
        for tick in &self.frame.steps.ticks {
            let x = self.x(*tick);
            let y = bottom + 16.0;
            *svg += &format!("<text x=\"{x:.1}\" y=\"{y}\">{}</text>", number(rounded(*tick)));
        }
        *svg += &format!("</g>\n<path class=\"base\" d=\"M{LEFT} {bottom}H{right}\"/>\n");
    }

    fn series(&self, svg: &mut String, series: &Series<'_>, colour: usize) {
        let title = Escaped(&series.title);
        let hint = format!("<title>{title}: {}</title>", Escaped(&series.definition));
        let raw = self.path(&series.lines);
        if series.average.is_empty() {
            *svg += &format!("<path class=\"curve s{colour}\" d=\"{raw}\">{hint}</path>\n");
        } else {
            let smooth = self.path(&series.average);
            *svg += &format!("<path class=\"curve raw s{colour}\" d=\"{raw}\"/>\n");
            *svg += &format!("<path class=\"curve s{colour}\" d=\"{smooth}\">{hint}</path>\n");
        }
        if series.is_sparse && series.points().count() <= MOST_DOTS {
            for (step, value) in series.points() {
                let (x, y) = (self.x(step as f64), self.y(value));
                *svg += &format!(
                    "<circle class=\"dot s{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
                );
            }
        }
    }

    /// The lines as path data; a line of one point is a dot.
    fn path(&self, lines: &[Line]) -> String {
        let mut path = String::new();
        for line in lines {
            for (index, (step, value)) in line.iter().enumerate() {
                let command = if index == 0 { 'M' } else { 'L' };
                path += &format!("{command}{:.1} {:.1}", self.x(*step as f64), self.y(*value));
            }
            if line.len() == 1 {
                path += "h.01";
            }
        }
        path
    }

    fn x(&self, step: f64) -> f64 {
        LEFT + self.frame.steps.place(step) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.axis.place(value) * (HEIGHT - TOP - BOTTOM)
    }
}

/// A tick without the dust of its multiplication.
fn rounded(tick: f64) -> f64 {
    format!("{tick:.8e}").parse().unwrap_or(tick)
}
