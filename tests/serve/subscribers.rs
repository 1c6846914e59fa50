//! One consumer's subscriptions to every shard of a stream, from the tip until the server is gone, in a
//! thread of their own.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::task::JoinSet;

use crate::kill_load::Acked;
use crate::ledger::places;
use crate::support::block_on;
use crate::support::efo::{Connection, Event, Windows, at};
use crate::support::kinesis::{Record, text};
use crate::witness::Witness;

/// What a subscription has brought, and where it is to go on.
#[derive(Clone, Default)]
pub(crate) struct Place {
    /// Its name to the witness.
    pub(crate) reader: u32,
    pub(crate) records: Vec<Record>,
    pub(crate) continuation: Option<String>,
}

/// The same of each shard.
pub(crate) type Delivered = BTreeMap<String, Place>;

/// Subscriptions under way.
pub(crate) struct Subscribers {
    delivered: Arc<Mutex<Delivered>>,
    thread: JoinHandle<()>,
}

impl Subscribers {
    /// Subscribes to every shard at its tip.
    pub(crate) fn start(address: SocketAddr, consumer: &str, witness: &Arc<Witness>) -> Subscribers {
        let delivered = Arc::new(Mutex::new(Delivered::new()));
        let (subscribed, all_subscribed) = channel();
        let (consumer, witness, into) = (consumer.to_owned(), Arc::clone(witness), Arc::clone(&delivered));
        let thread =
            thread::spawn(move || block_on(deliver_all(address, &consumer, witness, into, subscribed)));
        all_subscribed.recv().expect("every shard takes a subscription");
        Subscribers { delivered, thread }
    }

    /// Whether all of this was pushed.
    pub(crate) fn have(&self, acked: &Acked) -> bool {
        let delivered = self.delivered.lock().expect("no subscriber panics");
        let pushed = delivered.iter().flat_map(|(shard, place)| places(shard, &place.records));
        let pushed: HashSet<_> = pushed.collect();
        acked.values().all(|(shard, number)| pushed.contains(&(shard.as_str(), number.as_str())))
    }

    /// Waits until the server is gone and tells what had come.
    pub(crate) fn finish(self) -> Delivered {
        self.thread.join().expect("a subscriber ends without a panic");
        std::mem::take(&mut *self.delivered.lock().expect("no subscriber panics"))
    }
}

/// Subscribes to all shards, says so, and reads until the connection breaks.
async fn deliver_all(
    address: SocketAddr,
    consumer: &str,
    witness: Arc<Witness>,
    delivered: Arc<Mutex<Delivered>>,
    subscribed: Sender<()>,
) {
    let connection = Connection::open(address, Windows::default()).await;
    let mut readers = JoinSet::new();
    for shard in witness.shards() {
        let reader = witness.reader();
        let open = witness.opens(&shard, reader);
        let mut subscription = connection.subscribe(consumer, &shard, at("LATEST")).await;
        witness.opened(open, reader);
        let place = Place { reader, ..Place::default() };
        delivered.lock().expect("no subscriber panics").insert(shard.clone(), place);
        let (witness, delivered) = (Arc::clone(&witness), Arc::clone(&delivered));
        readers.spawn(async move {
            while let Ok(Some(event)) = subscription.try_next().await {
                let Event::Records(event) = event else { continue };
                let records = Record::read_all(&event);
                witness.pushed(&shard, reader, &records);
                let mut delivered = delivered.lock().expect("no subscriber panics");
                let place = delivered.get_mut(&shard).expect("it is there from the start");
                place.records.extend(records);
                place.continuation = Some(text(&event, "ContinuationSequenceNumber"));
            }
        });
    }
    subscribed.send(()).expect("the test waits for it");
    while let Some(reader) = readers.join_next().await {
        reader.expect("a reader ends without a panic");
    }
}
