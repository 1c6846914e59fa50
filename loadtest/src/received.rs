//! What each consumer got, counted and timed on its own.

use crate::coarse::Coarse;
use crate::units::count;

/// Consumers timed to 1 %; where there are more, to 10 %, so that 20,000 of them take 40 MB and not 240.
const CONSUMERS_FINE_MAX: u32 = 1_000;

/// What one consumer got, of all shards.
#[derive(Clone)]
pub(crate) struct Got {
    /// Records, as often as they came.
    pub(crate) records: u64,
    /// Their bytes, data and partition keys.
    pub(crate) bytes: u64,
    /// Push events or GetRecords replies, empty ones included.
    pub(crate) events: u64,
    /// From when a record was due until it came.
    pub(crate) latency: Coarse,
}

/// What the consumers of one road got, by their numbers; what belongs to another thread is missing.
#[derive(Clone)]
pub(crate) struct ByConsumer {
    is_fine: bool,
    each: Vec<Option<Box<Got>>>,
}

impl ByConsumer {
    /// Nothing yet, of so many.
    pub(crate) fn new(consumers: u32) -> Self {
        Self { is_fine: consumers <= CONSUMERS_FINE_MAX, each: Vec::new() }
    }

    /// What one of them got.
    pub(crate) fn of(&mut self, number: u32) -> &mut Got {
        let at = usize::try_from(number).expect("64-bit machine: a u32 is a usize");
        if at >= self.each.len() {
            self.each.resize_with(at + 1, || None);
        }
        let is_fine = self.is_fine;
        let nothing = || Box::new(Got { records: 0, bytes: 0, events: 0, latency: empty(is_fine) });
        self.each[at].get_or_insert_with(nothing)
    }

    /// Adds another thread's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (number, theirs) in (0..).zip(&other.each) {
            let Some(theirs) = theirs else { continue };
            let mine = self.of(number);
            mine.records += theirs.records;
            mine.bytes += theirs.bytes;
            mine.events += theirs.events;
            mine.latency.add(&theirs.latency);
        }
    }

    /// All that got something, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Got)> {
        (0..).zip(&self.each).filter_map(|(number, got)| Some((number, got.as_deref()?)))
    }
}

fn empty(is_fine: bool) -> Coarse {
    if is_fine { Coarse::fine() } else { Coarse::rough() }
}

/// Bytes that base64 stands for, without decoding it.
pub(crate) fn decoded_bytes(base64: &[u8]) -> u64 {
    let padding = base64.iter().rev().take_while(|byte| **byte == b'=').count();
    count((base64.len() / 4 * 3).saturating_sub(padding.min(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_share_a_consumer_add_up() {
        let (mut one, mut other) = (ByConsumer::new(3), ByConsumer::new(3));
        one.of(2).records += 1;
        other.of(2).records += 2;
        other.of(0).bytes += 7;
        one.add(&other);
        let seen: Vec<_> = one.iter().map(|(number, got)| (number, got.records, got.bytes)).collect();
        assert_eq!(seen, [(0, 0, 7), (2, 3, 0)]);
    }

    #[test]
    fn the_length_of_base64_is_that_of_its_bytes() {
        for bytes in 0..9 {
            let base64 = base64_simd::STANDARD.encode_to_string(vec![b'x'; bytes]);
            assert_eq!(decoded_bytes(base64.as_bytes()), bytes as u64, "{base64}");
        }
        assert_eq!(decoded_bytes(b"="), 0, "nonsense is not less than nothing");
    }
}
