//! How many times as fast ours is, as bars, beside what is asked for.

use std::fmt::Write;

use super::page::Entry;
use super::summary::number;

/// Where bars begin: left of it stand their names.
const LEFT: f64 = 290.0;
const WIDTH: f64 = 430.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 44.0;
const ROW: f64 = 20.0;
/// Values where the axis is marked; it is logarithmic.
const TICKS: &[f64] = &[0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Peers of many works and their colours; the others are grey.
const COLOURS: &[(&str, &str)] = &[
    ("torch", "#2980b9"),
    ("torch-fused", "#85c1e9"),
    ("transformers", "#8e44ad"),
    ("trl", "#c0392b"),
];

/// The picture, as SVG.
pub(super) fn drawn(entries: &[Entry]) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut svg, entries);
    svg
}

fn draw(svg: &mut String, entries: &[Entry]) -> std::fmt::Result {
    let bars: Vec<(&Entry, f64)> = entries
        .iter()
        .filter_map(|entry| Some((entry, entry.ratio.filter(|ratio| *ratio > 0.0)?)))
        .collect();
    let values = bars.iter().flat_map(|(entry, ratio)| [Some(*ratio), entry.asked]).flatten();
    let (least, most) =
        values.fold((1.0_f64, 1.0_f64), |(a, b), value| (a.min(value), b.max(value)));
    let low = TICKS.iter().rev().find(|tick| **tick <= least).copied().unwrap_or(0.25).min(0.5);
    let high = TICKS.iter().find(|tick| **tick >= most).copied().unwrap_or(256.0).max(2.0);
    let x = |value: f64| {
        let place = (value / low).ln() / (high / low).ln();
        LEFT + WIDTH * place.clamp(0.0, 1.0)
    };
    let (width, bottom) = (LEFT + WIDTH + RIGHT, TOP + ROW * bars.len() as f64);
    let title = "Times as fast as the peer; the black mark is what is asked for";
    open(svg, [width, bottom + 34.0], title)?;
    legend(svg)?;
    for tick in TICKS.iter().filter(|tick| (low..=high).contains(*tick)) {
        let (at, colour) = (x(*tick), if (*tick - 1.0).abs() < 1e-9 { "#555" } else { "#ddd" });
        writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP} V{bottom}\" stroke=\"{colour}\"/><text x=\"{at:.1}\" y=\"{}\" \
             text-anchor=\"middle\" fill=\"#555\">{tick}</text>",
            bottom + 16.0
        )?;
    }
    for (place, (entry, ratio)) in bars.into_iter().enumerate() {
        bar(svg, entry, ratio, TOP + ROW * place as f64, &x)?;
    }
    svg.push_str("</svg>\n");
    Ok(())
}

/// Begins a picture of that width and height: white, with a title.
pub(super) fn open(svg: &mut String, [width, height]: [f64; 2], title: &str) -> std::fmt::Result {
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>"
    )?;
    writeln!(svg, "<text x=\"12\" y=\"18\" font-weight=\"bold\">{title}</text>")
}

fn legend(svg: &mut String) -> std::fmt::Result {
    let mut at = LEFT;
    for (name, colour) in COLOURS {
        writeln!(
            svg,
            "<circle cx=\"{at:.1}\" cy=\"33\" r=\"4\" fill=\"{colour}\"/><text x=\"{:.1}\" \
             y=\"37\">{name}</text>",
            at + 8.0
        )?;
        at += 30.0 + 7.0 * name.len() as f64;
    }
    Ok(())
}

/// A bar from 1 to the ratio, its name, and the mark of what is asked for.
fn bar(
    svg: &mut String,
    entry: &Entry,
    ratio: f64,
    top: f64,
    x: &dyn Fn(f64) -> f64,
) -> std::fmt::Result {
    let colour = COLOURS.iter().find(|(name, _)| *name == entry.peer).map_or("#888", |(_, c)| c);
    let (one, end) = (x(1.0), x(ratio));
    let (start, length) = (one.min(end), (end - one).abs().max(1.0));
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}, {}</text><rect x=\"{start:.1}\" \
         y=\"{:.1}\" width=\"{length:.1}\" height=\"12\" fill=\"{colour}\" fill-opacity=\"0.8\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        LEFT - 8.0,
        top + 14.0,
        entry.work,
        entry.peer,
        top + 4.0,
        entry.asked.map_or(end, |asked| end.max(x(asked))).max(one) + 5.0,
        top + 14.0,
        number(ratio)
    )?;
    if let Some(asked) = entry.asked {
        let at = x(asked);
        writeln!(
            svg,
            "<path d=\"M{at:.1} {:.1} v16\" stroke=\"black\" stroke-width=\"2\"/>",
            top + 2.0
        )?;
    }
    Ok(())
}
