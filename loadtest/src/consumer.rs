//! The threads that receive: each runs its share of push connections and pull readers on a runtime of its
//! own.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::checker::Faults;
use crate::client::Protocol;
use crate::clock::now_ns;
use crate::lineage::Heir;
use crate::pull::{self, PullPlan};
use crate::reader::Start;
use crate::route::{Route, Socket};
use crate::session::{Session, Settings};
use crate::shared::{Shared, Tally};
use crate::subscription::{Consumer, Subscription};
use crate::units::index;

/// Tries to connect before a thread gives up.
const MAX_CONNECTS: u32 = 60;
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
/// Nothing is due: look again after this long anyway.
const IDLE_NS: u64 = 1_000_000_000;
/// Small enough to stay in cache, large enough that a busy connection costs few reads.
const READ_BYTES: usize = 256 << 10;

/// The subscriptions of one consumer; plain data, so it can be sent to a thread.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// Whose.
    pub(crate) consumer_arn: String,
    /// Its place among the consumers.
    pub(crate) number: u32,
    /// Ids of the shards to begin with.
    pub(crate) shards: Vec<String>,
    /// From where.
    pub(crate) start: Start,
    /// Whether this consumer stalls.
    pub(crate) stalls: bool,
}

/// What one thread is to receive.
#[derive(Default)]
pub(crate) struct Share {
    /// One list of consumers per connection.
    pub(crate) connections: Vec<Vec<Wanted>>,
    /// Pull consumers.
    pub(crate) pulls: Vec<PullPlan>,
}

/// What one thread found.
pub(crate) struct Received {
    /// Its latencies.
    pub(crate) tally: Tally,
    /// Its faults.
    pub(crate) faults: Faults,
    /// The steady rate of each subscription that had one, bytes per second.
    pub(crate) paces: Vec<f64>,
}

/// Starts a thread on its share; it ends when `stop` turns true.
pub(crate) fn start(
    share: Share,
    route: Route,
    settings: Settings,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> io::Result<JoinHandle<io::Result<Received>>> {
    std::thread::Builder::new().name("consumers".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, receive(share, route, settings, shared, stop))
    })
}

/// What the tasks of one thread share: the latencies, and one read buffer that stays in cache.
struct Thread {
    route: Route,
    shared: Arc<Shared>,
    tally: RefCell<Tally>,
    buffer: RefCell<Vec<u8>>,
}

