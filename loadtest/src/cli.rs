//! The flags, and the checks that one flag cannot make alone.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::client::Protocol;
use crate::ledger::KEYS_MAX;
use crate::payload;
use crate::ramp::Ramp;
use crate::reshard::{self, ReshardFlags};
use crate::units::{MIB, f64_of, parse_size, parse_span};

/// The service's own limits.
const CONSUMERS_PER_STREAM: u32 = 20;
/// Bytes per second and shard.
pub(crate) const WRITE_BYTES_PER_SEC: u64 = MIB;
/// Records per second and shard.
pub(crate) const WRITE_RECORDS_PER_SEC: u64 = 1_000;
const MAX_RECORD_BYTES: u64 = 10 * MIB;
const MAX_BATCH: u32 = 500;

/// Drives a fanlight server over real sockets and checks every record.
///
/// Without --endpoint it starts a server of its own in a temporary directory. Latency counts from the time a
/// record was due, not from when it could be sent. Exits with 1 if a record was lost, doubled, out of order
/// or damaged.
#[derive(Parser, Clone, Debug)]
#[command(name = "loadtest", version, args_override_self = true)]
pub(crate) struct Cli {
    /// Server to drive instead of one of its own, as HOST:PORT
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) endpoint: Option<String>,
    /// Process whose CPU and memory to report, with --endpoint
    #[arg(long, requires = "endpoint")]
    pub(crate) server_pid: Option<u32>,
    /// Server binary [default: the `fanlight` beside this one, built if missing]
    #[arg(long, value_name = "PATH")]
    pub(crate) server_bin: Option<PathBuf>,
    /// Further flags for the own server, separated by spaces
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub(crate) server_args: Option<String>,
    /// Have the own server serve TLS, and go over that
    #[arg(long, conflicts_with = "endpoint")]
    pub(crate) tls: bool,
    /// Where the own server's temporary directory is made [default: the build directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_root: Option<PathBuf>,
    /// Limits of the own server, and what to expect of any
    #[arg(long, value_enum, default_value = "aws")]
    pub(crate) limits: Limits,
    /// Durability of the own server
    #[arg(long, value_enum, default_value = "sync")]
    pub(crate) durability: Durability,
    /// Name of the stream to make [default: a new one]
    #[arg(long)]
    pub(crate) stream: Option<String>,
    /// Shards
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) shards: u16,
    /// Push consumers, each subscribed to every shard
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    pub(crate) consumers: u32,
    /// Push connections: `own` for one per consumer, or how many to share
    #[arg(long, default_value = "own", value_parser = parse_connections)]
    pub(crate) connections: Connections,
    /// Pull consumers, each reading every shard with GetRecords
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) pull: u32,
    /// Pause between two reads of a shard by one pull consumer [default: what the limits allow]
    #[arg(long, value_parser = parse_span)]
    pub(crate) pull_interval: Option<Duration>,
    /// Records per second over all shards, or `max` for as fast as --in-flight allows
    #[arg(long, default_value = "500", value_parser = parse_rate)]
    pub(crate) rate: Rate,
    /// Offered load as a multiple of the write limit; throttled records are dropped
    #[arg(long, value_name = "X", conflicts_with = "rate")]
    pub(crate) producer_multiple: Option<f64>,
    /// Rates in MiB/s, one after the other; throttled records are dropped and reported by step
    #[arg(long, value_name = "MIBPS", value_delimiter = ',')]
    #[arg(conflicts_with_all = ["rate", "producer_multiple", "backlog", "floor", "duration"])]
    pub(crate) ramp: Vec<f64>,
    /// How long each of them lasts
    #[arg(long, default_value = "120s", value_parser = parse_span)]
    pub(crate) ramp_secs: Duration,
    #[command(flatten)]
    pub(crate) reshard: ReshardFlags,
    /// Make the stream on demand: the server decides the number of shards
    #[arg(long, conflicts_with_all = ["shards", "producer_multiple", "backlog", "floor"])]
    pub(crate) on_demand: bool,
    /// Size of a record's data
    #[arg(long, default_value = "1KiB", value_parser = parse_size)]
    pub(crate) record_size: u64,
    /// How long to send
    #[arg(long, default_value = "10s", value_parser = parse_span)]
    pub(crate) duration: Duration,
    /// Records per request: 1 is PutRecord, more is PutRecords
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BATCH)))]
    pub(crate) batch: u32,
    /// Requests in flight at most [default: 4096, or 32 with --rate max]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) in_flight: Option<u32>,
    /// Records the producer may be ahead of the average push consumer, with --rate max [default: any number]
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ahead: Option<u32>,
    /// Protocol of puts and pulls
    #[arg(long, value_enum, default_value = "h2")]
    pub(crate) put_protocol: Protocol,
    /// Connections (HTTP/2) the puts are spread over
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) producers: u32,
    /// How records find their shard
    #[arg(long, value_enum, default_value = "hashed")]
    pub(crate) keys: Keys,
    /// Different partition keys, in turn [default: one for each record; 1000 with --reshard]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(KEYS_MAX)))]
    pub(crate) partition_keys: Option<u32>,
    /// What to do with a throttled record
    #[arg(long, value_enum, default_value = "retry")]
    pub(crate) on_throttle: OnThrottle,
    /// Threads that receive
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) client_threads: u32,
    /// HTTP/2 window of each subscription
    #[arg(long, default_value = "1MiB", value_parser = parse_size)]
    pub(crate) window: u64,
    /// Largest HTTP/2 frame the push side accepts
    #[arg(long, default_value = "16KiB", value_parser = parse_size)]
    pub(crate) max_frame: u64,
    /// This many consumers stop reading in the middle
    #[arg(long, default_value_t = 0)]
    pub(crate) stall: u32,
    /// For how long
    #[arg(long, default_value = "5s", value_parser = parse_span)]
    pub(crate) stall_secs: Duration,
    /// Report latency and memory of each such period, too
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub(crate) every: Option<Duration>,
    /// First put a backlog (a size, or a span at the write limit), then let the consumers catch up with it
    #[arg(long, value_name = "SPAN|SIZE", value_parser = parse_backlog)]
    pub(crate) backlog: Option<Backlog>,
    /// How long to wait for the last records
    #[arg(long, default_value = "30s", value_parser = parse_span)]
    pub(crate) drain: Duration,
    /// Run in turns with the floor, the same fan-out without Kinesis, so many times; print medians
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..=100))]
    #[arg(conflicts_with_all = ["endpoint", "backlog", "stall", "producer_multiple", "json", "hgrm"])]
    pub(crate) floor: Option<u32>,
    /// Be the floor's server, with its file in this directory
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) serve_floor: Option<PathBuf>,
    /// Skip the measurement of the disk's bare sync latency
    #[arg(long)]
    pub(crate) no_disk_probe: bool,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the put-to-push distribution for HdrHistogram's plotters
    #[arg(long, value_name = "FILE")]
    pub(crate) hgrm: Option<PathBuf>,
}

