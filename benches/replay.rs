//! Reading what memory has forgotten: how fast one reader goes through a shard on disk, beside a plain
//! sequential read of the same files in the same run, and what that does to everyone at the tip.
//!
//! Three readers: the engine alone, a push subscription and `GetRecords` of the whole server over the
//! loopback. The latter two run without limits, their client in a process of its own; then a consumer at the
//! tip is timed, in turns with and without a replay under way: without limits, and with the service's own,
//! of which a replay gets 2 MiB a second.
//!
//! `cargo bench --bench replay`; `REPLAY_MIB` sets the size (1024), `REPLAY_DIR` the directory.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fanlight::config::{Config, Limits};
use fanlight::platform::{AlignedBuf, BLOCK, Backend, Clock, open};
use fanlight::server;
use fanlight::storage::{Durability, Engine, Event, From, Settings, Sizes};
use fanlight::types::{Instant, LogId, Offset};
use fanlight::wire::event_stream::Message;
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

#[path = "support/mod.rs"]
mod support;

use support::{Failure, call, connect, create_stream, place, register, subscribe};

const LOG: LogId = LogId(7);
const RECORD_BYTES: usize = 1024;
const ROUNDS: usize = 3;
/// Bytes of one plain read: what the device is fastest with.
const PLAIN_READ_BYTES: usize = 1 << 20;
/// Bytes asked for at a time: an event's worth, and a page's.
const ASKED_BYTES: [usize; 2] = [256 << 10, 10 << 20];
/// Little memory, so that replays come from disk.
const TAIL_BYTES: usize = 4 << 20;
/// Puts a second to the tip, and how long each turn of it lasts.
const TIP_INTERVAL: Duration = Duration::from_millis(2);
const TIP_TURN: Duration = Duration::from_secs(4);
/// What is pulled without the disk.
const MEMORY_MIB: usize = 256;
/// Makes this program a server: its address, whether it has limits, bytes it remembers, the data directory.
const SERVER: &str = "REPLAY_SERVER";
/// Makes this program a replaying client: the server's address, MiB to read, and the consumer's ARN if they
/// are to be pushed.
const CLIENT: &str = "REPLAY_CLIENT";

