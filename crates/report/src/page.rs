//! A run directory to one self-contained HTML page.
//!
//! The page needs no network and, to be read, no script: Rust draws every curve as SVG. Its script
//! adds a crosshair that names values and definitions. Long runs are thinned to the smallest and
//! largest value of each of a few hundred stretches, so the page stays small and no spike is lost.
//!
//! 1. `panels` — which curves share a picture, and in which order.
//! 2. `thin`, `axis`, `chart` — points to a picture.
//! 3. `phases` — the shaded bands.
//! 4. `overview`, `samples`, `settings` — everything that is not a curve.

mod axis;
mod chart;
mod html;
mod number;
mod overview;
mod panels;
mod phases;
mod samples;
mod settings;
mod thin;

use std::path::Path;

use self::chart::Frame;
use self::html::{Escaped, json_script};
use crate::error::ReportError;
use crate::run::Run;

/// Makes the page of the run in `run_dir`.
///
/// The same files give the same page, byte for byte.
///
/// # Errors
///
/// As [`Run::read`].
pub fn page(run_dir: &Path) -> Result<String, ReportError> {
    Run::read(run_dir).map(|run| render(&run))
}

/// The page of a run that has been read.
pub fn render(run: &Run) -> String {
    let frame = Frame::new(run);
    let title = Escaped(&run.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title} · hybrid</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    page += &overview::header(run, &frame);
    page += "<main>\n";
    page += &overview::headline(run);
    page += &panels::sections(run, &frame);
    page += &samples::section(&run.samples);
    page += &settings::section(run);
    page += &settings::glossary(run);
    page += "</main>\n<div id=\"live\" role=\"status\" aria-live=\"polite\"></div>\n";
    page += &json_script("id=\"phases\"", &phases::as_json(&frame.bands));
    page += &format!("<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

/// Nothing may be fetched, whatever a sample says.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

#[cfg(test)]
mod tests;