async fn receive(
    share: Share,
    route: Route,
    settings: Settings,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> io::Result<Received> {
    let buffer_bytes = READ_BYTES.max(4 * index(u64::from(settings.max_frame_bytes)));
    let (tally, buffer) = (RefCell::new(Tally::new(&shared.ledger)), RefCell::new(vec![0; buffer_bytes]));
    let thread = Rc::new(Thread { route, shared: Arc::clone(&shared), tally, buffer });
    let mut tasks = Vec::new();
    for wanted in share.connections {
        let subscriptions = wanted.into_iter().flat_map(subscriptions).collect();
        let session = Session::new(settings.clone(), subscriptions, Arc::clone(&shared));
        tasks.push(tokio::task::spawn_local(run(session, Rc::clone(&thread), stop.clone())));
    }
    let pulls: Vec<_> = share
        .pulls
        .into_iter()
        .map(|plan| {
            tokio::task::spawn_local(pull::run(plan, thread.route.clone(), Arc::clone(&shared), stop.clone()))
        })
        .collect();
    let (mut faults, mut paces) = (Faults::default(), Vec::new());
    for task in tasks {
        for subscription in task.await.map_err(io::Error::other)? {
            faults.add(subscription.reader.checker.faults);
            paces.extend(subscription.reader.pace.steady_bytes_per_sec());
        }
    }
    for task in pulls {
        let pulled = task.await.map_err(io::Error::other)?;
        faults.add(pulled.faults);
        let mut tally = thread.tally.borrow_mut();
        tally.pull.add(&pulled.latency);
        tally.pulled.add(&pulled.slices);
        tally.by_puller.add(&pulled.by_puller);
    }
    let tally = thread.tally.replace(Tally::new(&shared.ledger));
    Ok(Received { tally, faults, paces })
}

fn subscriptions(wanted: Wanted) -> Vec<Subscription> {
    let consumer = Rc::new(Consumer::new(wanted.consumer_arn, wanted.number, wanted.stalls));
    let shards = wanted.shards.iter().map(|id| Heir::first(id));
    shards.map(|shard| Subscription::new(&consumer, shard, wanted.start)).collect()
}

/// Keeps one session connected until told to stop.
async fn run(mut session: Session, thread: Rc<Thread>, mut stop: watch::Receiver<bool>) -> Vec<Subscription> {
    let mut failures = 0;
    while !*stop.borrow() && failures < MAX_CONNECTS {
        let ended = match thread.route.connect(Protocol::H2).await {
            Ok(mut socket) => {
                session.connected();
                tokio::select! {
                    ended = serve(&mut socket, &mut session, &thread) => ended,
                    _ = stop.wait_for(|stop| *stop) => break,
                }
            }
            Err(error) => Err(error),
        };
        failures += 1;
        if let Err(error) = ended {
            thread.shared.complain(format!("push connection: {error}"));
        }
        session.disconnected(now_ns());
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
    session.subscriptions
}

/// Carries bytes between one socket and its session until the connection ends.
async fn serve(socket: &mut Socket, session: &mut Session, thread: &Thread) -> io::Result<()> {
    let mut carry = Vec::new();
    loop {
        let now = now_ns();
        session.tick(now);
        let wait_ns = session.next_due(now).map_or(IDLE_NS, |due| due.saturating_sub(now).min(IDLE_NS));
        let paused = session.paused(now);
        tokio::select! {
            // Polled in this order, so a busy connection never arms the timer.
            biased;
            step = poll_fn(|cx| exchange(cx, socket, session, thread, &mut carry, paused)) => match step? {
                Step::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
                Step::Full => tokio::task::yield_now().await,
                Step::Drained => {}
            },
            () = tokio::time::sleep(Duration::from_nanos(wait_ns)) => {}
        }
    }
}

enum Step {
    /// The socket gave all it had.
    Drained,
    /// There is more; others go first.
    Full,
    /// The server closed.
    Closed,
}

/// Writes what is pending, then reads once into the thread's buffer and lets the session at it.
fn exchange(
    cx: &mut Context<'_>,
    socket: &mut Socket,
    session: &mut Session,
    thread: &Thread,
    carry: &mut Vec<u8>,
    paused: bool,
) -> Poll<io::Result<Step>> {
    while !session.out.is_empty() {
        match Pin::new(&mut *socket).poll_write(cx, &session.out) {
            Poll::Ready(written) => drop(session.out.drain(..written?)),
            Poll::Pending => break,
        }
    }
    // TLS may hold some of it back else; it is tried again with the next bytes.
    let _ = Pin::new(&mut *socket).poll_flush(cx)?;
    if paused {
        return Poll::Pending;
    }
    let mut buffer = thread.buffer.borrow_mut();
    buffer[..carry.len()].copy_from_slice(carry);
    let mut read = ReadBuf::new(&mut buffer);
    read.advance(carry.len());
    ready!(Pin::new(socket).poll_read(cx, &mut read))?;
    if read.filled().len() == carry.len() {
        return Poll::Ready(Ok(Step::Closed));
    }
    let full = read.remaining() == 0;
    let used = session
        .received(read.filled(), now_ns(), &mut thread.tally.borrow_mut())
        .map_err(io::Error::other)?;
    carry.clear();
    carry.extend_from_slice(&read.filled()[used..]);
    Poll::Ready(Ok(if full { Step::Full } else { Step::Drained }))
}
