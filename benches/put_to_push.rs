//! From a producer's put to its consumers' hands, end to end: the whole server on a thread of this process,
//! real sockets on the loopback, a real disk. One record at a time, so this is latency without queueing; what
//! a load makes of it is the load-test tool's to say.
//!
//! `cargo bench --bench put_to_push`; `PUT_TO_PUSH_DIR` sets where the data directory is made.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fanlight::platform::Clock;
use fanlight::types::Instant;
use fanlight::wire::event_stream::Message;
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

#[path = "support/mod.rs"]
mod support;

use support::{Failure, call, connect, create_stream, place, register, start};

/// Consumers of each row, all on one connection.
const CONSUMERS: [usize; 2] = [1, 20];
const RUN: Duration = Duration::from_secs(4);
/// Puts left out of the figures.
const WARM_UP: usize = 100;
const RECORD_BYTES: usize = 1024;
const TAIL_BYTES: usize = 256 << 20;

fn main() -> Result<(), Failure> {
    let place = place("put-to-push", "PUT_TO_PUSH_DIR")?;
    let address = start(place.join("data"), TAIL_BYTES)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = LocalSet::new().block_on(&runtime, run(address));
    // The server's thread ends with the process: nothing here has to survive.
    std::fs::remove_dir_all(&place)?;
    outcome
}

async fn run(address: SocketAddr) -> Result<(), Failure> {
    let puts = connect(address).await?;
    let pushes = connect(address).await?;
    println!(
        "{:<10} {:<28} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "consumers", "from the put sent", "puts", "p50 us", "p99 us", "p99.9 us", "max us"
    );
    for consumers in CONSUMERS {
        let stream = format!("bench-{consumers}");
        let received = subscribe(&pushes, &stream, consumers).await?;
        measure(&puts, &stream, consumers, received).await?;
    }
    Ok(())
}

/// Puts one record after another, each once everyone has the one before.
async fn measure(
    puts: &SendRequest<Bytes>,
    stream: &str,
    consumers: usize,
    mut received: UnboundedReceiver<Instant>,
) -> Result<(), Failure> {
    let clock = Clock::system();
    let put = json!({"StreamName": stream, "PartitionKey": "k", "Data": "eHh4".repeat(RECORD_BYTES / 3)});
    let (mut acked, mut first, mut last) = (histogram(), histogram(), histogram());
    let began = clock.now();
    let mut round = 0;
    while clock.now().since(began) < RUN {
        let sent = clock.now();
        call(puts, "PutRecord", &put).await?;
        let acked_at = clock.now();
        let mut pushed_at = Vec::with_capacity(consumers);
        for _ in 0..consumers {
            pushed_at.push(received.recv().await.ok_or("a subscription has ended")?);
        }
        round += 1;
        if round > WARM_UP {
            let micros = |at: Instant| u64::try_from(at.since(sent).as_micros()).unwrap_or(u64::MAX);
            acked.saturating_record(micros(acked_at));
            first.saturating_record(pushed_at.iter().copied().map(micros).min().unwrap_or(0));
            last.saturating_record(pushed_at.into_iter().map(micros).max().unwrap_or(0));
        }
    }
    print(consumers, "to its acknowledgement", &acked);
    print(consumers, "to the first consumer", &first);
    print(consumers, "to the last consumer", &last);
    Ok(())
}

fn histogram() -> Histogram<u64> {
    const MICROS_MAX: u64 = 60_000_000;
    Histogram::new_with_max(MICROS_MAX, 3).expect("three digits are in range")
}

fn print(consumers: usize, what: &str, histogram: &Histogram<u64>) {
    let at = |quantile| histogram.value_at_quantile(quantile);
    println!(
        "{consumers:<10} {what:<28} {:>7} {:>9} {:>9} {:>9} {:>9}",
        histogram.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        histogram.max()
    );
}

/// Makes a stream of one shard and its consumers, and subscribes each; tells when an event with a record
/// came.
async fn subscribe(
    pushes: &SendRequest<Bytes>,
    stream: &str,
    consumers: usize,
) -> Result<UnboundedReceiver<Instant>, Failure> {
    let arn = create_stream(pushes, stream).await?;
    let (sender, received) = unbounded_channel();
    for consumer in 0..consumers {
        let consumer = register(pushes, &arn, &format!("consumer-{consumer}")).await?;
        let events = support::subscribe(pushes, &consumer, "TRIM_HORIZON").await?;
        spawn_local(listen(events, sender.clone()));
    }
    Ok(received)
}

/// Reports each event that carries a record.
async fn listen(mut events: h2::RecvStream, sender: UnboundedSender<Instant>) {
    let clock = Clock::system();
    let mut buffer = BytesMut::new();
    while let Some(Ok(piece)) = events.data().await {
        buffer.extend_from_slice(&piece);
        let released = events.flow_control().release_capacity(piece.len());
        if released.is_err() {
            return;
        }
        while let Ok(Some((message, len))) = Message::decode(&buffer) {
            let has_record = message.payload.windows(8).any(|window| window == b"\"Data\":\"");
            if has_record && sender.send(clock.now()).is_err() {
                return;
            }
            drop(buffer.split_to(len));
        }
    }
}
