//! What the clients of one stream know, kept outside the server: what was acknowledged, what was read, and in
//! which order of time. Whatever happens to the server, the one has to agree with the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use crate::kill_load::{Acked, is_intact};
use crate::stage::numbers;
use crate::support::kinesis::{Kinesis, Record};
use crate::witness::Witness;

/// See the module's words.
pub(crate) struct Ledger {
    stream: &'static str,
    pub(crate) acked: Acked,
    /// Of each shard, everything from its oldest record on.
    pub(crate) pulled: BTreeMap<String, Vec<Record>>,
    /// Of each shard, how many of the pulled records were looked at.
    checked: BTreeMap<String, usize>,
    found: HashMap<String, (String, String)>,
    witness: Arc<Witness>,
    readers: Vec<Reader>,
    /// Histories in which two records were exchanged, to see that this is found.
    pub(crate) tried: usize,
}

/// Where it goes on in a shard.
struct Reader {
    name: u32,
    shard: String,
    iterator: String,
}

impl Ledger {
    pub(crate) fn new(stream: &'static str, shards: u32) -> Ledger {
        let witness = Arc::new(Witness::new(stream, shards));
        let pulled = witness.shards().map(|shard| (shard, Vec::new())).collect();
        let (acked, checked, found) = (Acked::new(), BTreeMap::new(), HashMap::new());
        Ledger { stream, acked, pulled, checked, found, witness, readers: Vec::new(), tried: 0 }
    }

    /// Waits at the tip of every shard for what is to come; answers who notes what clients do from now on.
    pub(crate) fn wait_at_tips(&mut self, kinesis: Kinesis) -> Arc<Witness> {
        let witness = Arc::new(Witness::new(self.stream, self.witness.shards));
        let reader = |shard: String| {
            let name = witness.reader();
            let open = witness.opens(&shard, name);
            let iterator = kinesis.iterator(self.stream, &shard, json!({"ShardIteratorType": "LATEST"}));
            witness.opened(open, name);
            Reader { name, shard, iterator }
        };
        self.readers = witness.shards().map(reader).collect();
        self.witness = Arc::clone(&witness);
        witness
    }

    /// Reads every shard on to its tip.
    pub(crate) fn read_on(&mut self, kinesis: Kinesis) {
        for reader in &mut self.readers {
            let asked = self.witness.asks(&reader.shard, reader.name);
            let (records, next) = kinesis.read_to_tip(reader.iterator.clone());
            self.witness.got(asked, reader.name, &records, true);
            reader.iterator = next.expect("an open shard goes on");
            self.pulled.entry(reader.shard.clone()).or_default().extend(records);
        }
    }

    /// All that was ever acknowledged is there, once, where the server said; shards are in order; and what
    /// clients saw of them since they waited at the tips can have happened.
    pub(crate) fn check(&mut self) {
        for (shard, records) in &self.pulled {
            let checked = self.checked.entry(shard.clone()).or_default();
            let fresh = &records[checked.saturating_sub(1)..];
            assert!(fresh.windows(2).all(|two| two[0].number < two[1].number), "{shard} is out of order");
            let fresh = &records[std::mem::replace(checked, records.len())..];
            for record in fresh {
                assert_eq!(record.number.len(), 56, "{record:?}");
                assert!(is_intact(record), "{} was changed", record.key);
                let twice = self.found.insert(record.key.clone(), (shard.clone(), record.number.clone()));
                assert_eq!(twice, None, "{} is there twice", record.key);
            }
            self.witness.judge(shard, fresh).unwrap_or_else(|what| panic!("{shard}: {what}"));
            self.tried += usize::from(self.witness.try_judge(shard, fresh));
        }
        self.check_nothing_lost(&self.acked);
    }

    /// What was acknowledged is among what was read and looked at.
    fn check_nothing_lost(&self, acked: &Acked) {
        let lost: Vec<_> =
            acked.iter().filter(|(name, place)| self.found.get(*name) != Some(*place)).collect();
        assert!(lost.is_empty(), "{} of {} acknowledged records lost: {lost:?}", lost.len(), acked.len());
    }

    /// All of this was read by now.
    pub(crate) fn check_read(&self, acked: &Acked) {
        let read: HashSet<_> =
            self.pulled.iter().flat_map(|(shard, records)| places(shard, records)).collect();
        let missed = acked
            .values()
            .filter(|(shard, number)| !read.contains(&(shard.as_str(), number.as_str())))
            .count();
        assert_eq!(missed, 0, "of {} records acknowledged", acked.len());
    }

    /// A reader that begins at the oldest record sees what was read on the way.
    pub(crate) fn check_from_scratch(&self, kinesis: Kinesis) {
        for (shard, records) in &self.pulled {
            assert_eq!(numbers(&kinesis.read_shard(self.stream, shard)), numbers(records), "{shard}");
        }
    }
}

/// Where records stand: two shards may have given out the same number.
pub(crate) fn places<'a>(shard: &'a str, records: &'a [Record]) -> impl Iterator<Item = (&'a str, &'a str)> {
    records.iter().map(move |record| (shard, record.number.as_str()))
}
