//! A reader who asks for the tip of one shard after another and reads a few pages from there, until the
//! server is gone. Notes what it saw; that nothing was stale or left out is for `history` to say.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use fastrand::Rng;
use serde_json::json;

use crate::support::http::Client;
use crate::support::kinesis::{Record, shard_id, text};
use crate::witness::Witness;

/// Pages from one tip.
const PAGES: std::ops::Range<u32> = 1..5;

/// Such a reader at work.
pub(crate) struct Hopper {
    /// Calls refused.
    unread: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Hopper {
    /// Starts it; it ends when the server is gone or `stop` is set.
    pub(crate) fn start(
        address: SocketAddr,
        seed: u64,
        witness: &Arc<Witness>,
        stop: &Arc<AtomicBool>,
    ) -> Hopper {
        let (unread, witness, stop) = (Arc::new(AtomicUsize::new(0)), witness.clone(), stop.clone());
        let (counted, mut rng) = (unread.clone(), Rng::with_seed(seed));
        let thread = thread::spawn(move || {
            let Ok(mut client) = Client::connect(address) else { return };
            while !stop.load(Ordering::Relaxed) {
                match hop(&mut client, &witness, &mut rng) {
                    Ok(is_answered) => counted.fetch_add(usize::from(!is_answered), Ordering::Relaxed),
                    Err(_) => return,
                };
            }
        });
        Hopper { unread, thread }
    }

    /// Reads that failed although the server was there.
    pub(crate) fn unread(&self) -> usize {
        self.unread.load(Ordering::Relaxed)
    }

    /// Waits for its end.
    pub(crate) fn finish(self) {
        self.thread.join().expect("a reader ends without a panic");
    }
}

/// False if a call is refused, an error if the server is gone.
fn hop(client: &mut Client, witness: &Witness, rng: &mut Rng) -> io::Result<bool> {
    let shard = shard_id(rng.u32(..witness.shards));
    let reader = witness.reader();
    let input = json!({"StreamName": witness.stream, "ShardId": shard, "ShardIteratorType": "LATEST"});
    let open = witness.opens(&shard, reader);
    let (status, output) = client.call("GetShardIterator", &input)?;
    if status != 200 {
        return Ok(false);
    }
    witness.opened(open, reader);
    let mut iterator = text(&output, "ShardIterator");
    for _ in 0..rng.u32(PAGES) {
        let asked = witness.asks(&shard, reader);
        let (status, page) = client.call("GetRecords", &json!({"ShardIterator": iterator}))?;
        if status != 200 {
            return Ok(false);
        }
        let records = Record::read_all(&page);
        let at_tip = records.is_empty() && page["MillisBehindLatest"] == 0;
        witness.got(asked, reader, &records, at_tip);
        iterator = text(&page, "NextShardIterator");
    }
    Ok(true)
}
