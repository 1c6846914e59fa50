//! Shows what is in a data directory, as lines for people or as a JSON object per line: streams, consumers
//! and shards first, then the segments, batches and records of each log, then what the journal adds.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::platform::Disk;
use crate::shard_log::{Batch, Record};
use crate::types::{LogId, SequenceNumber};

use super::Damage;
use super::names::Names;
use super::selection::Selection;
use super::text;
use super::visit::{Place, SegmentFound, Visit};
use super::walk::walk;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// A JSON object per line; data in base64.
    Json,
}

/// Writes what is selected to `out`. An error of kind `InvalidInput` says that nothing is called so.
pub fn dump(disk: &mut dyn Disk, selection: &Selection, form: Form, out: &mut dyn Write) -> io::Result<()> {
    let mut reader = CatalogReader::default();
    walk(disk, &|log| log == LogId::CATALOG, &mut reader)?;
    let names = reader.0;
    let logs = selection.logs(&names).map_err(|what| io::Error::new(io::ErrorKind::InvalidInput, what))?;
    let mut dump = Dump { names, selection, form, out, shown: HashMap::new() };
    if logs.is_none() {
        dump.catalog()?;
    }
    let is_wanted = |log| logs.as_ref().is_none_or(|logs| logs.contains(&log));
    walk(disk, &is_wanted, &mut dump).map(drop)
}

/// Reads the catalog and nothing else.
#[derive(Default)]
struct CatalogReader(Names);

impl Visit for CatalogReader {
    fn segment(&mut self, _: &SegmentFound<'_>) -> io::Result<bool> {
        Ok(true)
    }

    fn batch(&mut self, place: Place<'_>, batch: &Batch) -> io::Result<()> {
        // Told again when everything is shown.
        let _ = self.0.take(place, batch);
        Ok(())
    }

    fn journal_file(&mut self, _: &str, _: u64, _: Option<u64>) -> io::Result<()> {
        Ok(())
    }

    fn damage(&mut self, _: Damage) {}

    fn note(&mut self, _: String) {}
}

struct Dump<'a> {
    names: Names,
    selection: &'a Selection,
    form: Form,
    out: &'a mut dyn Write,
    /// Records shown of each log.
    shown: HashMap<LogId, u64>,
}

impl Dump<'_> {
    fn line(&mut self, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> io::Result<()> {
        match self.form {
            Form::Text => writeln!(self.out, "{}", text()),
            Form::Json => writeln!(self.out, "{}", json()),
        }
    }

    fn catalog(&mut self) -> io::Result<()> {
        let streams: Vec<_> = self.names.catalog.streams().cloned().collect();
        for stream in streams {
            let (name, status, hours) = (&stream.name, stream.status.as_str(), stream.retention_hours);
            let created = text::time(stream.created);
            self.line(
                || format!("stream {name}  {status}, created {created}, records kept {hours} h"),
                || {
                    json!({"kind": "stream", "stream": name, "status": status, "retention_hours": hours,
                    "created_ms": stream.created})
                },
            )?;
            for consumer in stream.consumers.values() {
                let (called, status) = (&consumer.name, consumer.status.as_str());
                self.line(
                    || format!("  consumer {called}  {status}, registered {}", text::time(consumer.created)),
                    || {
                        json!({"kind": "consumer", "stream": name, "consumer": called, "status": status,
                        "created_ms": consumer.created})
                    },
                )?;
            }
            for shard in &stream.shards {
                let (id, log, range) = (shard.id.to_string(), shard.log.to_string(), shard.range);
                let state = shard.closed.map_or("open".to_owned(), |at| format!("closed {}", text::time(at)));
                let (start, end) = (range.start.to_string(), range.end.to_string());
                self.line(
                    || format!("  shard {id}  log {log}, {state}, hash keys {start} to {end}"),
                    || json!({"kind": "shard", "stream": name, "shard": id, "log": log, "closed_ms": shard.closed,
                        "hash_key_start": start, "hash_key_end": end}),
                )?;
            }
        }
        Ok(())
    }

    fn is_full(&self, log: LogId) -> bool {
        self.selection.limit.is_some_and(|limit| self.shown.get(&log).is_some_and(|shown| *shown >= limit))
    }

    fn record(&mut self, log: LogId, record: &Record) -> io::Result<()> {
        *self.shown.entry(log).or_default() += 1;
        let (offset, at) = (record.offset.0, record.arrival);
        let number = self.names.shard(log).map(|(_, shard)| {
            SequenceNumber::record(shard.created.as_secs(), offset + 1, at.as_secs(), shard.id).to_string()
        });
        let key = String::from_utf8_lossy(&record.partition_key).into_owned();
        let key = (!record.marks.is_keyless()).then_some(key);
        let encryption = record.marks.is_encrypted().then_some("KMS");
        let data = shown_data(log, record);
        let name = self.names.text(log);
        self.line(
            || {
                let number = number.as_deref().unwrap_or("-");
                let key = key.as_ref().map_or("no key".to_owned(), |key| format!("key {key:?}"));
                let key = encryption.map_or(key.clone(), |encryption| format!("{key}  {encryption}"));
                format!("    {offset}  {}  {number}  {key}  {}", text::time(at), text::payload(&data))
            },
            || {
                let data = base64_simd::STANDARD.encode_to_string(&data);
                json!({"kind": "record", "of": name, "offset": offset, "arrival_ms": at,
                    "sequence_number": number, "partition_key": key, "encryption_type": encryption, "data": data})
            },
        )
    }
}

