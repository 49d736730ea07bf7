//! `hybrid devices`: what was compiled in and what is really there.

use std::io::Write;

use anyhow::Result;

use crate::device;
use crate::ui::Ui;

pub(crate) fn run(ui: &Ui) -> Result<()> {
    let rows = device::list();
    let mut out = std::io::stdout().lock();
    if ui.json {
        writeln!(out, "{}", serde_json::to_string(&rows)?)?;
        return Ok(());
    }
    for row in rows {
        let state = match (row.present, row.compiled) {
            (true, _) => "ready",
            (false, true) => "absent",
            (false, false) => "not compiled",
        };
        writeln!(out, "{:<10} {state:<13} {}", row.device, row.note)?;
    }
    Ok(())
}
