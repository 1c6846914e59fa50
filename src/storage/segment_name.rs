//! What a segment file is called: its log, its first offset, and which attempt at it this is.

use crate::types::{LogId, Offset};

/// A segment file's name. The order is that of logs, offsets and attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// Whose records it holds.
    pub log: LogId,
    /// Where it begins.
    pub base: Offset,
    /// 0 for the first; the attempts before failed.
    pub attempt: u32,
}

impl SegmentName {
    /// The path of the file.
    pub fn path(self) -> String {
        let Self { log, base, attempt } = self;
        match attempt {
            0 => format!("segments/{log}-{base}.seg"),
            _ => format!("segments/{log}-{base}-{attempt}.seg"),
        }
    }

    /// Reads a file name; `None` if no segment is called so.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".seg")?.split('-');
        let log = LogId(u64::from_str_radix(parts.next()?, 16).ok()?);
        let base = Offset(parts.next()?.parse().ok()?);
        let attempt = parts.next().map_or(Some(0), |attempt| attempt.parse().ok())?;
        let parsed = Self { log, base, attempt };
        (parsed.path().strip_prefix("segments/") == Some(name)).then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_nothing_else_passes_for_one() {
        for attempt in [0, 1, 12] {
            let name = SegmentName { log: LogId(0xfe), base: Offset(77), attempt };
            let path = name.path();
            assert_eq!(SegmentName::parse(path.strip_prefix("segments/").unwrap()), Some(name));
        }
        for foreign in ["", "a.seg", "notes.txt", "fe-77.seg", "00000000000000fe-00000000000000000077-0.seg"]
        {
            assert_eq!(SegmentName::parse(foreign), None, "{foreign}");
        }
    }
}
