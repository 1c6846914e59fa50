//! What the workers of a KCL application told, held against what was put: every record processed at least
//! once, each key's in order, a child's only after its parents'. Pure: told lines, asked for a verdict. Order
//! is that of the workers' clock, which is one: they run on one machine.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use hdrhistogram::Histogram;

use crate::producer::{Ledger, Text};
use crate::reshard::Shard;

/// Around the loss of a worker, in microseconds: records put so long before it, or so long after, may have
/// had to wait until its leases were taken.
const DISTURBED_US: (u64, u64) = (5_000_000, 35_000_000);

/// One application: what all of its workers told.
#[derive(Default)]
pub(crate) struct Application {
    /// Shards whose end was checkpointed, and how often.
    pub(crate) ends: BTreeMap<String, usize>,
    /// Warnings and errors, by their text.
    pub(crate) troubles: BTreeMap<String, usize>,
    processed: Vec<Processed>,
    shards: Vec<String>,
    keys: HashMap<String, usize>,
    seen: Vec<bool>,
    faults: Vec<String>,
}

/// One record, handed to a record processor once.
#[derive(Clone, Copy)]
struct Processed {
    at_us: u64,
    put_us: u64,
    number: usize,
    key: usize,
    shard: usize,
    place: u64,
}

/// A verdict's figures.
pub(crate) struct Figures {
    /// Records processed, again or for the first time.
    pub(crate) processed: usize,
    /// Of them, again.
    pub(crate) again: usize,
    /// From put to `processRecords`, median and 99th percentile, milliseconds: of all first times.
    pub(crate) latency_ms: (f64, f64),
    /// The same without the time around the loss of a worker.
    pub(crate) undisturbed_ms: (f64, f64),
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((p50, p99), (calm_p50, calm_p99)) = (self.latency_ms, self.undisturbed_ms);
        let Figures { processed, again, .. } = self;
        write!(
            f,
            "{processed} processed, {again} of them again; put to processRecords p50 {p50:.1} ms p99 "
        )?;
        write!(f, "{p99:.1} ms, away from lost workers p50 {calm_p50:.1} ms p99 {calm_p99:.1} ms")
    }
}

impl Application {
    /// Takes a line a worker said, without the application's name.
    pub(crate) fn take(&mut self, line: &str) {
        let words: Vec<_> = line.splitn(6, ' ').collect();
        match words.as_slice() {
            ["record", shard, sequence, _sub_sequence, at_us, text] => {
                self.record(shard, sequence, at_us, text);
            }
            ["end", shard] => *self.ends.entry((*shard).to_owned()).or_default() += 1,
            ["start" | "lost", ..] => (),
            ["trouble", ..] => *self.troubles.entry(line.to_owned()).or_default() += 1,
            _ => self.faults.push(format!("a line nobody knows: {line}")),
        }
    }

    fn record(&mut self, shard: &str, sequence: &str, at_us: &str, text: &str) {
        let (Some(Text { key, number, put_us }), Ok(at_us)) = (Text::read(text), at_us.parse()) else {
            return self.faults.push(format!("{shard}: nobody put {text:?}"));
        };
        let place = fingerprint(shard, sequence);
        let shard = self.index_of(shard);
        let new_key = self.keys.len();
        let key = *self.keys.entry(key.to_owned()).or_insert(new_key);
        self.processed.push(Processed { at_us, put_us, number, key, shard, place });
        self.seen.resize(self.seen.len().max(number + 1), false);
        self.seen[number] = true;
    }

    fn index_of(&mut self, shard: &str) -> usize {
        self.shards.iter().position(|known| known == shard).unwrap_or_else(|| {
            self.shards.push(shard.to_owned());
            self.shards.len() - 1
        })
    }

    /// Records processed so far, each counted once.
    pub(crate) fn count(&self) -> usize {
        self.seen.iter().filter(|&&seen| seen).count()
    }

    /// Whether every acknowledged record was processed.
    pub(crate) fn has_all(&self, ledger: &Ledger) -> bool {
        self.missing(ledger).next().is_none()
    }

    fn missing<'a>(&'a self, ledger: &'a Ledger) -> impl Iterator<Item = usize> + 'a {
        let numbers = ledger.places.iter().enumerate().filter(|(_, place)| place.is_some());
        numbers.map(|(number, _)| number).filter(|&number| !self.seen.get(number).is_some_and(|&seen| seen))
    }

    /// The figures, or what is wrong. `losses_us`: when workers were killed.
    pub(crate) fn verdict(
        &mut self,
        ledger: &Ledger,
        lineage: &[Shard],
        losses_us: &[u64],
    ) -> Result<Figures, Vec<String>> {
        self.processed.sort_by_key(|it| it.at_us);
        let firsts = self.first_times();
        let mut faults = self.faults.clone();
        faults.extend(self.missing(ledger).map(|number| format!("record {number} was not processed")));
        faults.extend(self.elsewhere(ledger));
        faults.extend(out_of_order(&firsts));
        faults.extend(self.before_parents(&firsts, lineage));
        faults.extend(self.troubles.keys().filter(|text| is_grave(text)).cloned());
        if !faults.is_empty() {
            return Err(faults);
        }
        let is_calm = |it: &&Processed| {
            let disturbed =
                |&loss: &u64| it.put_us + DISTURBED_US.0 >= loss && it.put_us <= loss + DISTURBED_US.1;
            !losses_us.iter().any(disturbed)
        };
        Ok(Figures {
            processed: self.processed.len(),
            again: self.processed.len() - firsts.len(),
            latency_ms: latency(firsts.iter()),
            undisturbed_ms: latency(firsts.iter().filter(is_calm)),
        })
    }

