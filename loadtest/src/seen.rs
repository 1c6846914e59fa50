//! What one consumer has received, whichever shard it came from: each record once, each key in order.

use crate::checker::Fault;
use crate::ledger::{Fate, Ledger};
use crate::payload::Header;
use crate::units::index;

/// What one consumer has received of all shards.
#[derive(Default)]
pub(crate) struct Seen {
    records: Bitmap,
    /// Per partition key, the highest floor of its records; nothing where each record has a key of its own.
    floors: Vec<u64>,
}

impl Seen {
    /// Notes a record; says what is wrong about it, if it came before or after one of its key sent later than
    /// its own acknowledgement.
    pub(crate) fn insert(&mut self, ledger: &Ledger, header: &Header) -> Result<(), Fault> {
        if !self.records.insert(header.sequence) {
            return Err(Fault::Doubled);
        }
        let Some(key) = ledger.keys.map(|_| index(ledger.key(header.sequence))) else { return Ok(()) };
        if key >= self.floors.len() {
            self.floors.resize(key + 1, 0);
        }
        let floor = self.floors[key];
        self.floors[key] = floor.max(header.floor);
        let overtaken = header.sequence < floor && ledger.is(header.sequence, Fate::Acked);
        if overtaken { Err(Fault::Overtaken) } else { Ok(()) }
    }
}

/// Which sequences were seen; grows to the highest one, which the caller has checked against what was sent.
#[derive(Default)]
struct Bitmap(Vec<u64>);

impl Bitmap {
    fn insert(&mut self, at: u64) -> bool {
        let (word, bit) = (index(at / 64), 1 << (at % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let fresh = self.0[word] & bit == 0;
        self.0[word] |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u64, floor: u64) -> Header {
        Header { run: 1, producer: 0, sequence, intended_ns: 1, floor }
    }

    #[test]
    fn a_key_is_in_order_across_shards_and_other_keys_do_not_matter() {
        let ledger = Ledger::new(1, 1, 0).with_keys(Some(2));
        (0..6).filter_map(|_| ledger.send()).for_each(|sequence| ledger.settle(sequence, Fate::Acked));
        let mut seen = Seen::default();
        assert_eq!(seen.insert(&ledger, &header(4, 4)), Ok(()));
        assert_eq!(seen.insert(&ledger, &header(1, 0)), Ok(()), "of another key");
        assert_eq!(seen.insert(&ledger, &header(2, 0)), Err(Fault::Overtaken));
        assert_eq!(seen.insert(&ledger, &header(2, 0)), Err(Fault::Doubled));
    }
}
