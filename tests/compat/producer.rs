//! Records put at a steady pace by one connection, and what became of each: judges compare with it what
//! consumers got. A record's text is its key, its number and the time of its put.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::kinesis::{blob, text};

/// Partition keys in use: number `n` goes to key `n % KEYS`, so a batch never has a key twice.
pub(crate) const KEYS: u64 = 500;
/// Between two batches: short, so that they are small and consumers get many small events.
const BETWEEN_BATCHES: Duration = Duration::from_millis(10);
/// Before what was refused is put again, or a server that is away is looked for again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the records of a batch that were refused are put again.
const TRIES_MAX: u32 = 600;

/// A record's place, once acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The shard.
    pub(crate) shard: String,
    /// The sequence number.
    pub(crate) sequence: String,
}

/// What was put.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Where each record went, by its number; `None` where the answer was lost.
    pub(crate) places: Vec<Option<Place>>,
    /// Refusals of single records for a shard's limit.
    pub(crate) throttled: u64,
}

/// A producer at work.
pub(crate) struct Producer {
    stop: Sender<()>,
    per_sec: Arc<AtomicU64>,
    put: Arc<AtomicUsize>,
    thread: JoinHandle<Ledger>,
}

/// What a record says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    /// The partition key.
    pub(crate) key: &'a str,
    /// Its number, counted from 0 over all records put.
    pub(crate) number: usize,
    /// When it was put, microseconds since the epoch.
    pub(crate) put_us: u64,
}

impl Ledger {
    /// Records whose acknowledgement was lost.
    pub(crate) fn in_doubt(&self) -> usize {
        self.places.iter().filter(|place| place.is_none()).count()
    }

    /// Fails unless the pace was held, to a tenth.
    pub(crate) fn assert_pace(&self, per_sec: u64, time: Duration) {
        let (put, wanted) = ((self.places.len() - self.in_doubt()) as u64, per_sec * time.as_secs());
        assert!(put >= wanted * 9 / 10, "{put} records were put in {time:?}, {wanted} were to be");
    }
}

impl<'a> Text<'a> {
    /// Reads one; `None` for what the producer has not written.
    pub(crate) fn read(text: &'a str) -> Option<Text<'a>> {
        let mut words = text.split(' ');
        let key = words.next()?;
        let number = words.next()?.parse().ok()?;
        let put_us = words.next()?.parse().ok()?;
        // Filled up to a size, perhaps.
        let filler = words.next().unwrap_or_default();
        (filler.bytes().all(|byte| byte == b'.') && words.next().is_none()).then_some(Text {
            key,
            number,
            put_us,
        })
    }
}

/// The wall clock: what consumers in other processes measure with, too.
pub(crate) fn epoch_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the epoch has passed");
    micros(since)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("the end of time is far")
}

impl Producer {
    /// Starts to put so many records a second into a stream, until stopped.
    pub(crate) fn start(address: SocketAddr, stream: &str, per_sec: u64) -> Producer {
        let (stop, stopped) = channel();
        let per_sec = Arc::new(AtomicU64::new(per_sec));
        let put = Arc::new(AtomicUsize::new(0));
        let (stream, pace, count) = (stream.to_owned(), Arc::clone(&per_sec), Arc::clone(&put));
        let thread = thread::spawn(move || {
            let mut put = Put { address, stream, client: None, ledger: Ledger::default(), put: count };
            put.until(&stopped, &pace);
            put.ledger
        });
        Producer { stop, per_sec, put, thread }
    }

    /// Records put so far.
    pub(crate) fn count(&self) -> usize {
        self.put.load(Ordering::Relaxed)
    }

    /// Puts so many records a second from now on.
    pub(crate) fn pace(&self, per_sec: u64) {
        self.per_sec.store(per_sec, Ordering::Relaxed);
    }

    /// Ends it; answers what it put.
    pub(crate) fn stop(self) -> Ledger {
        drop(self.stop);
        self.thread.join().expect("the producer does not panic")
    }
}

struct Put {
    address: SocketAddr,
    stream: String,
    client: Option<Client>,
    ledger: Ledger,
    put: Arc<AtomicUsize>,
}

impl Put {
    /// Each batch has what is due by then: a slow answer makes the next one larger, not the pace slower.
    fn until(&mut self, stopped: &Receiver<()>, per_sec: &AtomicU64) {
        let mut pace = 0;
        let mut begun = Instant::now();
        let mut before = 0;
        loop {
            let per_sec = per_sec.load(Ordering::Relaxed);
            if per_sec != pace {
                (pace, begun, before) = (per_sec, Instant::now(), self.ledger.places.len() as u64);
            }
            let due = before + 1 + micros(begun.elapsed()) * pace / 1_000_000;
            let count = due.saturating_sub(self.ledger.places.len() as u64).min(KEYS);
            if count > 0 && !self.batch(count, stopped) {
                // What could not be put while nobody answered is not made up for.
                pace = 0;
            }
            if stopped.recv_timeout(BETWEEN_BATCHES) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Puts the next records; those refused for the shard's limit again, before others of their keys. Answers
    /// whether all were acknowledged.
    fn batch(&mut self, count: u64, stopped: &Receiver<()>) -> bool {
        let first = self.ledger.places.len();
        let mut open: Vec<usize> = (first..).take(usize::try_from(count).expect("few")).collect();
        self.ledger.places.resize(first + open.len(), None);
        for _ in 0..TRIES_MAX {
            let Some(output) = self.put_records(&open) else {
                // Accepted or not, nobody knows: they stay in doubt, and the next ones find a server again.
                let _ = stopped.recv_timeout(PAUSE);
                return false;
            };
            let results = output["Records"].as_array().expect("a result for each record");
            let results: HashMap<_, _> = open.iter().copied().zip(results).collect();
            open.retain(|number| results[number]["ErrorCode"].is_string());
            for (number, result) in results.into_iter().filter(|(_, it)| it["ErrorCode"].is_null()) {
                let place =
                    Place { shard: text(result, "ShardId"), sequence: text(result, "SequenceNumber") };
                self.ledger.places[number] = Some(place);
            }
            if open.is_empty() {
                self.put.store(self.ledger.places.len(), Ordering::Relaxed);
                return true;
            }
            self.ledger.throttled += open.len() as u64;
            let _ = stopped.recv_timeout(PAUSE);
        }
        panic!("records {open:?} were refused {TRIES_MAX} times");
    }

    /// `None`: the connection is gone, and with it the answer.
    fn put_records(&mut self, numbers: &[usize]) -> Option<Value> {
        let record = |&number: &usize| {
            let key = format!("key-{}", number as u64 % KEYS);
            let data = format!("{key} {number} {}", epoch_us());
            json!({"PartitionKey": key, "Data": blob(data.as_bytes())})
        };
        let records: Vec<_> = numbers.iter().map(record).collect();
        let input = json!({"StreamName": self.stream, "Records": records});
        if self.client.is_none() {
            self.client = Client::connect(self.address).ok();
        }
        match self.client.as_mut()?.call("PutRecords", &input) {
            Ok((200, output)) => Some(output),
            Ok((400, output)) => panic!("PutRecords: {output}"),
            Ok(_) | Err(_) => {
                self.client = None;
                None
            }
        }
    }
}
