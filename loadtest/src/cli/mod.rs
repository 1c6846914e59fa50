//! The flags.

mod check;
mod output;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{CommandFactory, Parser};

use crate::client::Protocol;
use crate::ledger::KEYS_MAX;
use crate::ramp::Ramp;
use crate::reshard::ReshardFlags;
use crate::scenario::Scenario;
use crate::units::{MIB, parse_size, parse_span};

pub(crate) use output::OutputFlags;
pub(crate) use values::{Backlog, Connections, Durability, Keys, Limits, OnThrottle, Rate};
use values::{parse_backlog, parse_connections, parse_rate};

/// Bytes per second and shard.
pub(crate) const WRITE_BYTES_PER_SEC: u64 = MIB;
/// Records per second and shard.
pub(crate) const WRITE_RECORDS_PER_SEC: u64 = 1_000;
const MAX_BATCH: u32 = 500;

/// Drives a fanlight server over real sockets and checks every record.
///
/// Without --endpoint it starts a server of its own in a temporary directory. Latency counts from the time a
/// record was due, not from when it could be sent. Exits with 1 if a record was lost, doubled, out of order
/// or damaged.
#[derive(Parser, Clone, Debug)]
#[command(name = "loadtest", version, args_override_self = true)]
pub(crate) struct Cli {
    /// A set of flags with bars and a verdict; other flags override its own. See --list-scenarios
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) scenario: Option<Scenario>,
    /// Say what each scenario runs, asks and holds its figures against
    #[arg(long)]
    pub(crate) list_scenarios: bool,
    /// Fail, too, if the 99th percentile of put to push is above this [default: the scenario's bar]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub(crate) p99_max: Option<Duration>,
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
    /// What to do with a throttled record [default: retry; drop with --ramp and --producer-multiple]
    #[arg(long, value_enum)]
    pub(crate) on_throttle: Option<OnThrottle>,
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
    /// With --backlog: meanwhile go on putting, at --rate for --duration
    #[arg(long, requires = "backlog")]
    pub(crate) live: bool,
    /// How long to wait for the last records
    #[arg(long, default_value = "30s", value_parser = parse_span)]
    pub(crate) drain: Duration,
    /// Run in turns with the floor, the same fan-out without Kinesis, so many times; print medians
    #[arg(long, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..=100))]
    #[arg(conflicts_with_all = ["endpoint", "backlog", "stall", "producer_multiple", "json", "hgrm", "report"])]
    pub(crate) floor: Option<u32>,
    /// Be the floor's server, with its file in this directory
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) serve_floor: Option<PathBuf>,
    /// Skip the measurement of the disk's bare sync latency
    #[arg(long)]
    pub(crate) no_disk_probe: bool,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl Cli {
    /// Reads the flags; those of a scenario stand for what is not told otherwise.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.into_iter().collect();
        let told = Self::command().try_get_matches_from(&args)?;
        if let Some(scenario) = told.get_one::<Scenario>("scenario") {
            let is_told = |flag: &str| {
                let id = flag.trim_start_matches('-').replace('-', "_");
                told.value_source(&id) == Some(ValueSource::CommandLine)
            };
            let own = scenario.flags().iter().filter(|(flag, _)| !is_told(flag));
            let own = own.map(|(flag, value)| match *value {
                "" => OsString::from(flag),
                value => OsString::from(format!("{flag}={value}")),
            });
            args.splice(1..1, own);
        }
        Self::try_parse_from(args)
    }

    /// Whether throttled records are given up.
    pub(crate) fn drops(&self) -> bool {
        self.on_throttle == Some(OnThrottle::Drop)
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
