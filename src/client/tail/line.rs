//! How a record is printed: one line, whatever it carries.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::super::TailArgs;
use super::super::events::Record;
use super::super::time;

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Time, shard, sequence number, key, data.
    Text,
    /// A JSON object.
    Json,
    /// The data alone.
    Raw,
}

impl Form {
    /// What the flags ask for.
    pub(super) fn of(args: &TailArgs) -> Self {
        match (args.json, args.raw) {
            (true, _) => Self::Json,
            (_, true) => Self::Raw,
            _ => Self::Text,
        }
    }

    /// Writes a record's line.
    pub(super) fn write(self, out: &mut impl Write, shard: &str, record: &Record) -> io::Result<()> {
        match self {
            Self::Text => writeln!(out, "{}", text(shard, record)),
            Self::Json => writeln!(out, "{}", json(shard, record)),
            Self::Raw => {
                out.write_all(&record.data())?;
                out.write_all(b"\n")
            }
        }
    }
}

fn text(shard: &str, record: &Record) -> String {
    let (time, number) = (time::rfc3339(record.arrival()), &record.sequence_number);
    let mut line = format!("{time} {shard} {number} {} ", escaped(&record.partition_key));
    match printable(&record.data()) {
        Some(data) => line.push_str(data),
        None => {
            let _ = write!(line, "base64:{}", record.base64());
        }
    }
    line
}

fn json(shard: &str, record: &Record) -> Value {
    let mut line = Map::new();
    line.insert("shardId".into(), shard.into());
    line.insert("sequenceNumber".into(), record.sequence_number.as_str().into());
    line.insert("partitionKey".into(), record.partition_key.as_str().into());
    line.insert("arrival".into(), time::rfc3339(record.arrival()).into());
    match std::str::from_utf8(&record.data()) {
        Ok(data) => line.insert("data".into(), data.into()),
        Err(_) => line.insert("dataBase64".into(), record.base64().into()),
    };
    line.into()
}

/// The data as text, if it is some that leaves the line and the terminal as they are, and cannot be taken for
/// base64.
fn printable(data: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(data).ok()?;
    let is_plain = !text.chars().any(|it| it.is_control() && it != '\t') && !text.starts_with("base64:");
    is_plain.then_some(text)
}

/// A key as one word: keys may hold anything.
fn escaped(key: &str) -> String {
    let is_odd = |it: char| it.is_control() || it.is_whitespace() || it == '\\';
    if !key.contains(is_odd) {
        return key.to_owned();
    }
    let escape = |it: char| if is_odd(it) { it.escape_unicode().to_string() } else { it.to_string() };
    key.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(form: Form, key: &str, data: &[u8]) -> String {
        let data = base64_simd::STANDARD.encode_to_string(data);
        let record = json!({"SequenceNumber": "49", "PartitionKey": key, "Data": data,
            "ApproximateArrivalTimestamp": 1_795_723_200.123});
        let mut out = Vec::new();
        form.write(&mut out, "shardId-000000000000", &serde_json::from_value(record).unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_shown_as_it_is_and_anything_else_in_base64() {
        let begin = "2026-11-26T20:00:00.123Z shardId-000000000000 49";
        assert_eq!(line(Form::Text, "k", "grüße".as_bytes()), format!("{begin} k grüße\n"));
        assert_eq!(line(Form::Text, "a b", b"\xff\x00"), format!("{begin} a\\u{{20}}b base64:/wA=\n"));
        assert_eq!(line(Form::Text, "k", b"two\nlines"), format!("{begin} k base64:dHdvCmxpbmVz\n"));
        assert_eq!(line(Form::Text, "k", b"base64:x"), format!("{begin} k base64:YmFzZTY0Ong=\n"));
    }

    #[test]
    fn json_and_raw_lines_hold_the_data_exactly() {
        let told: Value = serde_json::from_str(&line(Form::Json, "k", b"two\nlines")).unwrap();
        assert_eq!(
            (&told["data"], &told["arrival"]),
            (&json!("two\nlines"), &json!("2026-11-26T20:00:00.123Z"))
        );
        let told: Value = serde_json::from_str(&line(Form::Json, "k", b"\xff")).unwrap();
        assert_eq!((&told["dataBase64"], &told["data"]), (&json!("/w=="), &Value::Null));
        assert_eq!(line(Form::Raw, "k", b"x\ty"), "x\ty\n");
    }
}
