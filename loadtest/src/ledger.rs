//! The truth of a run: what was sent, what was acknowledged, and which consumers have which record.
//!
//! One slot per record, shared by all threads without a lock. Every party that learns a record's shard and
//! sequence number (the producer from its acknowledgement, each consumer from its event) must name the same
//! ones.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::units::{count, index};

const SLOTS_PER_CHUNK: u64 = 1 << 16;
/// Bounds one run to 268 million records.
const MAX_CHUNKS: usize = 4096;

/// Partition keys have eight digits.
pub(crate) const KEYS_MAX: u32 = 100_000_000;

/// How a record came to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    /// SubscribeToShard.
    Push,
    /// GetRecords.
    Pull,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fate {
    /// Never handed out.
    Unsent = 0,
    /// On its way.
    Sent = 1,
    /// The server owes it to every consumer.
    Acked = 2,
    /// The server said no: nobody may receive it.
    Refused = 3,
    /// The connection failed before an answer: it may or may not arrive.
    Unknown = 4,
}

#[derive(Default)]
struct Slot {
    identity: AtomicU64,
    pushed: AtomicU32,
    pulled: AtomicU32,
    fate: AtomicU8,
}

/// What one receipt shows.
pub(crate) struct Receipt {
    /// Everybody so far names the same shard and sequence number.
    pub(crate) agreed: bool,
    /// How many consumers of that road have it now.
    pub(crate) copies: u32,
}

/// The shared record of one run.
pub(crate) struct Ledger {
    /// Marks this run's payloads.
    pub(crate) run: u32,
    /// Push consumers owed every record.
    pub(crate) push_consumers: u32,
    /// Pull consumers owed every record.
    pub(crate) pull_consumers: u32,
    /// Different partition keys, given out in turn; `None` where each record has one of its own.
    pub(crate) keys: Option<u32>,
    chunks: Vec<OnceLock<Box<[Slot]>>>,
    next: AtomicU64,
}

impl Ledger {
    /// An empty ledger for this many consumers.
    pub(crate) fn new(run: u32, push_consumers: u32, pull_consumers: u32) -> Self {
        let chunks = std::iter::repeat_with(OnceLock::new).take(MAX_CHUNKS).collect();
        Self { run, push_consumers, pull_consumers, keys: None, chunks, next: AtomicU64::new(0) }
    }

    /// The same with so many different partition keys.
    pub(crate) fn with_keys(self, keys: Option<u32>) -> Self {
        Self { keys, ..self }
    }

    /// The number of a record's partition key.
    pub(crate) fn key(&self, sequence: u64) -> u64 {
        sequence % u64::from(self.keys.unwrap_or(KEYS_MAX))
    }

    /// Hands out the next sequence; `None` once the ledger is full.
    pub(crate) fn send(&self) -> Option<u64> {
        let sequence = self.next.load(Relaxed);
        let chunk = self.chunks.get(index(sequence / SLOTS_PER_CHUNK))?;
        chunk.get_or_init(|| std::iter::repeat_with(Slot::default).take(index(SLOTS_PER_CHUNK)).collect());
        self.next.store(sequence + 1, Relaxed);
        self.settle(sequence, Fate::Sent);
        Some(sequence)
    }

