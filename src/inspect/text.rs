//! How payloads and times look where people read them.

use crate::types::Timestamp;

/// Bytes of a payload shown as text, and as hexadecimal digits.
const TEXT_BYTES_MAX: usize = 512;
const HEX_BYTES_MAX: usize = 64;

/// Text in quotes if it is text, else hexadecimal digits; both cut short.
pub(super) fn payload(bytes: &[u8]) -> String {
    let is_plain = |text: &&str| !text.chars().any(|c| c.is_control() && !c.is_ascii_whitespace());
    match std::str::from_utf8(bytes).ok().filter(is_plain) {
        Some(text) => {
            let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|&end| text.is_char_boundary(end));
            format!("{:?}{}", &text[..end.unwrap_or(0)], rest(text.len(), TEXT_BYTES_MAX))
        }
        None => {
            let shown = &bytes[..bytes.len().min(HEX_BYTES_MAX)];
            let digits: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{digits}{}", rest(bytes.len(), HEX_BYTES_MAX))
        }
    }
}

fn rest(len: usize, shown: usize) -> String {
    if len > shown { format!("… ({len} bytes)") } else { String::new() }
}

/// `2026-11-24 15:04:05.678` UTC.
pub(super) fn time(at: Timestamp) -> String {
    let (days, millis) = (at.as_millis() / 86_400_000, at.as_millis() % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}", millis % 1000)
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar: eras of 400 years, years that
/// begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_readable_and_bounded() {
        assert_eq!(payload("naïve \"x\"\n".as_bytes()), "\"naïve \\\"x\\\"\\n\"");
        assert_eq!(payload(&[0, 255]), "0x00ff");
        assert_eq!(payload(&[0; 100]), format!("0x{}… (100 bytes)", "00".repeat(64)));
        assert!(payload("ä".repeat(600).as_bytes()).ends_with("… (1200 bytes)"));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(Timestamp::default()), "1970-01-01 00:00:00.000");
        assert_eq!(time(Timestamp::from_millis(951_782_400_123)), "2000-02-29 00:00:00.123");
        assert_eq!(time(Timestamp::from_millis(1_798_761_599_999)), "2026-12-31 23:59:59.999");
    }
}
