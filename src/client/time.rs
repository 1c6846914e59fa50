//! Times as people and protocols write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::types::Timestamp;

/// `2026-11-26T20:00:00.000Z`.
pub(super) fn rfc3339(time: Timestamp) -> String {
    humantime::format_rfc3339_millis(system(time)).to_string()
}

/// `20261126T200000Z`, as signatures have it.
pub(super) fn compact(time: Timestamp) -> String {
    let text = humantime::format_rfc3339_seconds(system(time)).to_string();
    text.replace(['-', ':'], "")
}

/// A moment (`2026-11-26T20:00:00Z`) or how long ago it was (`5m`, `2h 30m`).
pub(super) fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Some(now.minus_millis(millis(ago)));
    }
    let moment = humantime::parse_rfc3339_weak(text).ok()?;
    Some(Timestamp::from_millis(millis(moment.duration_since(UNIX_EPOCH).ok()?)))
}

/// A time as answers carry it: seconds with a fraction.
pub(super) fn from_secs(secs: f64) -> Timestamp {
    Timestamp::from_millis(millis(Duration::try_from_secs_f64(secs + 0.000_5).unwrap_or_default()))
}

/// The same the other way round.
pub(super) fn to_secs(time: Timestamp) -> f64 {
    Duration::from_millis(time.as_millis()).as_secs_f64()
}

/// `3.2 s`, `4 min`, `2 h`.
pub(super) fn roughly(span: Duration) -> String {
    match span.as_secs() {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        secs @ 10..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min", secs / 60),
        secs @ 7200..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} d", secs / 86_400),
    }
}

fn system(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(time.as_millis())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_723_200_123);

    #[test]
    fn moments_are_written_and_read_back() {
        assert_eq!(rfc3339(NOW), "2026-11-26T20:00:00.123Z");
        assert_eq!(compact(NOW), "20261126T200000Z");
        assert_eq!(parse("2026-11-26T20:00:00.123Z", NOW), Some(NOW));
        assert_eq!(parse("2026-11-26 20:00:00.123", NOW), Some(NOW));
        assert_eq!(from_secs(to_secs(NOW)), NOW);
    }

    #[test]
    fn how_long_ago_counts_from_now() {
        assert_eq!(parse("5m", NOW), Some(NOW.minus_millis(300_000)));
        assert_eq!(parse("yesterday", NOW), None);
    }

    #[test]
    fn spans_are_as_long_as_they_are_interesting() {
        let told = [0.25, 42.0, 300.0, 7200.0, 200_000.0].map(|secs| roughly(Duration::from_secs_f64(secs)));
        assert_eq!(told, ["0.2 s", "42 s", "5 min", "2 h", "2 d"]);
    }
}
