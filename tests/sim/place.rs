//! What a byte of a data directory's files is for: the classes that damage is spread over.

use std::collections::BTreeMap;
use std::ops::Range;

use fanlight::platform::BLOCK;
use fanlight::shard_log::{BATCH_HEADER_BYTES, ENTRY_HEADER_BYTES, is_index, peek_len};
use fanlight::types::LogId;

/// A class of bytes, by the words of the format's description.
pub(crate) type Class = &'static str;

/// Every class that is looked for. Padding and what nobody has written yet are one.
pub(crate) const CLASSES: [Class; 15] = [
    "opening entry",
    "entry checksum",
    "entry length",
    "entry header",
    "journal batch header",
    "journal payload",
    "journal padding",
    "segment header",
    "batch checksum",
    "batch length",
    "batch header",
    "payload",
    "index",
    "footer",
    "segment padding",
];

/// Where in the files each class lies.
#[derive(Debug, Default)]
pub(crate) struct Map {
    places: BTreeMap<Class, Vec<(String, Range<usize>)>>,
    /// Whose bytes are looked for; everyone's if this is none.
    log: Option<LogId>,
}

impl Map {
    /// Looks for what belongs to one log: its segments, its batches in the journal, the entries around them.
    #[allow(dead_code, reason = "each layer needs either all logs or one")]
    pub(crate) fn of_log(log: LogId) -> Map {
        Map { log: Some(log), ..Map::default() }
    }

    /// Takes a file in.
    pub(crate) fn add(&mut self, path: &str, contents: &[u8]) {
        let begins = |log: LogId| path.starts_with(&format!("segments/{log}-"));
        if path.starts_with("journal") {
            self.add_journal(path, contents);
        } else if self.log.is_none_or(begins) {
            self.add_segment(path, contents);
        }
    }

    /// The ranges of a class.
    pub(crate) fn of(&self, class: Class) -> &[(String, Range<usize>)] {
        self.places.get(class).map_or(&[], Vec::as_slice)
    }

    fn note(&mut self, class: Class, path: &str, range: Range<usize>) {
        if !range.is_empty() {
            self.places.entry(class).or_default().push((path.to_owned(), range));
        }
    }

    fn add_journal(&mut self, path: &str, contents: &[u8]) {
        let mut at = 0;
        while contents.get(at..at + 4) == Some(b"FLJE") {
            let end = (at + ENTRY_HEADER_BYTES + length(contents, at + 8)).min(contents.len());
            let next = end.next_multiple_of(BLOCK);
            if at == 0 {
                self.note("opening entry", path, 0..ENTRY_HEADER_BYTES);
            } else if self.add_batches(path, contents, at + ENTRY_HEADER_BYTES..end) {
                self.note("entry checksum", path, at + 4..at + 8);
                self.note("entry length", path, at + 8..at + 12);
                self.note("entry header", path, at..at + 4);
                self.note("entry header", path, at + 12..at + ENTRY_HEADER_BYTES);
                self.note("journal padding", path, end..next);
            }
            at = next;
        }
    }

    /// Takes the batches of a journal entry in; whether any of them was looked for.
    fn add_batches(&mut self, path: &str, contents: &[u8], entry: Range<usize>) -> bool {
        let (mut batch, mut any) = (entry.start, false);
        while let Ok(len) = peek_len(&contents[batch..entry.end]) {
            let next = (batch + len).min(entry.end);
            if self.log.is_none_or(|log| log.0.to_le_bytes() == contents[batch + 16..batch + 24]) {
                self.note("journal batch header", path, batch..(batch + BATCH_HEADER_BYTES).min(next));
                self.note("journal payload", path, (batch + BATCH_HEADER_BYTES).min(next)..next);
                any = true;
            }
            batch = next;
        }
        any
    }

    fn add_segment(&mut self, path: &str, contents: &[u8]) {
        self.note("segment header", path, 0..40);
        let footer = contents.len() - BLOCK;
        if contents[footer..].starts_with(b"FLSF") {
            self.note("footer", path, footer..footer + 64);
        }
        let mut at = BLOCK;
        while at < footer {
            if let Ok(len) = peek_len(&contents[at..]) {
                let end = (at + len).min(footer);
                self.note("batch checksum", path, at + 4..at + 8);
                self.note("batch length", path, at + 8..at + 12);
                self.note("batch header", path, at..at + 4);
                self.note("batch header", path, at + 12..at + BATCH_HEADER_BYTES);
                self.note("payload", path, (at + BATCH_HEADER_BYTES).min(end)..end);
                at = end;
                continue;
            }
            let next = (at + 1).next_multiple_of(BLOCK);
            if is_index(&contents[at..]) {
                self.note("index", path, at..footer);
                return;
            }
            self.note("segment padding", path, at..next);
            at = next;
        }
    }
}

fn length(contents: &[u8], at: usize) -> usize {
    contents.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes) as usize
}
