//! Rows of words in columns, and the words of a stream's row.

use std::fmt::Write as _;

use serde_json::Value;

/// The columns of the list of streams.
pub(super) const HEAD: [&str; 6] = ["STREAM", "STATUS", "SHARDS", "MODE", "RETENTION", "CONSUMERS"];

/// A stream's row.
pub(super) fn row(summary: &Value) -> [String; 6] {
    let text = |name: &str| summary[name].as_str().unwrap_or("-").to_owned();
    let number = |name: &str| summary[name].as_u64().unwrap_or_default();
    [
        text("StreamName"),
        text("StreamStatus"),
        number("OpenShardCount").to_string(),
        mode(summary),
        retention(number("RetentionPeriodHours")),
        number("ConsumerCount").to_string(),
    ]
}

/// `provisioned` or `on demand`.
pub(super) fn mode(summary: &Value) -> String {
    let mode = summary["StreamModeDetails"]["StreamMode"].as_str().unwrap_or("PROVISIONED");
    mode.to_lowercase().replace('_', " ")
}

/// Days where they are whole.
pub(super) fn retention(hours: u64) -> String {
    if hours.is_multiple_of(24) && hours > 24 { format!("{} d", hours / 24) } else { format!("{hours} h") }
}

/// `1 shard`, `2 shards`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// All rows below their head, each column as wide as its widest cell; the last one is not padded.
pub(super) fn render<const N: usize>(head: &[&str; N], rows: &[[String; N]]) -> String {
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(widest).collect();
    let mut text = line(head, &widths);
    rows.iter().for_each(|row| text.push_str(&line(row, &widths)));
    text
}

fn line<S: AsRef<str>>(cells: &[S], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let _ = write!(text, "{:<width$}  ", cell.as_ref());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_stand_below_their_heads() {
        let rows = [["orders".to_owned(), "1".to_owned()], ["x".to_owned(), "20".to_owned()]];
        assert_eq!(render(&["NAME", "N"], &rows), "NAME    N\norders  1\nx       20\n");
    }

    #[test]
    fn a_stream_is_a_row() {
        let summary = json!({"StreamName": "a", "StreamStatus": "ACTIVE", "OpenShardCount": 4,
            "RetentionPeriodHours": 168, "ConsumerCount": 2, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
        assert_eq!(row(&summary), ["a", "ACTIVE", "4", "on demand", "7 d", "2"].map(str::to_owned));
        assert_eq!(
            [retention(24), counted(1, "shard"), counted(2, "shard")],
            ["24 h", "1 shard", "2 shards"]
        );
    }
}
