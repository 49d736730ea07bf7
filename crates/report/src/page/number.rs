//! Numbers as people read them.

/// `value` to about four significant digits; with a real minus sign, which is as wide as a digit.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let text = if value.is_nan() {
        "none".to_owned()
    } else if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e7).contains(&size) {
        scientific(value)
    } else if size >= 1e4 {
        grouped(value)
    } else {
        let before_point = size.log10().floor();
        let decimals = (3.0 - before_point).clamp(0.0, 6.0) as usize;
        trimmed(format!("{value:.decimals$}"))
    };
    text.replace('-', "−")
}

/// `value` with its unit where it has a name.
pub(super) fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "1" | "share" | "reward" | "reward²" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

/// `value` for the page's data: six significant digits, as short as they go.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Seconds as `3 h 12 min`, `4 min 05 s` or `8.1 s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{} s", number(three_digits(seconds.max(0.0)))),
        (0, minutes) => format!("{minutes} min {:02} s", whole % 60),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

/// `value` rounded to three significant digits.
pub(super) fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.3e}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", trimmed(digits.to_owned())),
        None => text,
    }
}

fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with a comma every three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