    /// Records that came from another place than the one acknowledged.
    fn elsewhere(&self, ledger: &Ledger) -> Vec<String> {
        let is_elsewhere = |it: &&Processed| {
            let place = ledger.places.get(it.number).and_then(Option::as_ref);
            place.is_some_and(|place| fingerprint(&place.shard, &place.sequence) != it.place)
        };
        let elsewhere = self.processed.iter().filter(is_elsewhere);
        elsewhere
            .map(|it| format!("record {} came from another place than it was put to", it.number))
            .collect()
    }

    fn first_times(&self) -> Vec<Processed> {
        let mut seen = vec![false; self.seen.len()];
        let is_first = |it: &&Processed| !std::mem::replace(&mut seen[it.number], true);
        self.processed.iter().filter(is_first).copied().collect()
    }

    fn before_parents(&self, firsts: &[Processed], lineage: &[Shard]) -> Vec<String> {
        let mut begun = HashMap::new();
        let mut done = HashMap::new();
        for (place, record) in firsts.iter().enumerate() {
            begun.entry(self.shards[record.shard].as_str()).or_insert(place);
            done.insert(self.shards[record.shard].as_str(), place);
        }
        let mut faults = Vec::new();
        for (shard, parent) in
            lineage.iter().flat_map(|it| it.parents.iter().map(move |parent| (&it.id, parent)))
        {
            let (begun, done) = (begun.get(shard.as_str()), done.get(parent.as_str()));
            if begun.zip(done).is_some_and(|(begun, done)| begun < done) {
                faults.push(format!("{shard} was processed before the end of {parent}"));
            }
        }
        faults
    }
}

/// Millions of places are compared: by 64 bits each.
fn fingerprint(shard: &str, sequence: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (shard, sequence).hash(&mut hasher);
    hasher.finish()
}

/// Warnings nobody may pass over: events came faster than the library takes them, or a shard has no lease.
fn is_grave(text: &str) -> bool {
    text.contains("capacity restrictions") || text.to_lowercase().contains("orphan")
}

fn out_of_order(firsts: &[Processed]) -> Vec<String> {
    let mut last = HashMap::new();
    let mut faults = Vec::new();
    for record in firsts {
        let before = last.insert(record.key, record.number);
        if before.is_some_and(|before| before > record.number) {
            faults.push(format!("record {} was first processed after {before:?} of its key", record.number));
        }
    }
    faults
}

fn latency<'a>(records: impl Iterator<Item = &'a Processed>) -> (f64, f64) {
    let mut histogram = Histogram::<u64>::new(3).expect("three digits");
    records.for_each(|it| histogram += it.at_us.saturating_sub(it.put_us));
    #[expect(clippy::cast_precision_loss, reason = "milliseconds to print")]
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    (at(0.5), at(0.99))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::Place;

    const PARENT: &str = "shardId-000000000000";
    const CHILD: &str = "shardId-000000000001";

    /// Two records of a key in a shard that ends, a third of it in the child.
    const WHOLE: [&str; 4] = [
        "record shardId-000000000000 11 0 20 key-0 0 10",
        "record shardId-000000000000 12 0 21 key-0 1 10",
        "end shardId-000000000000",
        "record shardId-000000000001 13 0 22 key-0 2 10",
    ];

    fn verdict(lines: &[&str]) -> Result<usize, Vec<String>> {
        let place =
            |shard: &str, sequence: &str| Some(Place { shard: shard.into(), sequence: sequence.into() });
        let places = vec![place(PARENT, "11"), place(PARENT, "12"), place(CHILD, "13")];
        let mut application = Application::default();
        lines.iter().for_each(|line| application.take(line));
        let lineage = [Shard::new(PARENT, &[], false), Shard::new(CHILD, &[PARENT], true)];
        let ledger = Ledger { places, ..Ledger::default() };
        application.verdict(&ledger, &lineage, &[]).map(|figures| figures.again)
    }

    #[test]
    fn what_was_processed_once_or_again_is_right() {
        assert_eq!(verdict(&WHOLE), Ok(0));
        assert_eq!(
            verdict(&[&WHOLE[..], &["record shardId-000000000000 11 0 30 key-0 0 10"]].concat()),
            Ok(1)
        );
    }

    #[test]
    fn what_is_lost_early_or_elsewhere_is_found() {
        for index in [0, 1, 3] {
            let lost: Vec<_> = (0..4).filter(|&at| at != index).map(|at| WHOLE[at]).collect();
            assert!(verdict(&lost).is_err(), "{} is missing", WHOLE[index]);
        }
        let with = |index: usize, line: &'static str| {
            let mut lines = WHOLE;
            lines[index] = line;
            verdict(&lines)
        };
        assert!(with(0, "record shardId-000000000000 11 0 25 key-0 0 10").is_err(), "a key out of order");
        assert!(
            with(3, "record shardId-000000000001 13 0 19 key-9 2 10").is_err(),
            "a child before its parent"
        );
        assert!(with(3, "record shardId-000000000000 13 0 22 key-0 2 10").is_err(), "in another shard");
        assert!(with(3, "record shardId-000000000001 14 0 22 key-0 2 10").is_err(), "under another number");
        assert!(with(2, "ended").is_err(), "a line nobody knows");
        for trouble in ["trouble Unable to enqueue: capacity restrictions", "trouble an Orphan was found"] {
            assert!(verdict(&[&WHOLE[..], &[trouble]].concat()).is_err(), "{trouble}");
        }
    }
}
