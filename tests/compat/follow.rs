//! Applications that read a whole stream by themselves, under a load that is resharded: each record comes, in
//! its shard's order, and a child's after its parents'.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::producer::{Ledger, Producer, Text};
use crate::reshard::{self, Shard};
use crate::soak_judge::{Lineage, Told};
use crate::support::kinesis::Kinesis;
use crate::support::{patiently, say, within};

/// The load, until somebody reads and then.
const SLOW_RECORDS_PER_SEC: u64 = 2;
const RECORDS_PER_SEC: u64 = 200;
/// For an application to start, which may mean tables and leases, beside others.
const TIME_TO_START: Duration = Duration::from_secs(400);
/// When it is resharded, and when it ends.
const SPLIT_SECS: u64 = 6;
const MERGE_SECS: u64 = 12;
const END_SECS: u64 = 20;
/// For a timed wait to be over.
const SLACK: Duration = Duration::from_secs(30);

/// What was put, and the stream's shards at the end.
pub(crate) struct Load {
    ledger: Ledger,
    shards: Vec<Shard>,
}

/// Puts into a stream, slowly until it is read, and then for a while, in which a shard of it is split and two
/// are merged. `is_read` looks whether a record has been read, and fails where that cannot come any more.
pub(crate) fn load(kinesis: Kinesis, stream: &str, mut is_read: impl FnMut() -> bool) -> Load {
    let producer = Producer::start(kinesis.address, stream, SLOW_RECORDS_PER_SEC);
    patiently(TIME_TO_START, "the first record to be read", || is_read().then_some(()));
    producer.pace(RECORDS_PER_SEC);
    let begun = Instant::now();
    let pass = |secs| {
        let is_due = || (begun.elapsed() >= Duration::from_secs(secs)).then_some(());
        patiently(Duration::from_secs(secs) + SLACK, "the time to pass", is_due);
    };
    pass(SPLIT_SECS);
    reshard::split(kinesis, stream);
    pass(MERGE_SECS);
    reshard::merge(kinesis, stream);
    pass(END_SECS);
    let ledger = producer.stop();
    ledger.assert_pace(RECORDS_PER_SEC, Duration::from_secs(END_SECS));
    assert_eq!(ledger.in_doubt(), 0, "puts failed");
    Load { ledger, shards: reshard::shards(kinesis, stream) }
}

impl Load {
    /// The line a program would have said, had it told where it read this text.
    pub(crate) fn line_of(&self, text: &str) -> String {
        let number = Text::read(text).map(|it| it.number);
        let place = number.and_then(|number| self.ledger.places.get(number)?.as_ref());
        place.map_or_else(
            || format!("nobody put {text:?}"),
            |place| format!("record {} {} {text}", place.shard, place.sequence),
        )
    }

    /// Waits until every record was told, and judges what was told.
    pub(crate) fn judge(&self, name: &str, patience: Duration, told: impl Fn() -> Shared) {
        let has_all = || told().lock().expect("nobody panics").has_all(&self.ledger).then_some(());
        // The verdict says what is missing.
        let _ = within(patience, has_all);
        let told = told();
        let told = told.lock().expect("nobody panics");
        match told.verdict(&self.ledger, &self.shards) {
            Ok(figures) => say(&format!(
                "{name}: {} of {} records, {figures}, troubles {:?}",
                told.records,
                self.ledger.places.len(),
                told.troubles
            )),
            Err(faults) => panic!("{name}: {} faults: {:#?}", faults.len(), &faults[..faults.len().min(10)]),
        }
    }
}

/// What is told while it is judged.
pub(crate) type Shared = Arc<Mutex<Told>>;

/// What a program has written to a file so far, its last line only if it is whole.
pub(crate) fn told_in(file: &Path, lineage: Lineage, line_of: impl Fn(&str) -> Option<String>) -> Shared {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut told = Told::new(lineage);
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    // Files do not tell when a line came.
    lines.filter_map(|line| line_of(line.trim_end())).for_each(|line| told.take(&line, 0));
    Arc::new(Mutex::new(told))
}
