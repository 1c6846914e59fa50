//! Is a data directory sound? Counts what is there, names what is damaged.

use std::fmt;
use std::io;

use crate::catalog::StreamStatus;
use crate::platform::Disk;
use crate::shard_log::Batch;
use crate::storage::SegmentName;
use crate::types::LogId;

use super::Damage;
use super::journal::is_journal_file;
use super::names::Names;
use super::visit::{Place, SegmentFound, Visit};
use super::walk::{Walked, walk};

/// Notes printed of each kind; the rest is counted.
const NOTES_MAX: usize = 20;

/// What a check has found.
#[derive(Debug, Default)]
pub struct Report {
    names: Names,
    journal_files: u64,
    journal_files_used: u64,
    entries: u64,
    journal_batches: u64,
    segments: u64,
    sealed: u64,
    segment_bytes: u64,
    batches: u64,
    records: u64,
    payload_bytes: u64,
    gaps: u64,
    notes: Vec<String>,
    /// Everything that is damaged, in the order it was met.
    pub damage: Vec<Damage>,
}

/// Verifies everything in the directory: every file's checksums and chains, that the segments of each log and
/// the journal go on from one another, that the catalog's log replays, and who owns which file.
pub fn check(disk: &mut dyn Disk) -> io::Result<Report> {
    let mut report = Report::default();
    let walked = walk(disk, &|_| true, &mut report)?;
    report.gaps = walked.logs.values().map(|log| log.gaps).sum();
    report.name_owners(&walked);
    report.name_strangers(disk)?;
    Ok(report)
}

impl Visit for Report {
    fn segment(&mut self, segment: &SegmentFound<'_>) -> io::Result<bool> {
        self.segments += 1;
        self.sealed += u64::from(segment.footer.is_some());
        self.segment_bytes += segment.bytes;
        Ok(true)
    }

    fn batch(&mut self, place: Place<'_>, batch: &Batch) -> io::Result<()> {
        self.journal_batches += u64::from(place.is_journal && !place.is_repeated);
        if !place.is_repeated {
            self.batches += 1;
            self.records += u64::from(batch.count());
            self.payload_bytes += batch.payload_bytes() as u64;
        }
        let damage = self.names.take(place, batch);
        self.damage.extend(damage);
        Ok(())
    }

    fn journal_file(&mut self, _: &str, entries: u64, generation: Option<u64>) -> io::Result<()> {
        self.journal_files += 1;
        self.journal_files_used += u64::from(generation.is_some());
        self.entries += entries;
        Ok(())
    }

    fn damage(&mut self, damage: Damage) {
        self.damage.push(damage);
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl Report {
    /// Whether nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    /// Logs without a shard, shards on their way out.
    fn name_owners(&mut self, walked: &Walked) {
        let is_stray = |log: &LogId| *log != LogId::CATALOG && self.names.catalog.address(*log).is_none();
        if self.names.is_broken {
            self.notes.push("whose shards the logs are is not known: the catalog is damaged".to_owned());
            return;
        }
        for log in walked.logs.keys().filter(|log| is_stray(log)) {
            self.notes.push(format!(
                "log {log} is of no shard (its stream was deleted): the next start removes it"
            ));
        }
        let is_going =
            |stream: &&std::sync::Arc<crate::catalog::Stream>| stream.status == StreamStatus::Deleting;
        let going: Vec<_> = self.names.catalog.streams().filter(is_going).map(|it| it.name.clone()).collect();
        self.notes.extend(going.into_iter().map(|name| format!("stream {name} is being deleted")));
    }

    /// Files nobody owns.
    fn name_strangers(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        let is_ours = |dir: &str, name: &str, is_dir: bool| match dir {
            "" => is_dir && matches!(name, "journal" | "segments" | "tls"),
            "journal" => is_journal_file(name),
            _ => SegmentName::parse(name).is_some(),
        };
        for dir in ["", "journal", "segments"] {
            for entry in disk.list(dir)? {
                if !is_ours(dir, &entry.name, entry.is_dir) {
                    let at = if dir.is_empty() { String::new() } else { format!("{dir}/") };
                    self.notes.push(format!("{at}{} is none of the server's files", entry.name));
                }
            }
        }
        Ok(())
    }

    fn consumers(&self) -> usize {
        self.names.catalog.streams().map(|stream| stream.consumers.len()).sum()
    }

    fn shards(&self) -> usize {
        self.names.catalog.streams().map(|stream| stream.shards.len()).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (streams, commands) = (self.names.catalog.stream_count(), self.names.commands);
        let (shards, consumers) = (self.shards(), self.consumers());
        writeln!(
            f,
            "catalog   {streams} streams, {shards} shards, {consumers} consumers; {commands} commands"
        )?;
        let (used, files) = (self.journal_files_used, self.journal_files);
        let (entries, waiting) = (self.entries, self.journal_batches);
        writeln!(
            f,
            "journal   {used} of {files} files in use, {entries} entries; {waiting} batches in no segment yet"
        )?;
        let (segments, sealed, mib) = (self.segments, self.sealed, self.segment_bytes >> 20);
        writeln!(f, "segments  {segments} files ({sealed} sealed), {mib} MiB")?;
        let (batches, records, bytes) = (self.batches, self.records, self.payload_bytes);
        writeln!(
            f,
            "records   {records} in {batches} batches, {bytes} bytes; {} gaps between offsets",
            self.gaps
        )?;
        for note in self.notes.iter().take(NOTES_MAX) {
            writeln!(f, "note      {note}")?;
        }
        if self.notes.len() > NOTES_MAX {
            writeln!(f, "note      and {} more like these", self.notes.len() - NOTES_MAX)?;
        }
        for damage in &self.damage {
            writeln!(f, "DAMAGE    {damage}")?;
        }
        match self.damage.len() {
            0 => write!(f, "sound"),
            1 => write!(f, "1 place is damaged"),
            places => write!(f, "{places} places are damaged"),
        }
    }
}
