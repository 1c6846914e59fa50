//! Says once that the server is away, and once that it is back, however many shards are read.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::platform::Clock;
use crate::types::Instant;

use super::super::failure::Failure;
use super::super::time;

/// What all readers share.
#[derive(Default)]
pub(super) struct Outage {
    since: Cell<Option<Instant>>,
    away: RefCell<BTreeSet<String>>,
}

impl Outage {
    /// A shard's reader lost the server.
    pub(super) fn lost(&self, shard: &str, failure: &Failure) {
        self.away.borrow_mut().insert(shard.to_owned());
        if self.since.get().is_none() {
            self.since.set(Some(Clock::system().now()));
            eprintln!("fanlight: {failure}");
            eprintln!("fanlight: trying again until the server is back; Ctrl-C ends it");
        }
    }

    /// A shard's reader has it again; the last one to come back says so.
    pub(super) fn back(&self, shard: &str) {
        let mut away = self.away.borrow_mut();
        if away.remove(shard)
            && away.is_empty()
            && let Some(since) = self.since.take()
        {
            eprintln!("fanlight: back after {}", time::roughly(Clock::system().now().since(since)));
        }
    }
}
