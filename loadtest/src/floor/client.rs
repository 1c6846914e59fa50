//! The floor's load: the same schedule from a thread of its own, the same number of connections read by one
//! thread, the same latencies.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use super::{layout, message_bytes};
use crate::cli::{Cli, Rate};
use crate::clock::{Alarm, now_ns};
use crate::latency::Latency;
use crate::process;
use crate::report::Figures;
use crate::server_process::build_dir;
use crate::units::{count, f64_of, index, nanos, whole};

const READ_BYTES: usize = 256 << 10;
/// Records whose deliveries are counted at a time; far more than can be on their way.
const RECORDS_KEPT: usize = 1 << 20;
/// A record begins with its number and when it was due.
const STAMP_BYTES: usize = 16;

/// One run against a bare server of its own.
pub(crate) async fn run(cli: &Cli) -> io::Result<Figures> {
    let dir = tempfile::Builder::new().prefix("loadtest-floor-").tempdir_in(build_dir()?)?;
    let mut server = Server::start(dir.path())?;
    let (receiver, sender) = connect(cli, server.address).await?;
    let started_cpu = server.cpu_ns();
    let end_ns = now_ns() + nanos(cli.duration);
    let receiving = spawn("consumers", receiver, move |receiver| receive(receiver, end_ns))?;
    let plan = cli.clone();
    let sending = spawn("producer", sender, move |sender| send(sender, plan))?;
    // Waited for on threads that may block: this one's runtime has nothing else to do.
    let sent = sending.join().map_err(|_| io::Error::other("the producer panicked"))??;
    let cpu_ns = server.cpu_ns().saturating_sub(started_cpu);
    let received = receiving.join().map_err(|_| io::Error::other("the consumers panicked"))??;
    server.child.wait()?;
    let secs = cli.duration.as_secs_f64();
    Ok(Figures {
        push: received.push.summary(),
        last: received.last.summary(),
        acked_per_sec: f64_of(sent) / secs,
        pushed_per_sec: f64_of(received.in_time) / secs,
        cpu_us_per_delivery: f64_of(cpu_ns) / 1e3 / f64_of(received.push.count().max(1)),
    })
}

struct Server {
    address: SocketAddr,
    child: Child,
}

impl Server {
    /// The same program with the same flags, told to be the bare server.
    fn start(dir: &std::path::Path) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).arg("--serve-floor").arg(dir);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let port = port.trim().parse().map_err(io::Error::other)?;
        Ok(Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), child })
    }

    fn cpu_ns(&self) -> u64 {
        process::cpu_ns(self.child.id()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sockets without a runtime, to be sent to a thread.
struct Sockets {
    sockets: Vec<std::net::TcpStream>,
    record_bytes: usize,
    deliveries: u32,
}

async fn connect(cli: &Cli, address: SocketAddr) -> io::Result<(Sockets, Sockets)> {
    let (connections, streams) = layout(cli);
    let open = || async {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        io::Result::Ok(socket)
    };
    let mut publisher = open().await?;
    let mut subscribers = Vec::new();
    for _ in 0..connections {
        subscribers.push(open().await?.into_std()?);
    }
    publisher.read_u8().await?;
    let of = |sockets| Sockets {
        sockets,
        record_bytes: index(cli.record_size),
        deliveries: connections * streams,
    };
    Ok((of(subscribers), of(vec![publisher.into_std()?])))
}

fn spawn<A: Send + 'static, T: Send + 'static, F: Future<Output = io::Result<T>>>(
    name: &str,
    sockets: A,
    run: impl FnOnce(A) -> F + Send + 'static,
) -> io::Result<std::thread::JoinHandle<io::Result<T>>> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, run(sockets))
    })
}

/// What all connections have received.
struct Received {
    push: Latency,
    last: Latency,
    /// Deliveries before the schedule's end.
    in_time: u64,
    copies: Vec<u32>,
    deliveries: u32,
    end_ns: u64,
}

async fn receive(sockets: Sockets, end_ns: u64) -> io::Result<Received> {
    let received = Rc::new(RefCell::new(Received {
        push: Latency::new(),
        last: Latency::new(),
        in_time: 0,
        copies: vec![0; RECORDS_KEPT],
        deliveries: sockets.deliveries,
        end_ns,
    }));
    let buffer = Rc::new(RefCell::new(vec![0; READ_BYTES.max(2 * message_bytes(sockets.record_bytes))]));
    let mut tasks = Vec::new();
    for socket in sockets.sockets {
        let socket = TcpStream::from_std(socket)?;
        let (received, buffer) = (Rc::clone(&received), Rc::clone(&buffer));
        tasks.push(spawn_local(read(socket, message_bytes(sockets.record_bytes), received, buffer)));
    }
    for task in tasks {
        task.await.map_err(io::Error::other)??;
    }
    Rc::try_unwrap(received).map(RefCell::into_inner).map_err(|_| io::Error::other("a task lives on"))
}