    /// Records handed out so far.
    pub(crate) fn sent(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// Notes an acknowledgement; false if a consumer was told another place for this record.
    pub(crate) fn acked(&self, sequence: u64, identity: u64) -> bool {
        self.settle(sequence, Fate::Acked);
        self.slot(sequence).is_some_and(|slot| slot.agrees(identity))
    }

    /// Notes what became of a put that was not acknowledged.
    pub(crate) fn settle(&self, sequence: u64, fate: Fate) {
        if let Some(slot) = self.slot(sequence) {
            slot.fate.store(fate as u8, Relaxed);
        }
    }

    /// Whether the server has promised this record.
    pub(crate) fn is(&self, sequence: u64, fate: Fate) -> bool {
        self.slot(sequence).is_some_and(|slot| slot.fate.load(Relaxed) == fate as u8)
    }

    /// Notes that one more consumer has the record; `None` if no such record was ever sent.
    pub(crate) fn received(&self, sequence: u64, road: Road, identity: u64) -> Option<Receipt> {
        let slot = self.slot(sequence).filter(|slot| slot.fate.load(Relaxed) != Fate::Unsent as u8)?;
        let copies = slot.copies(road).fetch_add(1, Relaxed) + 1;
        Some(Receipt { agreed: slot.agrees(identity), copies })
    }

    /// Acknowledged deliveries that have not happened, and refused records that somebody received.
    pub(crate) fn reckon(&self) -> Reckoning {
        let mut sum = Reckoning::default();
        for sequence in 0..self.sent() {
            let Some(slot) = self.slot(sequence) else { continue };
            let (pushed, pulled) = (slot.pushed.load(Relaxed), slot.pulled.load(Relaxed));
            match slot.fate.load(Relaxed) {
                fate if fate == Fate::Acked as u8 => {
                    sum.lost += u64::from(self.push_consumers.saturating_sub(pushed));
                    sum.lost += u64::from(self.pull_consumers.saturating_sub(pulled));
                }
                fate if fate == Fate::Refused as u8 => sum.unexpected += u64::from(pushed + pulled),
                _ => {}
            }
        }
        sum
    }

    fn slot(&self, sequence: u64) -> Option<&Slot> {
        let chunk = self.chunks.get(usize::try_from(sequence / SLOTS_PER_CHUNK).ok()?)?.get()?;
        chunk.get(index(sequence % SLOTS_PER_CHUNK))
    }
}

impl Slot {
    fn copies(&self, road: Road) -> &AtomicU32 {
        match road {
            Road::Push => &self.pushed,
            Road::Pull => &self.pulled,
        }
    }

    /// The first to speak fixes the identity; everyone after must repeat it.
    fn agrees(&self, identity: u64) -> bool {
        match self.identity.load(Relaxed) {
            0 => {
                self.identity.compare_exchange(0, identity, Relaxed, Relaxed).is_ok_and(|_| true)
                    || self.agrees(identity)
            }
            known => known == identity,
        }
    }
}

/// The sums that only the whole ledger shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reckoning {
    /// Deliveries owed and not made.
    pub(crate) lost: u64,
    /// Deliveries of records the server had refused.
    pub(crate) unexpected: u64,
}

/// A short name for a record's place in the stream; never 0, which means "not known yet".
pub(crate) fn identity(shard: u16, sequence_number: &[u8]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325 ^ u64::from(shard) ^ (count(sequence_number.len()) << 32);
    for piece in sequence_number.chunks(8) {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    // The last digits sit in the high bytes, where a multiplication spreads nothing: fold them down first.
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_acknowledged_records_are_owed() {
        let ledger = Ledger::new(1, 2, 1);
        let fates = [Fate::Acked, Fate::Refused, Fate::Unknown];
        for fate in fates {
            let sequence = ledger.send().unwrap();
            ledger.settle(sequence, fate);
        }
        assert_eq!(ledger.reckon(), Reckoning { lost: 3, unexpected: 0 });
        assert_eq!(ledger.received(0, Road::Push, 5).unwrap().copies, 1);
        assert_eq!(ledger.received(0, Road::Push, 5).unwrap().copies, 2);
        assert_eq!(ledger.received(0, Road::Pull, 5).unwrap().copies, 1);
        ledger.received(1, Road::Push, 6).unwrap();
        assert_eq!(ledger.reckon(), Reckoning { lost: 0, unexpected: 1 });
        assert!(ledger.received(3, Road::Push, 7).is_none(), "never sent");
    }

    #[test]
    fn all_parties_must_name_the_same_place() {
        let ledger = Ledger::new(1, 1, 0);
        let sequence = ledger.send().unwrap();
        let place = identity(0, b"4966");
        assert!(ledger.received(sequence, Road::Push, place).unwrap().agreed);
        assert!(ledger.acked(sequence, place));
        assert!(!ledger.acked(sequence, identity(1, b"4966")));
        assert!(!ledger.received(sequence, Road::Push, identity(0, b"4967")).unwrap().agreed);
    }
}