/// Whose limits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Limits {
    /// The service's.
    Aws,
    /// None.
    Off,
}

/// When the own server acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// After the disk has it.
    Sync,
    /// After the kernel has it; synced at intervals.
    Interval,
    /// Never synced.
    None,
}

/// How records find their shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    /// By the hash of a partition key, as most producers do.
    Hashed,
    /// By an explicit hash key, evenly in turn.
    Explicit,
}

/// What to do with a throttled record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnThrottle {
    /// Try again after a pause.
    Retry,
    /// Give it up.
    Drop,
}

/// How subscriptions are spread over connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connections {
    /// One per consumer.
    Own,
    /// This many, shared.
    Shared(u32),
}

/// The offered load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rate {
    /// Records per second, sent when due.
    Open(f64),
    /// The next as soon as one is answered.
    Max,
}

/// How much to put before anyone reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// Of records' data.
    Bytes(u64),
    /// At the write limit of all shards.
    Span(Duration),
}

impl Cli {
    /// Refuses combinations that cannot work, and settles what depends on others.
    pub(crate) fn checked(mut self) -> Result<Self, String> {
        if !(payload::MIN_BYTES as u64..=MAX_RECORD_BYTES).contains(&self.record_size) {
            return Err(format!(
                "--record-size must lie between {} and {MAX_RECORD_BYTES} bytes",
                payload::MIN_BYTES
            ));
        }
        if u64::from(self.batch) * self.record_size > MAX_RECORD_BYTES {
            return Err("--batch times --record-size exceeds the 10 MiB of one request".into());
        }
        if self.limits == Limits::Aws && self.consumers > CONSUMERS_PER_STREAM {
            return Err(format!(
                "a stream has at most {CONSUMERS_PER_STREAM} consumers; add --limits off for more"
            ));
        }
        if self.stall > self.consumers {
            return Err("--stall asks for more consumers than there are".into());
        }
        if !(65_535..=1 << 30).contains(&self.window) || !(16_384..=4 * MIB).contains(&self.max_frame) {
            return Err(
                "--window must lie between 64 KiB and 1 GiB, --max-frame between 16 KiB and 4 MiB".into()
            );
        }
        if (self.on_demand || self.reshard.is_asked()) && self.keys == Keys::Explicit {
            return Err("--keys explicit names the first shards only: leave it out where they change".into());
        }
        self.reshard.check(self.shards, self.limits)?;
        if self.reshard.is_asked() {
            self.duration = self.reshard.duration();
            self.partition_keys.get_or_insert(reshard::KEYS);
        }
        if self.ramp.iter().any(|rate| !(0.001..=10_000.0).contains(rate)) || self.ramp_secs.is_zero() {
            return Err("--ramp takes rates from 0.001 to 10000 MiB/s, --ramp-secs a span above zero".into());
        }
        if let Some(ramp) = self.ramp() {
            self.duration = ramp.duration();
            self.rate = Rate::Open(f64_of(ramp.records()) / self.duration.as_secs_f64());
            self.on_throttle = OnThrottle::Drop;
        }
        if let Some(multiple) = self.producer_multiple {
            let per_shard =
                f64_of(WRITE_RECORDS_PER_SEC).min(f64_of(WRITE_BYTES_PER_SEC) / f64_of(self.record_size));
            self.rate = Rate::Open(multiple * per_shard * f64::from(self.shards));
            (self.on_throttle, self.keys) = (OnThrottle::Drop, Keys::Explicit);
        }
        Ok(self)
    }

