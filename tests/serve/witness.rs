//! Notes what clients of one stream do and when, from many threads in one order of moments, and has `history`
//! judge it shard by shard. A payload is known by its record's partition key; `kill_load` looks into it.

use std::sync::{Mutex, MutexGuard};

use crate::history::{Action, Call, Seen, check};
use crate::support::kinesis::{Record, shard_id};

/// One stream's history.
pub(crate) struct Witness {
    pub(crate) stream: &'static str,
    pub(crate) shards: u32,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    moment: u64,
    readers: u32,
    calls: Vec<Noted>,
}

/// A call and its shard: none for a put that has not told where it went, and may be in any.
type Noted = (Option<String>, Call);

/// A call under way.
#[derive(Clone, Copy)]
pub(crate) struct Open(usize);

impl Notes {
    fn next_moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }
}

impl Witness {
    pub(crate) fn new(stream: &'static str, shards: u32) -> Witness {
        Witness { stream, shards, notes: Mutex::default() }
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.shards).map(shard_id)
    }

    /// A name for a reader.
    pub(crate) fn reader(&self) -> u32 {
        let mut notes = self.notes();
        notes.readers += 1;
        notes.readers
    }

    /// Notes that a record of this key is about to be put.
    pub(crate) fn puts(&self, key: &str) -> Open {
        self.begin(None, Action::Put(key.to_owned(), None))
    }

    /// Notes that it is acknowledged, and where.
    pub(crate) fn put(&self, put: Open, key: &str, shard: &str, number: &str) {
        let mut notes = self.notes();
        let place = &mut notes.calls[put.0].0;
        *place = Some(shard.to_owned());
        drop(notes);
        self.end(put, Action::Put(key.to_owned(), Some(number.to_owned())));
    }

    /// Notes that a reader asks for a shard's tip.
    pub(crate) fn opens(&self, shard: &str, reader: u32) -> Open {
        self.begin(Some(shard), Action::OpenLatest(reader))
    }

    /// Notes that it has it.
    pub(crate) fn opened(&self, open: Open, reader: u32) {
        self.end(open, Action::OpenLatest(reader));
    }

    /// Notes that a reader asks for a page.
    pub(crate) fn asks(&self, shard: &str, reader: u32) -> Open {
        self.begin(Some(shard), Action::Page(reader, Vec::new(), false))
    }

    /// Notes what the page brought, and whether it said that nothing follows.
    pub(crate) fn got(&self, asked: Open, reader: u32, records: &[Record], at_tip: bool) {
        self.end(asked, Action::Page(reader, seen(records), at_tip));
    }

    /// Notes an event.
    pub(crate) fn pushed(&self, shard: &str, reader: u32, records: &[Record]) {
        self.got(self.asks(shard, reader), reader, records, false);
    }

    /// Whether a shard that holds `log` can have been seen as it was. `log` is what it got since the witness
    /// came.
    pub(crate) fn judge(&self, shard: &str, log: &[Record]) -> Result<(), String> {
        check(&self.calls_of(shard), &seen(log))
    }

    /// Tries the judge: the same history with two records in each other's place, one of which was
    /// acknowledged before the other was put. Says whether there were two such records.
    pub(crate) fn try_judge(&self, shard: &str, log: &[Record]) -> bool {
        let (mut calls, mut log) = (self.calls_of(shard), seen(log));
        let acked = calls.iter().enumerate().filter(|(_, call)| number(call).is_some());
        let first = acked.clone().min_by_key(|(_, call)| call.returned).map(|(at, _)| at);
        let last = acked.max_by_key(|(_, call)| call.called).map(|(at, _)| at);
        let (Some(first), Some(last)) = (first, last) else { return false };
        if calls[first].returned >= Some(calls[last].called) {
            return false;
        }
        swap(&mut calls, &mut log, first, last);
        let verdict = check(&calls, &log).expect_err("two records against the order of time");
        assert!(verdict.contains("behind it had been acknowledged"), "{verdict}");
        true
    }

    fn begin(&self, shard: Option<&str>, action: Action) -> Open {
        let mut notes = self.notes();
        let call = Call { called: notes.next_moment(), returned: None, action };
        notes.calls.push((shard.map(str::to_owned), call));
        Open(notes.calls.len() - 1)
    }

    fn end(&self, Open(call): Open, action: Action) {
        let mut notes = self.notes();
        let returned = Some(notes.next_moment());
        let (_, call) = &mut notes.calls[call];
        (call.returned, call.action) = (returned, action);
    }

    fn calls_of(&self, shard: &str) -> Vec<Call> {
        let notes = self.notes();
        let of_it = notes.calls.iter().filter(|(known, _)| known.as_deref().is_none_or(|it| it == shard));
        of_it.map(|(_, call)| call.clone()).collect()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("no client panics")
    }
}

fn seen(records: &[Record]) -> Vec<Seen> {
    records.iter().map(|record| (record.number.clone(), record.key.clone())).collect()
}

fn number(call: &Call) -> Option<(&str, &str)> {
    match &call.action {
        Action::Put(key, Some(number)) => Some((key, number)),
        _ => None,
    }
}

/// Gives two acknowledged puts each other's number, in what producers were told and in the log.
fn swap(calls: &mut [Call], log: &mut [Seen], one: usize, other: usize) {
    let puts =
        [one, other].map(|at| number(&calls[at]).map(|(key, number)| (key.to_owned(), number.to_owned())));
    let [Some((key, number)), Some((other_key, other_number))] = puts else { return };
    calls[one].action = Action::Put(key.clone(), Some(other_number.clone()));
    calls[other].action = Action::Put(other_key.clone(), Some(number.clone()));
    for (number_there, key_there) in log {
        if *number_there == number {
            key_there.clone_from(&other_key);
        } else if *number_there == other_number {
            key_there.clone_from(&key);
        }
    }
}
