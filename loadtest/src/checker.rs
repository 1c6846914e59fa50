//! One reader's view of one shard: every record once, intact, in order.

use crate::ledger::{Fate, Ledger, Road, identity};
use crate::payload::Header;
use crate::units::index;
use crate::verified::Verified;

/// What went wrong, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
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

/// A record that was right and new to this reader.
pub(crate) struct Fresh {
    /// What the producer wrote.
    pub(crate) header: Header,
    /// How many readers of this road have it now.
    pub(crate) copies: u32,
}

/// The state of one reader of one shard.
pub(crate) struct Checker {
    shard: u16,
    road: Road,
    last_sequence_number: Vec<u8>,
    seen: Bitmap,
    floor: u64,
    /// What it has found wrong.
    pub(crate) faults: Faults,
}

impl Checker {
    /// A reader that has seen nothing.
    pub(crate) fn new(shard: u16, road: Road) -> Self {
        let (last_sequence_number, seen) = (Vec::new(), Bitmap::default());
        Self { shard, road, last_sequence_number, seen, floor: 0, faults: Faults::default() }
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
        if !self.seen.insert(header.sequence) {
            self.faults.duplicated += 1;
            return None;
        }
        self.check_order(ledger, sequence_number, &header);
        let receipt = ledger.received(header.sequence, self.road, identity);
        let Some(receipt) = receipt else {
            self.faults.corrupt += 1;
            return None;
        };
        self.faults.misplaced += u64::from(!receipt.agreed);
        Some(Fresh { header, copies: receipt.copies })
    }

    fn check_order(&mut self, ledger: &Ledger, sequence_number: &[u8], header: &Header) {
        let last = &self.last_sequence_number;
        let rising = (sequence_number.len(), sequence_number) > (last.len(), last);
        let overtaken = header.sequence < self.floor && ledger.is(header.sequence, Fate::Acked);
        if !rising || overtaken {
            self.faults.reordered += 1;
        }
        if rising {
            self.last_sequence_number.clear();
            self.last_sequence_number.extend_from_slice(sequence_number);
        }
        self.floor = self.floor.max(header.floor);
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
    use crate::payload;

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
        let mut checker = Checker::new(0, Road::Push);
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
        let mut checker = Checker::new(0, Road::Push);
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
        let mut checker = Checker::new(0, Road::Push);
        let (first, second) = (sent(&ledger, 0), sent(&ledger, 1));
        checker.record(&ledger, &mut Verified::none(), b"10", second.as_bytes());
        checker.record(&ledger, &mut Verified::none(), b"11", first.as_bytes());
        assert_eq!(checker.faults.reordered, 1);
    }
}
