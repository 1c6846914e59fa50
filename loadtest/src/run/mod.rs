//! One run from start to verdict: server, stream, consumers, load, drain, reckoning.

mod plan;
mod receivers;

use std::error::Error;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::checker::Faults;
use crate::cli::Cli;
use crate::client::{Client, Protocol};
use crate::clock::now_ns;
use crate::control::{self, Stream};
use crate::disk_probe;
use crate::ledger::Ledger;
use crate::process::Machine;
use crate::producer::{self, ProducerPlan, Sent};
use crate::reader::Start;
use crate::report::{Origin, Outcome, Ran, Report};
use crate::route::Route;
use crate::server_process::Server;
use crate::shared::{Shared, Tally};
use crate::units::{MIB, nanos};
use crate::watch::Watch;

type Res<T> = Result<T, Box<dyn Error>>;

/// The load starts this long after its threads, so that they are ready for the first record.
const LEAD: Duration = Duration::from_millis(100);
const SAMPLE_PAUSE: Duration = Duration::from_millis(50);
/// After the last expected record, a doubled one still has this long to show.
const LINGER: Duration = Duration::from_millis(250);
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
    let (machine, origin) = (Machine::here(dir), Origin::here(target.server.as_ref()));
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
    let ran = Ran { machine, disk, origin, stream: name };
    Ok(Report::new(cli, ran, &shared, &outcome))
}

impl Target {
    fn of(cli: &Cli) -> Res<Self> {
        if let Some(endpoint) = &cli.endpoint {
            let bare = endpoint.trim_start_matches("http://").trim_end_matches('/');
            let address =
                bare.to_socket_addrs()?.next().ok_or("the endpoint's name has no address: give HOST:PORT")?;
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

impl Load<'_> {
    async fn carry_out(&self) -> Res<Outcome> {
        let arns = self.register().await?;
        let (stop, stopped) = watch::channel(false);
        let mut watching = Watch::new(self.target.pid, self.cli.duration, self.shared);
        let (sent, receivers) = if self.cli.backlog.is_some() {
            let backlog = self.put_backlog(&mut watching).await?;
            if self.cli.live {
                let receivers = self.receive(&arns, Start::TrimHorizon, stopped).await?;
                (self.put_load(&mut watching).await?.after(&backlog), receivers)
            } else {
                self.set_times(now_ns())?;
                watching.begin("catching up", self.cli.drain);
                (backlog, self.receive(&arns, Start::TrimHorizon, stopped).await?)
            }
        } else {
            let receivers = self.receive(&arns, Start::Latest, stopped).await?;
            (self.put_load(&mut watching).await?, receivers)
        };
        self.drain(&mut watching).await;
        watching.end();
        stop.send_replace(true);
        let (mut tally, mut faults, mut paces) =
            (Tally::new(&self.shared.ledger), Faults::default(), Vec::new());
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

    /// Puts the backlog, before anyone reads.
    async fn put_backlog(&self, watching: &mut Watch<'_>) -> Res<Sent> {
        let sent = self.send("backlog", self.plan(true)?, now_ns() + nanos(LEAD), watching).await?;
        self.shared.backlog.set(self.shared.ledger.sent()).map_err(|_| "there is one backlog")?;
        Ok(sent)
    }

    /// Puts the load itself.
    async fn put_load(&self, watching: &mut Watch<'_>) -> Res<Sent> {
        let start_ns = now_ns() + nanos(LEAD);
        self.set_times(start_ns)?;
        self.send("load", self.plan(false)?, start_ns, watching).await
    }

    /// Runs a producer to its end, watching meanwhile.
    async fn send(
        &self,
        what: &'static str,
        plan: ProducerPlan,
        start_ns: u64,
        watching: &mut Watch<'_>,
    ) -> Res<Sent> {
        let span = plan.duration;
        let producer = producer::start(plan, Arc::clone(self.shared), start_ns)?;
        watching.begin(what, span);
        while !producer.is_finished() {
            watching.sample();
            tokio::time::sleep(SAMPLE_PAUSE).await;
        }
        watching.sample();
        join(producer)
    }

    /// Waits until every acknowledged record has come to every consumer, as long as the flags allow.
    async fn drain(&self, watching: &mut Watch<'_>) {
        let backlog_secs = match self.cli.backlog {
            Some(_) => self.shared.live.acked.value() * self.cli.record_size / MIB,
            None => 0,
        };
        let at_most = self.cli.drain + Duration::from_secs(backlog_secs);
        watching.drain(at_most);
        let deadline = now_ns() + nanos(at_most);
        while self.shared.ledger.reckon().lost > 0 && now_ns() < deadline {
            watching.sample();
            tokio::time::sleep(SAMPLE_PAUSE).await;
        }
        tokio::time::sleep(LINGER).await;
    }
}

fn join<T>(thread: JoinHandle<std::io::Result<T>>) -> Res<T> {
    thread.join().map_err(|_| "a load thread panicked")?.map_err(Into::into)
}
