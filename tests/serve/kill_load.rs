//! Load for the tests that end the server: producers that note every acknowledgement outside it, a reader who
//! hops from tip to tip, and payloads that can be checked byte for byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::hopper::Hopper;
use crate::support::http::Client;
use crate::support::kinesis::{Record, blob, text};
use crate::support::wait_for;
use crate::witness::{Open, Witness};

/// Producers at work at once.
const PRODUCERS: u64 = 4;
/// Records in a `PutRecords` call.
const BATCH: u64 = 20;

/// What was acknowledged: the payload's name, with the shard and sequence number the server gave it.
pub(crate) type Acked = HashMap<String, (String, String)>;

/// What producers put, and what they do when a record is refused.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// Records are smaller than this.
    pub(crate) bytes_max: usize,
    pub(crate) refusal: Refusal,
}

/// What a refused record is to its producer.
#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    /// A mistake: the server is sound.
    Wrong,
    /// A reason to put no more.
    End,
    /// Nothing: it goes on with the next.
    GoOn,
}

/// For a server that nothing ails.
pub(crate) const SOUND: Terms = Terms { bytes_max: 60_000, refusal: Refusal::Wrong };

/// Clients at work; they stop when the server goes or when told to.
pub(crate) struct Load {
    acked: Arc<Mutex<Acked>>,
    refused: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    producers: Vec<JoinHandle<()>>,
    hopper: Hopper,
}

impl Load {
    /// Starts the clients; names begin with `cycle`, so that no two cycles share one.
    pub(crate) fn start(
        address: SocketAddr,
        cycle: u32,
        seed: u64,
        terms: Terms,
        witness: &Arc<Witness>,
    ) -> Load {
        let (acked, stop) = (Arc::new(Mutex::new(Acked::new())), Arc::new(AtomicBool::new(false)));
        let refused = Arc::new(AtomicUsize::new(0));
        let producer = |index| {
            let (acked, stop, witness) = (acked.clone(), stop.clone(), witness.clone());
            let rng = fastrand::Rng::with_seed(seed ^ index);
            let (name, refused) = (format!("c{cycle}-p{index}"), refused.clone());
            let producer = Producer { name, rng, serial: 0, acked, terms, witness, refused };
            thread::spawn(move || producer.run(address, &stop))
        };
        let producers = (0..PRODUCERS).map(producer).collect();
        let hopper = Hopper::start(address, seed, witness, &stop);
        Load { acked, refused, stop, producers, hopper }
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

    /// Waits until a put is refused.
    pub(crate) fn wait_for_refusal(&self) {
        wait_for("a refusal", || (self.refused.load(Ordering::Relaxed) > 0).then_some(()));
    }

    /// What is acknowledged so far.
    pub(crate) fn acked(&self) -> Acked {
        self.acked.lock().expect("no producer panics").clone()
    }

    /// Reads that failed although the server was there.
    pub(crate) fn unread(&self) -> usize {
        self.hopper.unread()
    }

    /// Ends the clients and tells what was acknowledged.
    pub(crate) fn finish(self) -> Acked {
        self.stop.store(true, Ordering::Relaxed);
        for producer in self.producers {
            producer.join().expect("a producer ends without a panic");
        }
        self.hopper.finish();
        let mut acked = self.acked.lock().expect("no producer panics");
        std::mem::take(&mut *acked)
    }
}

struct Producer {
    name: String,
    rng: fastrand::Rng,
    serial: u64,
    terms: Terms,
    acked: Arc<Mutex<Acked>>,
    refused: Arc<AtomicUsize>,
    witness: Arc<Witness>,
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
        let (name, mut record) = self.record(self.terms.bytes_max);
        record["StreamName"] = self.witness.stream.into();
        let put = self.witness.puts(&name);
        let (status, output) = client.call("PutRecord", &record)?;
        if status == 500 {
            assert_eq!(output["__type"], "InternalFailure", "{output}");
            return self.refused(&output);
        }
        assert_eq!(status, 200, "PutRecord: {output}");
        self.note(put, name, &output);
        Ok(())
    }

    fn put_batch(&mut self, client: &mut Client) -> std::io::Result<()> {
        let (names, records): (Vec<_>, Vec<_>) = (0..BATCH).map(|_| self.record(4_000)).unzip();
        let input = json!({"StreamName": self.witness.stream, "Records": records});
        let puts: Vec<_> = names.iter().map(|name| self.witness.puts(name)).collect();
        let (status, output) = client.call("PutRecords", &input)?;
        assert_eq!(status, 200, "PutRecords: {output}");
        let entries = output["Records"].as_array().expect("entries");
        let (mut refused, mut last) = (0, Ok(()));
        for ((put, name), entry) in puts.into_iter().zip(names).zip(entries) {
            if entry["ErrorCode"].is_null() {
                self.note(put, name, entry);
                continue;
            }
            assert_eq!(entry["ErrorCode"], "InternalFailure", "{entry}");
            refused += 1;
            last = self.refused(entry);
        }
        assert_eq!(output["FailedRecordCount"], refused, "{output}");
        last
    }

    fn refused(&self, output: &Value) -> std::io::Result<()> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        match self.terms.refusal {
            Refusal::Wrong => panic!("refused: {output}"),
            Refusal::End => Err(std::io::ErrorKind::Other.into()),
            Refusal::GoOn => Ok(()),
        }
    }

    fn note(&self, put: Open, name: String, output: &Value) {
        let (shard, number) = (text(output, "ShardId"), text(output, "SequenceNumber"));
        self.witness.put(put, &name, &shard, &number);
        self.acked.lock().expect("no producer panics").insert(name, (shard, number));
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
