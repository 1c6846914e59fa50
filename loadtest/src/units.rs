//! Sizes and spans as the flags spell them, and the few integer conversions the tool needs.

use std::time::Duration;

/// Bytes in a mebibyte.
pub(crate) const MIB: u64 = 1 << 20;
/// Nanoseconds in a second.
pub(crate) const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A length as a count.
pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).expect("64-bit machine: a usize is a u64")
}

/// A count as an index.
pub(crate) fn index(n: u64) -> usize {
    usize::try_from(n).expect("64-bit machine: a u64 indexes memory")
}

/// A length as a 32-bit wire field; lengths here are bounded far below 4 GiB.
pub(crate) fn wire_u32(n: usize) -> u32 {
    u32::try_from(n).expect("bounded by MAX_MESSAGE_BYTES or the largest record")
}

/// A span in nanoseconds; spans here are minutes, not centuries.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The whole part of a non-negative number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the cast saturates, as wanted
pub(crate) fn whole(x: f64) -> u64 {
    x as u64
}

/// Reads `500ms`, `10s`, `5m` or bare seconds.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let (digits, unit) = split_unit(text);
    let n: f64 = digits.parse().map_err(|_| format!("`{text}` is not a span such as 500ms, 10s or 5m"))?;
    let seconds = match unit {
        "ms" => n / 1e3,
        "" | "s" => n,
        "m" => n * 60.0,
        _ => return Err(format!("`{unit}` is not a unit of time (ms, s, m)")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{text}`: {error}"))
}

/// Reads `1024`, `1KiB`, `64MiB` or `2GiB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, unit) = split_unit(text);
    let n: f64 = digits.parse().map_err(|_| format!("`{text}` is not a size such as 1024, 1KiB or 64MiB"))?;
    let scale = match unit {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => MIB,
        "G" | "GiB" => 1 << 30,
        _ => return Err(format!("`{unit}` is not a unit of size (B, KiB, MiB, GiB)")),
    };
    Ok(whole(n * f64_of(scale)))
}

/// A count as a float, for rates; exact below 2^53.
#[allow(clippy::cast_precision_loss)] // rates are printed with three digits
pub(crate) fn f64_of(n: u64) -> f64 {
    n as f64
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_read_as_written() {
        assert_eq!(parse_span("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_span("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_span("2m"), Ok(Duration::from_secs(120)));
        assert!(parse_span("2h").is_err() && parse_span("-1s").is_err());
        assert_eq!(parse_size("1KiB"), Ok(1024));
        assert_eq!(parse_size("64MiB"), Ok(64 * MIB));
        assert!(parse_size("ten").is_err());
    }
}