/// Reads one connection to its end, through a buffer that all share so that it stays in cache.
async fn read(
    socket: TcpStream,
    message_bytes: usize,
    received: Rc<RefCell<Received>>,
    buffer: Rc<RefCell<Vec<u8>>>,
) -> io::Result<()> {
    let mut carry = Vec::new();
    loop {
        socket.readable().await?;
        let mut buffer = buffer.borrow_mut();
        buffer[..carry.len()].copy_from_slice(&carry);
        let read = match socket.try_read(&mut buffer[carry.len()..]) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let filled = carry.len() + read;
        let (now, mut received) = (now_ns(), received.borrow_mut());
        let whole = filled / message_bytes * message_bytes;
        buffer[..whole].chunks(message_bytes).for_each(|message| received.message(message, now));
        carry.clear();
        carry.extend_from_slice(&buffer[whole..filled]);
    }
}

impl Received {
    fn message(&mut self, message: &[u8], now: u64) {
        let word = |at: usize| message[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        let latency_ns = now.saturating_sub(word(8));
        self.push.record(latency_ns);
        self.in_time += u64::from(now <= self.end_ns);
        let copies = &mut self.copies[index(word(0)) % RECORDS_KEPT];
        *copies += 1;
        if *copies == self.deliveries {
            *copies = 0;
            self.last.record(latency_ns);
        }
    }
}

/// Sends on schedule; tells how many records were acknowledged.
async fn send(sockets: Sockets, cli: Cli) -> io::Result<u64> {
    let socket = sockets.sockets.into_iter().next().ok_or_else(|| io::Error::other("no publisher"))?;
    let (acks, mut puts) = TcpStream::from_std(socket)?.into_split();
    let allowed = Arc::new(Semaphore::new(cli.in_flight() as usize));
    let acked = spawn_local(count_acks(acks, Arc::clone(&allowed), cli.batch));
    let schedule = Schedule { start_ns: now_ns(), rate: cli.rate, batch: cli.batch.into() };
    let end_ns = schedule.start_ns + nanos(cli.duration);
    let alarm = Alarm::new()?;
    let mut next = 0;
    loop {
        let due_ns = schedule.due_ns(next);
        if due_ns > now_ns() && due_ns < end_ns {
            alarm.until(due_ns).await?;
        }
        allowed.acquire().await.map_err(io::Error::other)?.forget();
        if due_ns.max(now_ns()) >= end_ns {
            break;
        }
        put(&mut puts, &schedule, next, sockets.record_bytes).await?;
        next += schedule.batch;
    }
    puts.shutdown().await?;
    acked.await.map_err(io::Error::other)?
}

struct Schedule {
    start_ns: u64,
    rate: Rate,
    batch: u64,
}

impl Schedule {
    fn due_ns(&self, record: u64) -> u64 {
        match self.rate {
            Rate::Open(rate) => self.start_ns + whole(f64_of(record) * 1e9 / rate),
            Rate::Max => now_ns(),
        }
    }
}

async fn put(to: &mut OwnedWriteHalf, schedule: &Schedule, next: u64, record_bytes: usize) -> io::Result<()> {
    let mut records = vec![0x5a; record_bytes * index(schedule.batch)];
    for (record, number) in records.chunks_mut(record_bytes).zip(next..) {
        record[..8].copy_from_slice(&number.to_le_bytes());
        record[8..STAMP_BYTES].copy_from_slice(&schedule.due_ns(number).to_le_bytes());
    }
    to.write_all(&records).await
}

/// One byte comes back for each record; a whole batch of them allows the next.
async fn count_acks(mut acks: OwnedReadHalf, allowed: Arc<Semaphore>, batch: u32) -> io::Result<u64> {
    let (mut buffer, mut acked) = (vec![0; READ_BYTES], 0);
    loop {
        match acks.read(&mut buffer).await? {
            0 => return Ok(acked),
            read => {
                let batches = |acked: u64| index(acked / u64::from(batch));
                allowed.add_permits(batches(acked + count(read)) - batches(acked));
                acked += count(read);
            }
        }
    }
}
