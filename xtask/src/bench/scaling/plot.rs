//! Seconds of a batch by its tokens, a panel for each case, beside the nearest straight line.

use std::fmt::Write;

use super::Batches;
use crate::bench::plot::open;
use crate::bench::summary::number;

/// From the left edge of a panel to that of the next.
const PANEL: f64 = 400.0;
/// From a panel's edge to its axis: there stand the seconds.
const LEFT: f64 = 60.0;
const TOP: f64 = 62.0;
const WIDTH: f64 = 310.0;
const HEIGHT: f64 = 230.0;
/// Below the axis stand the tokens.
const BELOW: f64 = 48.0;
/// What is free beyond the largest value.
const AIR: f64 = 1.05;

const TIMES: &str = "#c0392b";
const STRAIGHT: &str = "#2980b9";

/// The picture, as SVG.
pub(super) fn drawn(batches: &[Batches]) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut svg, batches);
    svg
}

fn draw(svg: &mut String, batches: &[Batches]) -> std::fmt::Result {
    let size = [PANEL * batches.len() as f64, TOP + HEIGHT + BELOW];
    open(svg, size, "Seconds of a batch by its tokens, and the nearest straight line")?;
    for (place, batches) in batches.iter().enumerate() {
        Panel::new(batches, LEFT + PANEL * place as f64).draw(svg)?;
    }
    svg.push_str("</svg>\n");
    Ok(())
}

struct Panel<'a> {
    batches: &'a Batches,
    /// Tokens and the median of seconds of each size.
    points: Vec<(f64, f64)>,
    left: f64,
    /// Where the axes end.
    most_tokens: f64,
    most_seconds: f64,
}

impl<'a> Panel<'a> {
    fn new(batches: &'a Batches, left: f64) -> Self {
        let points = batches.points();
        let tokens = points.iter().map(|point| point.0).fold(0.0, f64::max);
        let seconds = batches.sizes.iter().flat_map(|size| &size.seconds);
        let seconds = seconds.copied().fold(0.0, f64::max);
        Self { batches, points, left, most_tokens: AIR * tokens, most_seconds: AIR * seconds }
    }

    fn x(&self, tokens: f64) -> f64 {
        self.left + WIDTH * tokens / self.most_tokens
    }

    fn y(&self, seconds: f64) -> f64 {
        TOP + HEIGHT * (1.0 - seconds / self.most_seconds)
    }

    fn draw(&self, svg: &mut String) -> std::fmt::Result {
        self.axes(svg)?;
        let mut caption = self.batches.case.clone();
        if let Some(line) = self.batches.line() {
            let percent = 100.0 * line.largest_departure(&self.points);
            caption.push_str(&format!(": at most {percent:.1} % off the line"));
            let end = self.most_tokens;
            writeln!(
                svg,
                "<path d=\"M{:.2} {:.2} L{:.2} {:.2}\" stroke=\"{STRAIGHT}\"/>",
                self.x(0.0),
                self.y(line.at(0.0)),
                self.x(end),
                self.y(line.at(end))
            )?;
        }
        for (size, (tokens, seconds)) in self.batches.sizes.iter().zip(&self.points) {
            let x = self.x(*tokens);
            let least = size.seconds.iter().copied().fold(f64::INFINITY, f64::min);
            let most = size.seconds.iter().copied().fold(0.0, f64::max);
            writeln!(
                svg,
                "<path d=\"M{x:.2} {:.2} V{:.2}\" stroke=\"{TIMES}\"/><circle cx=\"{x:.2}\" \
                 cy=\"{:.2}\" r=\"3.5\" fill=\"{TIMES}\"/>",
                self.y(most),
                self.y(least),
                self.y(*seconds)
            )?;
        }
        writeln!(svg, "<text x=\"{}\" y=\"{}\">{caption}</text>", self.left, TOP - 16.0)
    }

    /// Both axes with their marks.
    fn axes(&self, svg: &mut String) -> std::fmt::Result {
        let (left, right, bottom) = (self.left, self.left + WIDTH, TOP + HEIGHT);
        for tick in ticks(self.most_seconds) {
            let y = self.y(tick);
            writeln!(
                svg,
                "<path d=\"M{left} {y:.2} H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.2}\" \
                 text-anchor=\"end\" fill=\"#555\">{}</text>",
                left - 6.0,
                y + 4.0,
                mark(tick)
            )?;
        }
        for tick in ticks(self.most_tokens) {
            writeln!(
                svg,
                "<text x=\"{:.2}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{}</text>",
                self.x(tick),
                bottom + 16.0,
                mark(tick)
            )?;
        }
        writeln!(
            svg,
            "<path d=\"M{left} {TOP} V{bottom} H{right}\" stroke=\"#555\" fill=\"none\"/>\
             <text x=\"{right}\" y=\"{}\" text-anchor=\"end\" fill=\"#555\">tokens</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#555\">s</text>",
            bottom + 34.0,
            left - 6.0,
            TOP - 16.0
        )
    }
}

/// Round values from 0 to `most`, at most six of them.
pub(super) fn ticks(most: f64) -> Vec<f64> {
    let rough = most / 5.0;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = 10.0_f64.powi(rough.log10().floor() as i32);
    let round = [1.0, 2.0, 5.0].map(|factor| factor * power);
    let step = round.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * power);
    let count = (most / step).floor() as usize;
    (0..=count).map(|place| place as f64 * step).collect()
}

/// A tick's value: short, and without the noise of its last digits.
fn mark(tick: f64) -> String {
    let text = number(tick);
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}
