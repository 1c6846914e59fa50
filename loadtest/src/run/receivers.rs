//! The consumers of a run: registered, spread over connections and threads, subscribed.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::{Load, Res, SAMPLE_PAUSE};
use crate::cli::{Cli, Connections, Limits};
use crate::clock::now_ns;
use crate::consumer::{self, Received, Share, Wanted};
use crate::control;
use crate::progress;
use crate::pull::PullPlan;
use crate::reader::Start;
use crate::report::consumer_name;
use crate::session::Settings;
use crate::units::{count, index, nanos};

/// As many consumers as the service lets be CREATING at a time; more where there are no limits.
const REGISTERED_AT_ONCE: usize = 5;
const REGISTERED_AT_ONCE_UNLIMITED: usize = 100;
/// Subscriptions must all stand within this.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(60);
/// GetRecords calls per second and shard that the service allows all readers together.
const READS_PER_SEC: u32 = 5;
/// Pause of an unlimited pull reader, so that an idle shard is not hammered.
const UNLIMITED_PULL_PAUSE: Duration = Duration::from_millis(1);

/// The threads that receive.
pub(super) type Receivers = Vec<JoinHandle<std::io::Result<Received>>>;

impl Load<'_> {
    /// Registers the consumers, several at a time: each takes a moment to become active.
    pub(super) async fn register(&self) -> Res<Vec<String>> {
        let mut arns = Vec::new();
        let all: Vec<_> = (0..self.cli.consumers).collect();
        let is_limited = self.cli.limits == Limits::Aws;
        let at_once = if is_limited { REGISTERED_AT_ONCE } else { REGISTERED_AT_ONCE_UNLIMITED };
        let bar = progress::counting("registering", count(all.len()));
        for some in all.chunks(at_once) {
            let registering = some.iter().map(|at| {
                let (client, stream) = (self.client.clone(), self.stream.arn.clone());
                let name = consumer_name(*at);
                tokio::task::spawn_local(
                    async move { control::register_consumer(&client, &stream, &name).await },
                )
            });
            for registered in registering.collect::<Vec<_>>() {
                arns.push(registered.await??);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(arns)
    }

    /// Starts the receiving threads and waits until every subscription stands.
    pub(super) async fn receive(
        &self,
        arns: &[String],
        start: Start,
        stop: watch::Receiver<bool>,
    ) -> Res<Receivers> {
        let shards: Vec<_> = self.stream.shards.iter().map(|shard| shard.id.clone()).collect();
        let connections = connect(self.cli, arns, start, &shards);
        let pulls: Vec<_> = (0..self.cli.pull).map(|number| self.pull_plan(number, &shards, start)).collect();
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
        let bar = progress::counting("subscribing", expected);
        let deadline = now_ns() + nanos(SUBSCRIBED_WITHIN);
        while self.shared.live.subscribed.value() < expected {
            if now_ns() > deadline || receivers.iter().any(JoinHandle::is_finished) {
                let (stand, why) = (self.shared.live.subscribed.value(), self.shared.complaints().join("; "));
                return Err(
                    format!("{stand} of {expected} subscriptions stand; the server says: {why}").into()
                );
            }
            bar.set_position(self.shared.live.subscribed.value());
            tokio::time::sleep(SAMPLE_PAUSE).await;
        }
        bar.finish_and_clear();
        Ok(receivers)
    }

    fn pull_plan(&self, number: u32, shards: &[String], start: Start) -> PullPlan {
        let shared_pace = Duration::from_secs(1) / READS_PER_SEC * self.cli.pull;
        let allowed = if self.cli.limits == Limits::Aws { shared_pace } else { UNLIMITED_PULL_PAUSE };
        PullPlan {
            number,
            stream: self.stream.name.clone(),
            shards: shards.to_vec(),
            iterator_type: if start == Start::Latest { "LATEST" } else { "TRIM_HORIZON" },
            interval: self.cli.pull_interval.unwrap_or(allowed),
            protocol: self.cli.put_protocol,
        }
    }
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
