//! Numbers as a narrow column takes them.

use std::time::Duration;

/// `12`, `3.4`, `5.1k`, `2.0M`; a dot for nothing at all.
pub(super) fn rate(value: f64) -> String {
    match value {
        value if value <= 0.0 => "·".into(),
        value if value < 10.0 => format!("{value:.1}"),
        value if value < 1_000.0 => format!("{value:.0}"),
        value if value < 1_000_000.0 => format!("{:.1}k", value / 1e3),
        value => format!("{:.1}M", value / 1e6),
    }
}

/// `0 B`, `3.4 KiB`, `12 MiB`.
pub(super) fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (value.max(0.0), 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 10.0);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// The same of a rate; a dot for nothing at all.
pub(super) fn byte_rate(value: f64) -> String {
    if value <= 0.0 { "·".into() } else { bytes(value) }
}

/// `85 µs`, `1.2 ms`, `3.0 s`; a dash for what is not known.
pub(super) fn span(secs: Option<f64>) -> String {
    match secs {
        None => "-".into(),
        Some(0.0) => "0".into(),
        Some(secs) if secs < 0.001 => format!("{:.0} µs", secs * 1e6),
        Some(secs) if secs < 0.1 => format!("{:.1} ms", secs * 1e3),
        Some(secs) if secs < 1.0 => format!("{:.0} ms", secs * 1e3),
        Some(secs) => format!("{secs:.1} s"),
    }
}

/// How long something has been so: `42 s`, `3 h 12 min`, `5 d 2 h`.
pub(super) fn since(span: Duration) -> String {
    match span.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..3600 => format!("{} min", secs / 60),
        secs @ 3600..86_400 => format!("{} h {} min", secs / 3600, secs / 60 % 60),
        secs => format!("{} d {} h", secs / 86_400, secs / 3600 % 24),
    }
}

/// A whole number that may not be known.
pub(super) fn count(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_narrow() {
        assert_eq!([0.0, 3.44, 42.4, 5_100.0, 2e6].map(rate), ["·", "3.4", "42", "5.1k", "2.0M"]);
        assert_eq!(
            [0.0, 1023.0, 3_500.0, 12e6, 5e13].map(bytes),
            ["0 B", "1023 B", "3.4 KiB", "11 MiB", "45 TiB"]
        );
        assert_eq!(
            [Some(0.000_085), Some(0.001_24), Some(3.0), None].map(span),
            ["85 µs", "1.2 ms", "3.0 s", "-"]
        );
        assert_eq!(
            [42, 200, 11_520, 440_000].map(|it| since(Duration::from_secs(it))),
            ["42 s", "3 min", "3 h 12 min", "5 d 2 h"]
        );
    }
}
