//! Load for the kill tests: producers that note every acknowledgement outside the server, and payloads that
//! can be checked byte for byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::kinesis::{Record, blob, text};
use crate::support::wait_for;

/// Producers at work at once.
const PRODUCERS: u64 = 4;
/// Records in a `PutRecords` call.
const BATCH: u64 = 20;

/// What was acknowledged: the payload's name, with the shard and sequence number the server gave it.
pub(crate) type Acked = HashMap<String, (String, String)>;

/// Producers at work; they stop when the server goes or when told to.
pub(crate) struct Load {
    acked: Arc<Mutex<Acked>>,
    stop: Arc<AtomicBool>,
    producers: Vec<JoinHandle<()>>,
}

impl Load {
    /// The same with records below `bytes_max`, for a server whose disk fails: a producer stops at the first
    /// refusal.
    pub(crate) fn start_small(
        address: SocketAddr,
        stream: &'static str,
        cycle: u32,
        seed: u64,
        bytes_max: usize,
    ) -> Load {
        Self::with(address, stream, cycle, seed, Some(bytes_max))
    }

    /// Starts the producers; names begin with `cycle`, so that no two cycles share one.
    pub(crate) fn start(address: SocketAddr, stream: &'static str, cycle: u32, seed: u64) -> Load {
        Self::with(address, stream, cycle, seed, None)
    }

    fn with(address: SocketAddr, stream: &'static str, cycle: u32, seed: u64, small: Option<usize>) -> Load {
        let (acked, stop) = (Arc::new(Mutex::new(Acked::new())), Arc::new(AtomicBool::new(false)));
        let producer = |index| {
            let (acked, stop) = (acked.clone(), stop.clone());
            let rng = fastrand::Rng::with_seed(seed ^ index);
            let name = format!("c{cycle}-p{index}");
            thread::spawn(move || Producer { stream, name, rng, serial: 0, acked, small }.run(address, &stop))
        };
        let producers = (0..PRODUCERS).map(producer).collect();
        Load { acked, stop, producers }
    }

    /// Waits until so many records are acknowledged.
    pub(crate) fn wait_for_acks(&self, count: usize) {
        let enough = || (self.acked.lock().expect("no producer panics").len() >= count).then_some(());
        wait_for("acknowledgements", enough);
    }

    /// The same, or until every producer has ended.
    pub(crate) fn wait_for_acks_or_end(&self, count: usize) {
        let enough = || {
            let all_ended = self.producers.iter().all(JoinHandle::is_finished);
            (all_ended || self.acked.lock().expect("no producer panics").len() >= count).then_some(())
        };
        wait_for("acknowledgements", enough);
    }

    /// Ends the producers and tells what was acknowledged.
    pub(crate) fn finish(self) -> Acked {
        self.stop.store(true, Ordering::Relaxed);
        for producer in self.producers {
            producer.join().expect("a producer ends without a panic");
        }
        let mut acked = self.acked.lock().expect("no producer panics");
        std::mem::take(&mut *acked)
    }
}

struct Producer {
    stream: &'static str,
    name: String,
    rng: fastrand::Rng,
    serial: u64,
    small: Option<usize>,
    acked: Arc<Mutex<Acked>>,
}

impl Producer {
    fn run(mut self, address: SocketAddr, stop: &AtomicBool) {
        let Ok(mut client) = Client::connect(address) else { return };
        while !stop.load(Ordering::Relaxed) {
            let outcome =
                if self.rng.bool() { self.put_one(&mut client) } else { self.put_batch(&mut client) };
            // The server was killed under the call: whether it took the records is not known.
            if outcome.is_err() {
                return;
            }
        }
    }

    fn put_one(&mut self, client: &mut Client) -> std::io::Result<()> {
        let (name, mut record) = self.record(self.small.unwrap_or(60_000));
        record["StreamName"] = self.stream.into();
        let (status, output) = client.call("PutRecord", &record)?;
        self.refused(status, &output)?;
        assert_eq!(status, 200, "PutRecord: {output}");
        self.note([(name, &output)]);
        Ok(())
    }

    fn put_batch(&mut self, client: &mut Client) -> std::io::Result<()> {
        let (names, records): (Vec<_>, Vec<_>) = (0..BATCH).map(|_| self.record(4_000)).unzip();
        let (status, output) =
            client.call("PutRecords", &json!({"StreamName": self.stream, "Records": records}))?;
        self.refused(status, &output)?;
        assert_eq!((status, &output["FailedRecordCount"]), (200, &json!(0)), "PutRecords: {output}");
        self.note(names.into_iter().zip(output["Records"].as_array().expect("entries")));
        Ok(())
    }

    /// Where the disk fails, refusals are right.
    fn refused(&self, status: u16, output: &Value) -> std::io::Result<()> {
        let failed = status == 500 || output["FailedRecordCount"].as_u64().is_some_and(|count| count > 0);
        if self.small.is_some() && failed { Err(std::io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn note<'v>(&self, acked: impl IntoIterator<Item = (String, &'v Value)>) {
        let place = |entry: &Value| (text(entry, "ShardId"), text(entry, "SequenceNumber"));
        let acked = acked.into_iter().map(|(name, entry)| (name, place(entry)));
        self.acked.lock().expect("no producer panics").extend(acked);
    }

    /// A record of a new name and any size below `max`; small ones are as likely as large ones.
    fn record(&mut self, max: usize) -> (String, Value) {
        self.serial += 1;
        let name = format!("{}-{}", self.name, self.serial);
        let digits = self.rng.u32(0..=max.ilog2());
        let bytes = self.rng.usize(0..(2usize << digits).min(max));
        let record = json!({"PartitionKey": name, "Data": blob(&payload(&name, bytes))});
        (name, record)
    }
}

/// Bytes that follow from the name alone, so that whoever reads them can tell that they are the right ones.
fn payload(name: &str, bytes: usize) -> Vec<u8> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| rng.u8(..)).take(bytes).collect()
}

/// Whether a record carries what its key says.
pub(crate) fn is_intact(record: &Record) -> bool {
    payload(&record.key, record.data.len()) == record.data
}
