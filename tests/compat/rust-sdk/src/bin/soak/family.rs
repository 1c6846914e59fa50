//! Which shards may be read now.

use std::collections::{BTreeMap, BTreeSet};

/// A child may be read once all its parents have been read to their ends, so that no key's records come out
/// of order; each shard is read once.
#[derive(Default)]
pub struct Family {
    waiting: BTreeMap<String, Vec<String>>,
    known: BTreeSet<String>,
    ended: BTreeSet<String>,
}

impl Family {
    /// Takes a shard in; one already known is left as it is.
    pub fn learn(&mut self, shard: &str, parents: Vec<String>) {
        if self.known.insert(shard.to_owned()) {
            self.waiting.insert(shard.to_owned(), parents);
        }
    }

    /// Notes that a shard was read to its end.
    pub fn end(&mut self, shard: &str) {
        self.ended.insert(shard.to_owned());
    }

    /// The shards that can be read from now on, none of them ever again. Parents that are not known have
    /// expired, and nothing is left to be read of them.
    pub fn begin(&mut self) -> Vec<String> {
        let (known, ended) = (&self.known, &self.ended);
        let over = |parent: &String| !known.contains(parent) || ended.contains(parent);
        self.waiting.extract_if(.., |_, parents| parents.iter().all(over)).map(|(shard, _)| shard).collect()
    }
}