/// The catalog's first command holds the key that seals iterators: whoever has it can make them.
fn shown_data(log: LogId, record: &Record) -> Vec<u8> {
    let is_secret = log == LogId::CATALOG
        && serde_json::from_slice::<Value>(&record.data).is_ok_and(|value| value.get("secret").is_some());
    if is_secret { br#"{"command":"Genesis","secret":"not shown"}"#.to_vec() } else { record.data.to_vec() }
}

impl Visit for Dump<'_> {
    fn segment(&mut self, segment: &SegmentFound<'_>) -> io::Result<bool> {
        let SegmentFound { name, path, bytes, footer, index_entries } = segment;
        let (of, base) = (self.names.text(name.log), name.base.0);
        let end = footer.map(|footer| footer.end.0);
        self.line(
            || {
                let state = end.map_or("not sealed".to_owned(), |end| {
                    format!("up to offset {end}, {index_entries} index entries")
                });
                format!("segment {path}  {of}, from offset {base}, {state}, {bytes} bytes")
            },
            || {
                json!({"kind": "segment", "of": of, "file": path, "bytes": bytes, "offset_from": base,
                "offset_end": end, "sealed": end.is_some(), "index_entries": index_entries})
            },
        )?;
        Ok(!self.is_full(name.log) && footer.is_none_or(|footer| footer.end > self.selection.from()))
    }

    fn batch(&mut self, place: Place<'_>, batch: &Batch) -> io::Result<()> {
        let log = batch.log();
        if place.is_repeated || batch.end() <= self.selection.from() || self.is_full(log) {
            return Ok(());
        }
        let (of, base, count) = (self.names.text(log), batch.base().0, batch.count());
        let (at, file, bytes) = (place.at, place.file, batch.frame().len());
        let (epoch, checksum) = (batch.epoch(), format!("{:08x}", batch.checksum()));
        self.line(
            || {
                format!(
                    "  batch {of}  offset {base}, {count} records, {bytes} bytes, epoch {} of writer {:08x}, \
                        CRC {checksum}, at byte {at} of {file}",
                    epoch.number, epoch.writer
                )
            },
            || {
                json!({"kind": "batch", "of": of, "offset": base, "records": count, "bytes": bytes,
                "epoch": epoch.number, "writer": epoch.writer, "checksum": checksum, "file": file, "at": at})
            },
        )?;
        for record in batch.records().filter(|record| record.offset >= self.selection.from()) {
            if self.is_full(log) {
                break;
            }
            self.record(log, &record)?;
        }
        Ok(())
    }

    fn journal_file(&mut self, path: &str, entries: u64, generation: Option<u64>) -> io::Result<()> {
        let count = generation.map(|generation| generation >> 32);
        self.line(
            || {
                let state =
                    count.map_or("never used".to_owned(), |use_| format!("use {use_}, {entries} entries"));
                format!("journal {path}  {state}")
            },
            || json!({"kind": "journal", "file": path, "entries": entries, "use": count}),
        )
    }

    fn damage(&mut self, damage: Damage) {
        let Damage { file, at, what, meaning } = &damage;
        // Output that cannot be written fails with the next line.
        let _ = self.line(
            || format!("DAMAGE {damage}"),
            || json!({"kind": "damage", "file": file, "at": at, "what": what, "meaning": meaning}),
        );
    }

    fn note(&mut self, note: String) {
        let _ = self.line(|| format!("note {note}"), || json!({"kind": "note", "note": note}));
    }
}