fn main() -> Result<(), Failure> {
    if let Ok(task) = std::env::var(CLIENT) {
        return client(&task);
    }
    if let Ok(task) = std::env::var(SERVER) {
        return serve(&task);
    }
    let mib: usize = std::env::var("REPLAY_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(1024);
    let place = place("replay", "REPLAY_DIR")?;
    let result = engine(&place.join("engine"), mib).and_then(|()| server(&place.join("server"), mib));
    std::fs::remove_dir_all(&place)?;
    result
}

/// The engine alone: no sockets, no events.
fn engine(dir: &Path, mib: usize) -> Result<(), Failure> {
    let bytes = fill(dir, mib)?;
    println!("the engine alone, {} MiB of records of 1 KiB", bytes >> 20);
    for _ in 0..ROUNDS {
        let plain = plain_read(dir)?;
        print!("  plain sequential read {plain:>6.0} MiB/s");
        for asked in ASKED_BYTES {
            let replayed = replay_engine(dir, asked)?;
            let ratio = replayed / plain;
            print!("   replayed {:>5} KiB at a time {replayed:>6.0} MiB/s x {ratio:.2}", asked >> 10);
        }
        println!();
    }
    Ok(std::fs::remove_dir_all(dir)?)
}

fn settings() -> Settings {
    Settings { durability: Durability::Sync, tail_bytes: TAIL_BYTES, sizes: Sizes::default() }
}

/// A shard of so many records, all in segments; tells its bytes.
fn fill(dir: &Path, mib: usize) -> Result<usize, Failure> {
    let mut engine = Engine::open(open(dir, Backend::Auto)?, settings())?;
    engine.open_log(LOG);
    let clock = Clock::system();
    for _ in 0..mib * 4 {
        for _ in 0..256 {
            engine.append(LOG, b"partition-key", &[0x42; RECORD_BYTES], clock.wall(), clock.now())?;
        }
        engine.submit(clock.now());
        while !engine.take_events().iter().any(|event| matches!(event, Event::Committed { .. })) {
            engine.wait();
            engine.step(clock.now());
        }
    }
    loop {
        engine.want_all_written();
        engine.step(clock.now());
        if !engine.is_busy() {
            return Ok(mib << 20);
        }
        engine.wait();
    }
}

/// Payload MiB per second of one reader that goes through the shard.
fn replay_engine(dir: &Path, asked: usize) -> Result<f64, Failure> {
    let mut engine = Engine::open(open(dir, Backend::Auto)?, settings())?;
    let tip = engine.tip(LOG).ok_or("no such shard")?;
    let clock = Clock::system();
    let (began, mut at, mut bytes) = (clock.now(), Offset::ZERO, 0);
    while at < tip {
        let mut reply = engine.read(LOG, From::Offset(at), asked);
        let batches = loop {
            match reply.try_recv() {
                Ok(batches) => break batches?,
                Err(_) => engine.wait(),
            }
            engine.step(clock.now());
        };
        bytes += batches.iter().map(|batch| batch.payload_bytes()).sum::<usize>();
        at = batches.last().ok_or("nothing before the tip")?.end();
    }
    Ok(mib_per_second(bytes, clock.now().since(began)))
}

/// MiB per second of reading the segments' files past the page cache, one block after another: those that
/// are full, since what was only set aside reads as zeros without the disk.
fn plain_read(dir: &Path) -> Result<f64, Failure> {
    let clock = Clock::system();
    let mut buf = AlignedBuf::zeroed(PLAIN_READ_BYTES);
    let (began, mut bytes) = (clock.now(), 0);
    for entry in std::fs::read_dir(dir.join("segments"))? {
        let flags = i32::try_from(OFlags::DIRECT.bits())?;
        let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(entry?.path())?;
        let last_block = std::fs::File::metadata(&file)?.len() - BLOCK as u64;
        rustix::io::pread(&file, &mut buf.as_mut_slice()[..BLOCK], last_block)?;
        if buf.as_slice()[..BLOCK].iter().all(|&byte| byte == 0) {
            continue;
        }
        loop {
            match rustix::io::read(&file, &mut *buf.as_mut_slice())? {
                0 => break,
                read => bytes += read,
            }
        }
    }
    Ok(mib_per_second(bytes, clock.now().since(began)))
}

fn mib_per_second(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / f64::from(1 << 20) / time.as_secs_f64()
}

/// The whole server, in a process of its own: first without limits, then with them.
fn server(dir: &Path, mib: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (unlimited, address) = start(dir, "off", TAIL_BYTES)?;
    LocalSet::new().block_on(&runtime, without_limits(address, dir.to_owned(), mib))?;
    drop(unlimited);
    let (limited, address) = start(dir, "aws", TAIL_BYTES)?;
    LocalSet::new().block_on(&runtime, with_limits(address, mib))?;
    drop(limited);
    let (_remembering, address) = start(&dir.join("memory"), "off", MEMORY_MIB << 21)?;
    LocalSet::new().block_on(&runtime, from_memory(address))
}

/// A server that ends in order when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

fn start(dir: &Path, limits: &str, tail_bytes: usize) -> Result<(Serving, SocketAddr), Failure> {
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let task = format!("{address} {limits} {tail_bytes} {}", dir.to_str().ok_or("a path is text")?);
    let server = Command::new(std::env::current_exe()?).env(SERVER, task).spawn()?;
    Ok((Serving(server), address))
}

/// What such a process does.
fn serve(task: &str) -> Result<(), Failure> {
    let mut words = task.splitn(4, ' ');
    let mut next = || words.next().ok_or("a word is missing");
    let config = Config {
        listen: next()?.parse()?,
        admin_listen: std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?,
        limits: if next()? == "off" { Limits::Off } else { Limits::Aws },
        tail_bytes: next()?.parse()?,
        data_dir: next()?.into(),
        transition_millis: 1,
        ..Config::without_flags()
    };
    Ok(server::run(&config)?)
}

async fn without_limits(address: SocketAddr, dir: PathBuf, mib: usize) -> Result<(), Failure> {
    let client = connect(address).await?;
    let arn = create_stream(&client, "replayed").await?;
    create_stream(&client, "tip").await?;
    put_backlog(&client, mib).await?;
    println!("the whole server, {mib} MiB of records of 1 KiB, limits off");
    for round in 0..ROUNDS {
        let pushed = register(&client, &arn, &format!("replay-{round}")).await?;
        let plain = plain_read(&dir)?;
        let by_push = in_a_process(address, &Replay::Push(pushed), mib, false).await?;
        let by_pull = in_a_process(address, &Replay::Pull, mib, false).await?;
        println!(
            "  plain sequential read {plain:>6.0} MiB/s   SubscribeToShard {by_push:>6.0} MiB/s x {:.2}   \
             GetRecords {by_pull:>6.0} MiB/s x {:.2}",
            by_push / plain,
            by_pull / plain
        );
    }
    tip_beside_replay(&client, address, "off", mib).await
}

/// A replay gets through a little of it in each turn.
async fn with_limits(address: SocketAddr, mib: usize) -> Result<(), Failure> {
    let client = connect(address).await?;
    let a_turn = 2 * usize::try_from(TIP_TURN.as_secs())?;
    tip_beside_replay(&client, address, "aws", mib.min(a_turn)).await
}

/// Pages of what the server has not forgotten yet.
async fn from_memory(address: SocketAddr) -> Result<(), Failure> {
    let client = connect(address).await?;
    create_stream(&client, "replayed").await?;
    put_backlog(&client, MEMORY_MIB).await?;
    for _ in 0..ROUNDS {
        let pulled = in_a_process(address, &Replay::Pull, MEMORY_MIB, false).await?;
        println!("GetRecords of {MEMORY_MIB} MiB in memory, pages of 10 MiB: {pulled:.0} MiB/s");
    }
    Ok(())
}

/// The ARN of a stream that is there.
async fn stream_arn(client: &SendRequest<Bytes>, stream: &str) -> Result<Value, Failure> {
    let summary = call(client, "DescribeStreamSummary", &json!({"StreamName": stream})).await?;
    Ok(summary["StreamDescriptionSummary"]["StreamARN"].clone())
}

async fn put_backlog(client: &SendRequest<Bytes>, mib: usize) -> Result<(), Failure> {
    let record = json!({"PartitionKey": "partition-key", "Data": "eHh4".repeat(RECORD_BYTES / 3 + 1)});
    let put = json!({"StreamName": "replayed", "Records": vec![record; 256]});
    for _ in 0..mib * 4 {
        call(client, "PutRecords", &put).await?;
    }
    Ok(())
}

/// How a shard is replayed.
enum Replay {
    /// By the consumer of this ARN.
    Push(Value),
    Pull,
}

/// Replays in a process of its own; gives MiB of records per second. Beside others it runs only when a core
/// has nothing else to do, as it would be another machine's: of two cores it takes one otherwise, and the
/// kernel's work for the disk waits for its turn to end.
async fn in_a_process(
    address: SocketAddr,
    replay: &Replay,
    mib: usize,
    is_beside: bool,
) -> Result<f64, Failure> {
    let consumer = match replay {
        Replay::Push(arn) => arn.as_str().ok_or("an ARN is text")?,
        Replay::Pull => "",
    };
    let policy = if is_beside { "--idle" } else { "--other" };
    let mut client = Command::new("chrt");
    client.args([policy, "0"]).arg(std::env::current_exe()?).stderr(Stdio::inherit());
    client.env(CLIENT, format!("{address} {mib} {consumer}"));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(client.output()));
    let output = receiver.await??;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// What such a process does: replays, and prints how fast.
fn client(task: &str) -> Result<(), Failure> {
    let mut words = task.split(' ');
    let mut next = || words.next().ok_or("a word is missing");
    let (address, mib) = (next()?.parse()?, next()?.parse::<usize>()?);
    let replay = match next()? {
        "" => Replay::Pull,
        arn => Replay::Push(arn.into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{}", LocalSet::new().block_on(&runtime, replay_once(address, replay, mib << 10))?);
    Ok(())
}

async fn replay_once(address: SocketAddr, replay: Replay, records: usize) -> Result<f64, Failure> {
    let client = connect(address).await?;
    let clock = Clock::system();
    let began = clock.now();
    match replay {
        Replay::Push(consumer) => {
            let events = subscribe(&client, &consumer, "TRIM_HORIZON").await?;
            receive(events, records).await?;
        }
        Replay::Pull => pull(&client, records).await?,
    }
    Ok(mib_per_second(records * RECORD_BYTES, clock.now().since(began)))
}

async fn receive(mut events: h2::RecvStream, records: usize) -> Result<(), Failure> {
    let (mut buffer, mut seen) = (BytesMut::new(), 0);
    while seen < records {
        let piece = events.data().await.ok_or("the subscription has ended")??;
        events.flow_control().release_capacity(piece.len())?;
        buffer.extend_from_slice(&piece);
        while let Some((message, len)) = Message::decode(&buffer)? {
            seen += count(message.payload);
            drop(buffer.split_to(len));
        }
    }
    Ok(())
}

async fn pull(client: &SendRequest<Bytes>, records: usize) -> Result<(), Failure> {
    let input = json!({
        "StreamName": "replayed",
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let mut iterator = call(client, "GetShardIterator", &input).await?["ShardIterator"].clone();
    let (mut seen, mut page) = (0, Vec::new());
    while seen < records {
        let body = support::send(client, "GetRecords", &json!({"ShardIterator": iterator})).await?;
        collect(body.into_body(), &mut page).await?;
        seen += count(&page);
        iterator = next_iterator(&page).ok_or("no further iterator")?;
    }
    Ok(())
}

/// Into memory that the page before was in.
async fn collect(mut body: h2::RecvStream, whole: &mut Vec<u8>) -> Result<(), Failure> {
    whole.clear();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(())
}

/// Picked out of the text: parsing a page of 10 MiB whole would measure the parser.
fn next_iterator(page: &[u8]) -> Option<Value> {
    let name = b"\"NextShardIterator\":\"";
    let at = memchr::memmem::rfind(page, name)? + name.len();
    let text = page[at..].split(|&byte| byte == b'"').next()?;
    Some(Value::String(String::from_utf8(text.to_vec()).ok()?))
}

/// Records in an event or a page: each names its partition key once.
fn count(json: &[u8]) -> usize {
    memchr::memmem::find_iter(json, b"\"PartitionKey\"").count()
}

/// Times a consumer at the tip of another stream, in turns with and without a replay under way.
async fn tip_beside_replay(
    client: &SendRequest<Bytes>,
    address: SocketAddr,
    limits: &str,
    mib: usize,
) -> Result<(), Failure> {
    let replayed = stream_arn(client, "replayed").await?;
    let tip = stream_arn(client, "tip").await?;
    let consumer = register(client, &tip, &format!("tip-{limits}")).await?;
    let (sender, mut received) = unbounded_channel();
    spawn_local(listen(subscribe(client, &consumer, "LATEST").await?, sender));
    let (mut alone, mut beside) = (histogram(), histogram());
    turn(client, &mut received, &mut histogram(), || false).await?;
    for round in 0..ROUNDS {
        // One of its own each: a consumer may not subscribe again within five seconds.
        let replaying = register(client, &replayed, &format!("beside-{limits}-{round}")).await?;
        let clock = Clock::system();
        let until = clock.now() + TIP_TURN;
        turn(client, &mut received, &mut alone, || clock.now() >= until).await?;
        let over = std::rc::Rc::new(std::cell::Cell::new(false));
        let done = over.clone();
        spawn_local(async move {
            let replay = Replay::Push(replaying);
            if let Err(error) = in_a_process(address, &replay, mib, true).await {
                eprintln!("the replay failed: {error}");
            }
            done.set(true);
        });
        turn(client, &mut received, &mut beside, || over.get()).await?;
    }
    println!("put to push of a consumer at the tip, 500 records/s, limits {limits}");
    for (what, histogram) in [("alone", &alone), ("beside a replay", &beside)] {
        let micros = |quantile| histogram.value_at_quantile(quantile);
        println!(
            "  {what:<16} p50 {:>6} us   p99 {:>6} us   {} puts",
            micros(0.5),
            micros(0.99),
            histogram.len()
        );
    }
    let rise = beside.value_at_quantile(0.99) as f64 / alone.value_at_quantile(0.99) as f64;
    println!("  p99 x {rise:.2} (at most 1.2)");
    Ok(())
}

/// Puts at the pace of the tip until told that it is over, a turn at most; notes when each record was pushed,
/// from when it was due.
async fn turn(
    client: &SendRequest<Bytes>,
    received: &mut UnboundedReceiver<Instant>,
    into: &mut Histogram<u64>,
    is_over: impl Fn() -> bool,
) -> Result<(), Failure> {
    let clock = Clock::system();
    let put = json!({"StreamName": "tip", "PartitionKey": "k", "Data": "eHh4".repeat(RECORD_BYTES / 3)});
    let (began, mut puts) = (clock.now(), 0u32);
    while !is_over() && clock.now().since(began) < TIP_TURN {
        let due = began + TIP_INTERVAL * puts;
        tokio::time::sleep(due.since(clock.now())).await;
        let sent = clock.now().max(due);
        call(client, "PutRecord", &put).await?;
        let pushed = received.recv().await.ok_or("the subscription has ended")?;
        into.saturating_record(u64::try_from(pushed.since(sent).as_micros()).unwrap_or(u64::MAX));
        puts += 1;
    }
    Ok(())
}

/// Reports each event that carries a record.
async fn listen(mut events: h2::RecvStream, sender: UnboundedSender<Instant>) {
    let clock = Clock::system();
    let mut buffer = BytesMut::new();
    while let Some(Ok(piece)) = events.data().await {
        buffer.extend_from_slice(&piece);
        if events.flow_control().release_capacity(piece.len()).is_err() {
            return;
        }
        while let Ok(Some((message, len))) = Message::decode(&buffer) {
            if count(message.payload) > 0 && sender.send(clock.now()).is_err() {
                return;
            }
            drop(buffer.split_to(len));
        }
    }
}

fn histogram() -> Histogram<u64> {
    const MICROS_MAX: u64 = 60_000_000;
    Histogram::new_with_max(MICROS_MAX, 3).expect("three digits are in range")
}
