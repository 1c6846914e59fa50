//! One run from start to verdict: server, stream, consumers, load, drain, reckoning.

use std::error::Error;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::checker::Faults;
use crate::cli::{Backlog, Cli, Connections, Limits, Rate, WRITE_BYTES_PER_SEC};
use crate::client::{Client, Protocol};
use crate::clock::now_ns;
use crate::consumer::{self, Received, Share, Wanted};
use crate::control::{self, Stream};
use crate::disk_probe;
use crate::ledger::Ledger;
use crate::periods::Periods;
use crate::process::Machine;
use crate::producer::{self, ProducerPlan, Sent};
use crate::pull::PullPlan;
use crate::reader::Start;
use crate::report::{Outcome, Report};
use crate::reshard::{self, Reshards};
use crate::route::Route;
use crate::server_process::Server;
use crate::session::Settings;
use crate::shared::{Shared, Stall, Tally};
use crate::units::{MIB, count, f64_of, index, nanos, whole};
use crate::watch::Watch;

type Res<T> = Result<T, Box<dyn Error>>;

/// As many consumers as the service lets be CREATING at a time; more where there are no limits.
const REGISTERED_AT_ONCE: usize = 5;
const REGISTERED_AT_ONCE_UNLIMITED: usize = 100;
/// Subscriptions must all stand within this.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(60);
/// The load starts this long after its threads, so that they are ready for the first record.
const LEAD: Duration = Duration::from_millis(100);
const SAMPLE_PAUSE: Duration = Duration::from_millis(50);
/// After the last expected record, a doubled one still has this long to show.
const LINGER: Duration = Duration::from_millis(250);
/// GetRecords calls per second and shard that the service allows all readers together.
const READS_PER_SEC: u32 = 5;
/// Pause of an unlimited pull reader, so that an idle shard is not hammered.
const UNLIMITED_PULL_PAUSE: Duration = Duration::from_millis(1);

/// What a run drives.
struct Target {
    server: Option<Server>,
    route: Route,
    pid: Option<u32>,
}

/// Carries out the run that the flags describe.
pub(crate) async fn run(cli: &Cli) -> Res<Report> {
    let target = Target::of(cli)?;
    let dir = target.server.as_ref().map(Server::dir);
    let disk = dir.filter(|_| !cli.no_disk_probe).map(disk_probe::measure).transpose()?;
    let machine = Machine::here(dir);
    let client = Client::new(target.route.clone(), Protocol::H2);
    let name = cli.stream.clone().unwrap_or_else(|| format!("loadtest-{}-{}", std::process::id(), now_ns()));
    let stream = control::create_stream(&client, &name, (!cli.on_demand).then_some(cli.shards)).await?;
    let ledger = Ledger::new(std::process::id(), cli.consumers, cli.pull).with_keys(cli.partition_keys);
    let shared = Arc::new(Shared::new(ledger));
    let load = Load { cli, target: &target, stream: &stream, shared: &shared, client: &client };
    let outcome = load.carry_out().await?;
    // An endpoint of someone else's is left as it was found; an own server's data vanishes anyway.
    if target.server.is_none() {
        control::delete_stream(&client, &name).await?;
    }
    Ok(Report::new(cli, machine, disk, &shared, &outcome))
}

impl Target {
    fn of(cli: &Cli) -> Res<Self> {
        if let Some(endpoint) = &cli.endpoint {
            let bare = endpoint.trim_start_matches("http://").trim_end_matches('/');
            let address = bare.to_socket_addrs()?.next().ok_or("the endpoint's name has no address")?;
            return Ok(Self { server: None, route: Route::plain(address), pid: cli.server_pid });
        }
        let server = Server::start(cli)?;
        Ok(Self { route: server.route()?, pid: Some(server.pid()), server: Some(server) })
    }
}

struct Load<'a> {
    cli: &'a Cli,
    target: &'a Target,
    stream: &'a Stream,
    shared: &'a Arc<Shared>,
    client: &'a Client,
}

type Receivers = Vec<JoinHandle<std::io::Result<Received>>>;