    /// The steps of the load, if it has any.
    pub(crate) fn ramp(&self) -> Option<Ramp> {
        (!self.ramp.is_empty()).then(|| Ramp::new(&self.ramp, self.ramp_secs, self.record_size))
    }

    /// Requests in flight at most.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.unwrap_or(if self.rate == Rate::Max || self.backlog.is_some() { 32 } else { 4096 })
    }
}

fn parse_connections(text: &str) -> Result<Connections, String> {
    match (text, text.parse()) {
        ("own", _) => Ok(Connections::Own),
        (_, Ok(n @ 1..=20_000)) => Ok(Connections::Shared(n)),
        _ => Err("`own`, or a number from 1 to 20000".into()),
    }
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Rate::Max),
        (_, Ok(rate)) if (0.001..=1e7).contains(&rate) => Ok(Rate::Open(rate)),
        _ => Err("`max`, or records per second up to 10 million".into()),
    }
}

fn parse_backlog(text: &str) -> Result<Backlog, String> {
    parse_span(text).map(Backlog::Span).or_else(|_| parse_size(text).map(Backlog::Bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(flags: &[&str]) -> Result<Cli, String> {
        Cli::try_parse_from([&["loadtest"], flags].concat()).map_err(|e| e.to_string())?.checked()
    }

    #[test]
    fn no_flags_is_a_whole_run() {
        let cli = cli(&[]).unwrap();
        assert_eq!((cli.shards, cli.consumers, cli.rate, cli.record_size), (1, 20, Rate::Open(500.0), 1024));
    }

    #[test]
    fn a_multiple_sets_the_rate_from_the_tighter_limit() {
        let cli = cli(&["--producer-multiple", "3", "--shards", "2", "--record-size", "2KiB"]).unwrap();
        assert_eq!((cli.rate, cli.on_throttle), (Rate::Open(3072.0), OnThrottle::Drop));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for flags in [["--consumers", "21"], ["--record-size", "10"], ["--stall", "21"], ["--window", "1KiB"]]
        {
            assert!(cli(&flags).is_err(), "{flags:?}");
        }
        assert!(cli(&["--consumers", "1000", "--limits", "off"]).is_ok());
        for changing in ["--on-demand", "--reshard=2"] {
            assert!(cli(&[changing, "--keys", "explicit"]).is_err(), "the keys would not follow");
        }
        assert!(cli(&["--reshard", "2", "--duration", "9"]).is_err());
        assert!(cli(&["--ramp", "1,0"]).is_err());
    }

    #[test]
    fn resharding_sets_duration_and_keys() {
        let cli = cli(&["--shards", "8", "--reshard", "16,9,5,3", "--reshard-every", "2s"]).unwrap();
        assert_eq!((cli.duration, cli.partition_keys), (Duration::from_secs(10), Some(1000)));
    }

    #[test]
    fn a_ramp_sets_rate_and_duration_and_drops_what_is_throttled() {
        let cli = cli(&["--on-demand", "--consumers", "0", "--ramp", "1,3", "--ramp-secs", "5"]).unwrap();
        assert_eq!((cli.rate, cli.duration), (Rate::Open(2048.0), Duration::from_secs(10)));
        assert_eq!(cli.on_throttle, OnThrottle::Drop);
    }
}
