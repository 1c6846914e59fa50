//! Text for HTML: escaped, and numbers as people read them.

use std::fmt::Write;

use crate::units::whole;

/// Text that cannot become markup, in an element or in a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What XML and HTML do not allow at all, such as the escapes of a terminal.
            c if c.is_control() && !"\n\t".contains(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A number with its thousands apart.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three significant digits, or all of the whole part.
pub(super) fn short(x: f64) -> String {
    let digits = match x.abs() {
        x if x >= 100.0 || x == 0.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        _ => 3,
    };
    let rounded = format!("{x:.digits$}");
    match rounded.parse::<u64>() {
        Ok(whole) if digits == 0 => grouped(whole),
        _ => rounded,
    }
}

/// A tick's number: no more digits than it needs.
pub(super) fn tick(x: f64) -> String {
    match x {
        x if x >= 1e6 => format!("{} M", trimmed(x / 1e6)),
        x if x >= 1e3 => grouped(whole(x)),
        x => trimmed(x),
    }
}

fn trimmed(x: f64) -> String {
    let text = format!("{x:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A second since 1970 as a date and time of day, UTC.
pub(super) fn utc(unix_secs: u64) -> String {
    let (days, secs) = (unix_secs / 86_400, unix_secs % 86_400);
    // Days of the era of 400 years that begins on 1 March 0000 (Howard Hinnant's civil_from_days).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut out = String::new();
    write!(
        out,
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    )
    .expect("writing to a string cannot fail");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hostile_stays_markup() {
        assert_eq!(
            escaped(r#"</title><b a='1' b="2">&"#),
            "&lt;/title&gt;&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;"
        );
        assert_eq!(escaped("a\u{1b}[1m\n"), "a\u{fffd}[1m\n");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0.0, 0.3421, 3.456, 45.67, 20_000.4].map(short),
            ["0", "0.342", "3.46", "45.7", "20,000"]
        );
        assert_eq!([0.2, 5.0, 20_000.0, 1.5e6].map(tick), ["0.2", "5", "20,000", "1.5 M"]);
        assert_eq!((grouped(999), grouped(1_234_567)), ("999".into(), "1,234,567".into()));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_798_761_599), "2026-12-31 23:59:59 UTC");
    }
}