impl Load<'_> {
    async fn carry_out(&self) -> Res<Outcome> {
        let arns = self.register().await?;
        let (stop, stopped) = watch::channel(false);
        let mut watching = Watch::new(self.target.pid, self.cli.duration, self.shared);
        let (sent, receivers) = if self.cli.backlog.is_some() {
            let sent = self.send(&mut watching).await?;
            watching.begin();
            (sent, self.receive(&arns, Start::TrimHorizon, stopped).await?)
        } else {
            let receivers = self.receive(&arns, Start::Latest, stopped).await?;
            (self.send(&mut watching).await?, receivers)
        };
        self.drain(&mut watching).await;
        watching.end();
        stop.send_replace(true);
        let (mut tally, mut faults, mut paces) = (Tally::new(), Faults::default(), Vec::new());
        for receiver in receivers {
            let received = join(receiver)?;
            tally.add(&received.tally);
            faults.add(received.faults);
            paces.extend(received.paces);
        }
        Ok(Outcome {
            sent,
            tally,
            faults,
            paces,
            reckoning: self.shared.ledger.reckon(),
            watched: watching.seen,
        })
    }

    /// Registers the consumers, several at a time: each takes a moment to become active.
    async fn register(&self) -> Res<Vec<String>> {
        let mut arns = Vec::new();
        let all: Vec<_> = (0..self.cli.consumers).collect();
        let is_limited = self.cli.limits == Limits::Aws;
        let at_once = if is_limited { REGISTERED_AT_ONCE } else { REGISTERED_AT_ONCE_UNLIMITED };
        for some in all.chunks(at_once) {
            let registering = some.iter().map(|at| {
                let (client, stream) = (self.client.clone(), self.stream.arn.clone());
                let name = format!("c{at:04}");
                tokio::task::spawn_local(
                    async move { control::register_consumer(&client, &stream, &name).await },
                )
            });
            for registered in registering.collect::<Vec<_>>() {
                arns.push(registered.await??);
            }
        }
        Ok(arns)
    }

    /// Starts the receiving threads and waits until every subscription stands.
    async fn receive(&self, arns: &[String], start: Start, stop: watch::Receiver<bool>) -> Res<Receivers> {
        let shards: Vec<_> = self.stream.shards.iter().map(|shard| shard.id.clone()).collect();
        let connections = connect(self.cli, arns, start, &shards);
        let pulls: Vec<_> = (0..self.cli.pull).map(|_| self.pull_plan(&shards, start)).collect();
        let expected = count(shards.len() * (arns.len() + pulls.len()));
        let threads = index(u64::from(self.cli.client_threads));
        let mut shares: Vec<_> = std::iter::repeat_with(Share::default).take(threads).collect();
        for (at, connection) in connections.into_iter().enumerate() {
            shares[at % threads].connections.push(connection);
        }
        for (at, pull) in pulls.into_iter().enumerate() {
            shares[at % threads].pulls.push(pull);
        }
        let settings = Settings {
            authority: self.target.route.address.to_string(),
            window_bytes: u32::try_from(self.cli.window)?,
            max_frame_bytes: u32::try_from(self.cli.max_frame)?,
        };
        let route = &self.target.route;
        let start = |share| {
            consumer::start(share, route.clone(), settings.clone(), Arc::clone(self.shared), stop.clone())
        };
        let receivers: Receivers = shares.into_iter().map(start).collect::<Result<_, _>>()?;
        let deadline = now_ns() + nanos(SUBSCRIBED_WITHIN);
        while self.shared.live.subscribed.value() < expected {
            if now_ns() > deadline || receivers.iter().any(JoinHandle::is_finished) {
                let (stand, why) = (self.shared.live.subscribed.value(), self.shared.complaints().join("; "));
                return Err(format!("{stand} of {expected} subscriptions stand: {why}").into());
            }
            tokio::time::sleep(SAMPLE_PAUSE).await;
        }
        Ok(receivers)
    }

    fn pull_plan(&self, shards: &[String], start: Start) -> PullPlan {
        let shared_pace = Duration::from_secs(1) / READS_PER_SEC * self.cli.pull;
        let allowed = if self.cli.limits == Limits::Aws { shared_pace } else { UNLIMITED_PULL_PAUSE };
        PullPlan {
            stream: self.stream.name.clone(),
            shards: shards.to_vec(),
            iterator_type: if start == Start::Latest { "LATEST" } else { "TRIM_HORIZON" },
            interval: self.cli.pull_interval.unwrap_or(allowed),
            protocol: self.cli.put_protocol,
        }
    }

    /// Runs the producer to its end, watching meanwhile.
    async fn send(&self, watching: &mut Watch<'_>) -> Res<Sent> {
        let start_ns = now_ns() + nanos(LEAD);
        if self.cli.stall > 0 {
            let from_ns = start_ns + nanos(self.cli.duration) / 3;
            let stall = Stall { from_ns, to_ns: from_ns + nanos(self.cli.stall_secs) };
            self.shared.stall.set(stall).map_err(|_| "the load starts once")?;
        }
        if let Some(every) = self.cli.every {
            let periods = Periods::new(start_ns, every);
            self.shared.periods.set(periods).map_err(|_| "the load starts once")?;
        }
        if self.cli.reshard.is_asked() {
            self.start_resharding(start_ns)?;
        }
        let producer = producer::start(self.plan()?, Arc::clone(self.shared), start_ns)?;
        watching.begin();
        while !producer.is_finished() {
            watching.sample();
            tokio::time::sleep(SAMPLE_PAUSE).await;
        }
        watching.sample();
        join(producer)
    }

    /// Has the number of shards changed while the load goes on. It is the shorter of the two.
    fn start_resharding(&self, start_ns: u64) -> Res<()> {
        let flags = self.cli.reshard.clone();
        let reshards = Reshards::new(flags.targets.len());
        self.shared.reshards.set(reshards).map_err(|_| "the load starts once")?;
        let (client, stream) = (self.client.clone(), self.stream.name.clone());
        let resharding = reshard::carry_out(flags, client, stream, start_ns, Arc::clone(self.shared));
        tokio::task::spawn_local(resharding);
        Ok(())
    }

    fn plan(&self) -> Res<ProducerPlan> {
        let cli = self.cli;
        let backlog_bytes = cli.backlog.map(|backlog| match backlog {
            Backlog::Bytes(bytes) => bytes,
            Backlog::Span(span) => {
                whole(span.as_secs_f64() * f64_of(WRITE_BYTES_PER_SEC * u64::from(cli.shards)))
            }
        });
        // At the write limit, with as much again for back-off; without limits it is far sooner done.
        let backlog_span =
            |bytes| Duration::from_secs(60 + 2 * bytes / (WRITE_BYTES_PER_SEC * u64::from(cli.shards)));
        Ok(ProducerPlan {
            route: self.target.route.clone(),
            stream: self.stream.clone(),
            rate: if cli.backlog.is_some() { Rate::Max } else { cli.rate },
            record_bytes: usize::try_from(cli.record_size)?,
            records_max: backlog_bytes.map(|bytes| bytes / cli.record_size),
            duration: backlog_bytes.map_or(cli.duration, backlog_span),
            drain: cli.drain,
            batch: if cli.backlog.is_some() {
                cli.batch.max(backlog_batch(cli.record_size))
            } else {
                cli.batch
            },
            in_flight: if cli.backlog.is_some() { cli.in_flight().min(4) } else { cli.in_flight() },
            ahead: cli.ahead.filter(|_| cli.backlog.is_none()),
            producers: cli.producers,
            protocol: cli.put_protocol,
            keys: cli.keys,
            on_throttle: cli.on_throttle,
            ramp: cli.ramp(),
        })
    }

    /// Waits until every acknowledged record has come to every consumer, as long as the flags allow.
    async fn drain(&self, watching: &mut Watch<'_>) {
        let backlog_secs = match self.cli.backlog {
            Some(_) => self.shared.live.acked.value() * self.cli.record_size / MIB,
            None => 0,
        };
        let deadline = now_ns() + nanos(self.cli.drain + Duration::from_secs(backlog_secs));
        while self.shared.ledger.reckon().lost > 0 && now_ns() < deadline {
            watching.sample();
            tokio::time::sleep(SAMPLE_PAUSE).await;
        }
        tokio::time::sleep(LINGER).await;
    }
}

/// A backlog is put in requests of about 512 KiB.
fn backlog_batch(record_bytes: u64) -> u32 {
    u32::try_from((MIB / 2 / record_bytes).clamp(1, 500)).unwrap_or(1)
}

fn join<T>(thread: JoinHandle<std::io::Result<T>>) -> Res<T> {
    thread.join().map_err(|_| "a load thread panicked")?.map_err(Into::into)
}

/// Which consumers share which connection. The first `--stall` of them are those that stall.
fn connect(cli: &Cli, arns: &[String], start: Start, shards: &[String]) -> Vec<Vec<Wanted>> {
    let connections = match cli.connections {
        Connections::Own => arns.len(),
        Connections::Shared(n) => index(u64::from(n)).min(arns.len()),
    };
    let mut spread = vec![Vec::new(); connections];
    for (number, arn) in (0..).zip(arns) {
        let (consumer_arn, shards) = (arn.clone(), shards.to_vec());
        let wanted = Wanted { consumer_arn, number, shards, start, stalls: number < cli.stall };
        spread[index(u64::from(number)) % connections].push(wanted);
    }
    spread
}
