//! One reader's view of one shard: every record once, intact, in order.

use std::cell::RefCell;
use std::rc::Rc;

use crate::ledger::{Fate, Ledger, Road, identity};
use crate::payload::Header;
use crate::seen::Seen;
use crate::verified::Verified;

/// What went wrong, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Faults {
    /// Records this reader already had.
    pub(crate) duplicated: u64,
    /// Records out of sequence-number order, or after one sent later than their acknowledgement.
    pub(crate) reordered: u64,
    /// Payloads, messages or encodings with a wrong byte, and records nobody sent.
    pub(crate) corrupt: u64,
    /// Records whose shard or sequence number differs between acknowledgement and readers.
    pub(crate) misplaced: u64,
}

impl Faults {
    /// Adds another reader's faults.
    pub(crate) fn add(&mut self, other: Self) {
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupt += other.corrupt;
        self.misplaced += other.misplaced;
    }
}

/// What can be wrong about a record that is intact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The consumer has it already.
    Doubled,
    /// It came after one of its key that was sent later than its acknowledgement.
    Overtaken,
}

/// A record that was right and new to this reader.
pub(crate) struct Fresh {
    /// What the producer wrote.
    pub(crate) header: Header,
    /// How many readers of this road have it now.
    pub(crate) copies: u32,
}

/// The state of one reader of one shard.
pub(crate) struct Checker {
    /// The shard's number.
    pub(crate) shard: u16,
    /// Acknowledged records below this have come by now, here or from a shard before this one.
    pub(crate) floor: u64,
    road: Road,
    last_sequence_number: Vec<u8>,
    /// What its consumer has received, of all shards.
    seen: Rc<RefCell<Seen>>,
    /// What it has found wrong.
    pub(crate) faults: Faults,
}

impl Checker {
    /// A reader of a shard from its first record on. Acknowledged records below `floor` are in shards before.
    pub(crate) fn new(shard: u16, floor: u64, road: Road, seen: Rc<RefCell<Seen>>) -> Self {
        Self { shard, floor, road, last_sequence_number: Vec::new(), seen, faults: Faults::default() }
    }

    /// Checks one delivered record; `None` if it was wrong or not new.
    pub(crate) fn record(
        &mut self,
        ledger: &Ledger,
        verified: &mut Verified,
        sequence_number: &[u8],
        base64: &[u8],
    ) -> Option<Fresh> {
        let identity = identity(self.shard, sequence_number);
        let header = verified.header(identity, base64);
        let Some(header) = header.filter(|h| h.run == ledger.run && h.sequence < ledger.sent()) else {
            self.faults.corrupt += 1;
            return None;
        };
        let in_turn = self.seen.borrow_mut().insert(ledger, &header);
        if in_turn == Err(Fault::Doubled) {
            self.faults.duplicated += 1;
            return None;
        }
        if !self.is_in_order(ledger, sequence_number, &header) || in_turn.is_err() {
            self.faults.reordered += 1;
        }
        let receipt = ledger.received(header.sequence, self.road, identity);
        let Some(receipt) = receipt else {
            self.faults.corrupt += 1;
            return None;
        };
        self.faults.misplaced += u64::from(!receipt.agreed);
        Some(Fresh { header, copies: receipt.copies })
    }

    fn is_in_order(&mut self, ledger: &Ledger, sequence_number: &[u8], header: &Header) -> bool {
        let last = &self.last_sequence_number;
        let rising = (sequence_number.len(), sequence_number) > (last.len(), last);
        let overtaken = header.sequence < self.floor && ledger.is(header.sequence, Fate::Acked);
        if rising {
            self.last_sequence_number.clear();
            self.last_sequence_number.extend_from_slice(sequence_number);
        }
        self.floor = self.floor.max(header.floor);
        rising && !overtaken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;

    fn checker(shard: u16, floor: u64, seen: &Rc<RefCell<Seen>>) -> Checker {
        Checker::new(shard, floor, Road::Push, Rc::clone(seen))
    }

    fn sent(ledger: &Ledger, floor: u64) -> String {
        let sequence = ledger.send().unwrap();
        ledger.settle(sequence, Fate::Acked);
        let mut record = Vec::new();
        let header = Header { run: ledger.run, producer: 0, sequence, intended_ns: 1, floor };
        payload::encode(&header, 64, &mut record);
        base64_simd::STANDARD.encode_to_string(record)
    }

    #[test]
    fn clean_delivery_has_no_faults() {
        let ledger = Ledger::new(9, 1, 0);
        let mut checker = checker(0, 0, &Rc::default());
        for number in [b"10", b"11", b"12"] {
            let record = sent(&ledger, 0);
            assert_eq!(
                checker.record(&ledger, &mut Verified::none(), number, record.as_bytes()).unwrap().copies,
                1
            );
        }
        assert_eq!(checker.faults, Faults::default());
        assert_eq!(ledger.reckon().lost, 0);
    }

    #[test]
    fn doubled_swapped_and_broken_records_are_told_apart() {
        let ledger = Ledger::new(9, 1, 0);
        let mut checker = checker(0, 0, &Rc::default());
        let (a, b, c) = (sent(&ledger, 0), sent(&ledger, 0), sent(&ledger, 2));
        checker.record(&ledger, &mut Verified::none(), b"11", b.as_bytes());
        checker.record(&ledger, &mut Verified::none(), b"10", a.as_bytes());
        checker.record(&ledger, &mut Verified::none(), b"10", a.as_bytes());
        assert_eq!(checker.faults, Faults { reordered: 1, duplicated: 1, ..Faults::default() });
        let broken = c.replacen('A', "B", 1);
        checker.record(&ledger, &mut Verified::none(), b"12", broken.as_bytes());
        checker.record(&ledger, &mut Verified::none(), b"12", b"not base64!");
        assert_eq!(checker.faults.corrupt, 2);
    }

    #[test]
    fn a_record_settled_before_a_later_one_left_must_precede_it_even_if_numbers_rise() {
        let ledger = Ledger::new(9, 1, 0);
        let mut checker = checker(0, 0, &Rc::default());
        let (first, second) = (sent(&ledger, 0), sent(&ledger, 1));
        checker.record(&ledger, &mut Verified::none(), b"10", second.as_bytes());
        checker.record(&ledger, &mut Verified::none(), b"11", first.as_bytes());
        assert_eq!(checker.faults.reordered, 1);
    }

    #[test]
    fn a_record_of_two_shards_of_one_consumer_is_doubled() {
        let ledger = Ledger::new(9, 1, 0);
        let seen = Rc::default();
        let (mut parent, mut child) = (checker(0, 0, &seen), checker(1, 0, &seen));
        let record = sent(&ledger, 0);
        parent.record(&ledger, &mut Verified::none(), b"10", record.as_bytes());
        child.record(&ledger, &mut Verified::none(), b"20", record.as_bytes());
        assert_eq!((parent.faults.duplicated, child.faults.duplicated), (0, 1));
    }

    #[test]
    fn a_child_holds_nothing_that_was_settled_before_its_parents_last_record_left() {
        let ledger = Ledger::new(9, 1, 0);
        let seen = Rc::default();
        let (early, late) = (sent(&ledger, 0), sent(&ledger, 1));
        let mut parent = checker(0, 0, &seen);
        parent.record(&ledger, &mut Verified::none(), b"10", late.as_bytes());
        let mut child = checker(1, parent.floor, &seen);
        child.record(&ledger, &mut Verified::none(), b"20", early.as_bytes());
        assert_eq!((parent.faults.reordered, child.faults.reordered), (0, 1));
    }
}
