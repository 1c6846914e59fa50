//! What a user can set: flags, each also as `FANLIGHT_*`. All problems are told together, before a port is
//! bound or a file made.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::client::{PutArgs, StreamsArgs, TailArgs, TopArgs};
use crate::console::Access;
use crate::limits;
use crate::platform::Backend;
use crate::scaling::{self, Rate};
use crate::storage::Durability;
use crate::throttle::Quotas;
use crate::types::is_account;

/// Whether spans can be exported: the feature `otel`.
const HAS_OTEL: bool = cfg!(feature = "otel");

/// A durable, self-hosted Kinesis Data Streams server built around enhanced fan-out.
#[derive(Debug, Parser)]
#[command(name = "fanlight", version)]
pub struct Cli {
    /// What to do; without it the server starts with its defaults.
    #[command(subcommand)]
    pub command: Option<Verb>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the server.
    Serve(Box<Config>),
    /// Verify a data directory that no server uses; changes nothing.
    ///
    /// Reads every file: checksums and chains of journal and segments, indexes and footers, the catalog's
    /// commands, gaps, files nobody owns. Exits with 0 if all is sound, 1 if something is damaged (each place
    /// is told with file, position, what is wrong and what follows from it), 2 if it could not look.
    Check(CheckArgs),
    /// Show what a data directory holds while no server uses it; changes nothing.
    ///
    /// Streams, consumers and shards, then segments, batches and records, a line each. Exits with 0, or with
    /// 2 if it could not look.
    Dump(DumpArgs),
    /// List a server's streams, show one, create or delete one.
    Streams(StreamsArgs),
    /// Put records into a stream.
    Put(PutArgs),
    /// Show a stream's records, and follow what comes.
    Tail(TailArgs),
    /// Watch a server: streams, consumers, latencies, throttles.
    Top(TopArgs),
    /// Print the completions of a shell, for `fanlight` and its verbs.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each verb.
    Man(ManArgs),
}

/// What `fanlight completions` is told.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// What `fanlight man` is told.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write fanlight.1 and a page for each verb into this directory, which is made where it is missing.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// What `fanlight check` is told.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The data directory.
    pub dir: PathBuf,
}

/// What `fanlight dump` is told.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// The data directory.
    pub dir: PathBuf,
    /// Only this stream or shard: STREAM, STREAM/SHARD-ID or `catalog`.
    #[arg(long, value_name = "NAME")]
    pub shard: Option<String>,
    /// Leave out records before this offset.
    #[arg(long, value_name = "OFFSET", default_value_t = 0)]
    pub from: u64,
    /// Show so many records of each shard at most.
    #[arg(long, value_name = "RECORDS")]
    pub limit: Option<u64>,
    /// One JSON object per line, payloads in base64.
    #[arg(long)]
    pub json: bool,
}

/// Which quotas are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Limits {
    /// The service's own throttles and quotas.
    Aws,
    /// None.
    Off,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// How the shards of streams on demand follow their traffic.
#[derive(Clone, Debug, Args)]
pub struct OnDemand {
    /// Whether streams on demand are split and merged by their traffic; never where limits are off.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_SCALING", value_enum, default_value = "on")]
    pub on_demand_scaling: Switch,
    /// Percent of its limit above which a shard is split; at 50 a stream takes twice what comes.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_SPLIT_PERCENT", default_value_t = limits::ON_DEMAND_SPLIT_PERCENT)]
    pub on_demand_split_percent: u32,
    /// Seconds it has to be above it.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_SPLIT_SECS", default_value_t = limits::ON_DEMAND_SPLIT_SECS)]
    pub on_demand_split_secs: u32,
    /// Seconds in which a stream at most doubles its shards.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_DOUBLE_SECS", default_value_t = limits::ON_DEMAND_DOUBLE_SECS)]
    pub on_demand_double_secs: u32,
    /// Percent of one shard's limit below which two neighbours together have to stay to be merged.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_MERGE_PERCENT", default_value_t = limits::ON_DEMAND_MERGE_PERCENT)]
    pub on_demand_merge_percent: u32,
    /// Hours they have to stay below it.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_MERGE_HOURS", default_value_t = limits::ON_DEMAND_MERGE_HOURS)]
    pub on_demand_merge_hours: u32,
    /// Shards a stream on demand grows to at most.
    #[arg(long, env = "FANLIGHT_ON_DEMAND_SHARDS_MAX", default_value_t = limits::SHARDS_BY_SCALING_MAX)]
    pub on_demand_shards_max: u32,
}

impl OnDemand {
    fn problems(&self) -> [(bool, String); 3] {
        let (split, merge) = (self.on_demand_split_percent, self.on_demand_merge_percent);
        [
            ((1..=100).contains(&split), format!("--on-demand-split-percent {split} is not 1 to 100")),
            (
                merge < split,
                format!("--on-demand-merge-percent {merge} is not below --on-demand-split-percent {split}"),
            ),
            (
                (1..=8760).contains(&self.on_demand_merge_hours),
                format!("--on-demand-merge-hours {} is not 1 to 8760", self.on_demand_merge_hours),
            ),
        ]
    }
}

/// What the console on the admin address may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsoleMode {
    /// `on` where the admin address is a loopback one, else `read-only`.
    Auto,
    /// Everything: also show records' contents and put records.
    On,
    /// Names and figures only.
    ReadOnly,
    /// There is none.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The server's settings.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Address of the Kinesis endpoint.
    #[arg(long, env = "FANLIGHT_LISTEN", default_value = "127.0.0.1:4567")]
    pub listen: SocketAddr,
    /// Address of the console, /metrics, /healthz and /readyz.
    #[arg(long, env = "FANLIGHT_ADMIN_LISTEN", default_value = "127.0.0.1:4568")]
    pub admin_listen: SocketAddr,
    /// What the page on the admin address may do: on (also show records and put them), read-only (names and
    /// figures), off; auto is on where the admin address is a loopback one, else read-only.
    #[arg(long, env = "FANLIGHT_CONSOLE", value_enum, default_value = "auto")]
    pub console: ConsoleMode,
    /// Name by which browsers may reach the page, beside localhost and IP addresses; repeatable, or separated
    /// by commas.
    #[arg(long, env = "FANLIGHT_CONSOLE_HOST", value_name = "NAME", value_delimiter = ',')]
    pub console_host: Vec<String>,
    /// Where everything is kept.
    #[arg(long, env = "FANLIGHT_DATA_DIR", default_value = "./fanlight-data")]
    pub data_dir: PathBuf,
    /// Whether the service's throttles and quotas are enforced.
    #[arg(long, env = "FANLIGHT_LIMITS", value_enum, default_value = "aws")]
    pub limits: Limits,
    /// Multiplies every quota of `--limits aws`.
    #[arg(long, env = "FANLIGHT_LIMITS_FACTOR", default_value_t = 1.0)]
    pub limits_factor: f64,
    /// When a put is acknowledged: durable, or earlier at the price of what a power cut takes.
    #[arg(long, env = "FANLIGHT_DURABILITY", value_enum, default_value = "sync")]
    pub durability: Durability,
    /// Region in ARNs.
    #[arg(long, env = "FANLIGHT_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Account in ARNs, twelve digits.
    #[arg(long, env = "FANLIGHT_ACCOUNT", default_value = "000000000000")]
    pub account: String,
    /// Account of requests signed with an access key, KEY=ACCOUNT; repeatable, or separated by commas. An
    /// access key of twelve digits is its own account, any other the server's.
    #[arg(
        long = "access-key",
        env = "FANLIGHT_ACCESS_KEY",
        value_name = "KEY=ACCOUNT",
        value_delimiter = ','
    )]
    #[arg(value_parser = access_key)]
    pub access_keys: Vec<(String, String)>,
    /// Certificate chain, PEM: serves TLS on the listen address.
    #[arg(long, env = "FANLIGHT_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    #[arg(long, env = "FANLIGHT_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve TLS with a certificate made for localhost, kept in the data directory.
    #[arg(long, env = "FANLIGHT_TLS_SELF_SIGNED", conflicts_with = "tls_cert")]
    pub tls_self_signed: bool,
    /// Where TLS is served, take plain connections on the same port too.
    #[arg(long, env = "FANLIGHT_PLAIN_TOO")]
    pub plain_too: bool,
    /// Bytes of recent records kept in memory.
    #[arg(long, env = "FANLIGHT_TAIL_BYTES", default_value_t = limits::TAIL_BYTES_DEFAULT)]
    pub tail_bytes: usize,
    /// Bytes per second of sealed segments verified in the background; 0: none.
    #[arg(long, env = "FANLIGHT_SCRUB_BYTES_PER_SEC", default_value_t = limits::SCRUB_BYTES_PER_SEC_DEFAULT)]
    pub scrub_bytes_per_sec: u64,
    /// Bytes of journal and segments at which puts are refused as retriable; nothing is deleted to make room.
    #[arg(long, env = "FANLIGHT_DATA_MAX_BYTES")]
    pub data_max_bytes: Option<u64>,
    /// How the disk is driven: auto, uring or threads.
    #[arg(long, env = "FANLIGHT_IO", default_value = "auto")]
    pub io: Backend,
    /// Milliseconds that CREATING, UPDATING and DELETING last.
    #[arg(long, env = "FANLIGHT_TRANSITION_MILLIS", default_value_t = 100)]
    pub transition_millis: u64,
    /// Seconds a SubscribeToShard stream lasts; clients expect 300.
    #[arg(long, env = "FANLIGHT_SUBSCRIPTION_SECS", default_value_t = limits::SUBSCRIPTION_SECS)]
    pub subscription_secs: u64,
    /// How the shards of streams on demand follow their traffic.
    #[command(flatten)]
    pub on_demand: OnDemand,
    /// What it tells about itself.
    #[command(flatten)]
    pub tells: Tells,
}

/// What the server tells about itself besides its metrics.
#[derive(Clone, Debug, Args)]
pub struct Tells {
    /// Which log lines: a level, or such as info,fanlight::storage=debug; else what RUST_LOG says, else info.
    #[arg(long, env = "FANLIGHT_LOG_LEVEL", value_name = "FILTER")]
    pub log_level: Option<String>,
    /// How log lines look.
    #[arg(long, env = "FANLIGHT_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Send spans of requests and commits to this OpenTelemetry collector, by OTLP over HTTP:
    /// http://127.0.0.1:4318. Where OTEL_EXPORTER_OTLP_ENDPOINT is set, they go there without the flag.
    #[arg(long, env = "FANLIGHT_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Share of requests and commits of which spans are sent, 0 to 1; a client that sends a `traceparent`
    /// decides itself.
    #[arg(long, env = "FANLIGHT_OTLP_SAMPLE", value_name = "SHARE", default_value_t = 1.0)]
    pub otlp_sample: f64,
}

impl Tells {
    /// Whether spans are sent at all.
    pub fn sends_spans(&self) -> bool {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let standard = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        HAS_OTEL && (self.otlp_endpoint.is_some() || standard.into_iter().any(is_set))
    }

    fn problems(&self) -> [(bool, String); 4] {
        let level = self.log_level.as_deref().map(EnvFilter::try_new).and_then(Result::err);
        let endpoint = self.otlp_endpoint.as_deref().unwrap_or("http://");
        let is_url = ["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme));
        [
            (
                level.is_none(),
                format!(
                    "--log-level {:?} is no filter: {}",
                    self.log_level.as_deref().unwrap_or_default(),
                    level.map(|error| error.to_string()).unwrap_or_default()
                ),
            ),
            (is_url, format!("--otlp-endpoint {endpoint:?} is no URL, as in http://127.0.0.1:4318")),
            (
                HAS_OTEL || self.otlp_endpoint.is_none(),
                "--otlp-endpoint needs a binary with OpenTelemetry: `cargo build --release --features otel`"
                    .to_owned(),
            ),
            (
                (0.0..=1.0).contains(&self.otlp_sample),
                format!("--otlp-sample {} is not 0 to 1", self.otlp_sample),
            ),
        ]
    }
}

impl Config {
    /// What the environment and the defaults make, without flags.
    pub fn without_flags() -> Self {
        match Cli::parse_from(["fanlight", "serve"]).command {
            Some(Verb::Serve(config)) => *config,
            _ => unreachable!("the words given name the command"),
        }
    }

    /// Everything that is wrong with it; empty if nothing is.
    pub fn problems(&self) -> Vec<String> {
        let twelve_digits = is_account(&self.account);
        let region_word = !self.region.is_empty()
            && self
                .region
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        [
            (twelve_digits, format!("--account {:?} is not twelve digits", self.account)),
            (region_word, format!("--region {:?} is not a region's name", self.region)),
            (
                self.limits_factor.is_finite() && self.limits_factor > 0.0,
                format!("--limits-factor {} is not above zero", self.limits_factor),
            ),
            (self.subscription_secs > 0, "--subscription-secs must be above zero".to_owned()),
            (
                self.transition_millis <= 10_000,
                format!(
                    "--transition-millis {} is more than clients wait for (10000)",
                    self.transition_millis
                ),
            ),
            (
                self.listen != self.admin_listen || self.listen.port() == 0,
                format!("--listen and --admin-listen are both {}", self.listen),
            ),
            (
                !self.plain_too || self.serves_tls(),
                "--plain-too needs --tls-cert or --tls-self-signed".to_owned(),
            ),
        ]
        .into_iter()
        .chain(self.on_demand.problems())
        .chain(self.tells.problems())
        .filter_map(|(is_fine, problem)| (!is_fine).then_some(problem))
        .collect()
    }

    /// Whether the data port speaks TLS.
    pub fn serves_tls(&self) -> bool {
        self.tls_self_signed || self.tls_cert.is_some()
    }

    /// The quotas in force; `None` where limits are off.
    pub fn quotas(&self) -> Option<Quotas> {
        (self.limits == Limits::Aws).then(|| Quotas::aws().scaled(self.limits_factor))
    }

    /// How streams on demand are scaled: by the quotas in force, so that without quotas there is nothing to
    /// be near to.
    pub fn scaling(&self) -> Option<scaling::Settings> {
        let quotas = self.quotas().filter(|_| self.on_demand.on_demand_scaling == Switch::On)?;
        Some(scaling::Settings {
            limit: Rate { bytes: quotas.write_bytes, records: quotas.write_records },
            split_percent: self.on_demand.on_demand_split_percent,
            split_secs: self.on_demand.on_demand_split_secs,
            double_secs: self.on_demand.on_demand_double_secs,
            merge_percent: self.on_demand.on_demand_merge_percent,
            merge_hours: self.on_demand.on_demand_merge_hours,
            shards_max: self.on_demand.on_demand_shards_max,
        })
    }

    /// How long a subscription lasts.
    pub fn subscription_lifetime(&self) -> Duration {
        Duration::from_secs(self.subscription_secs)
    }

    /// What the console may do; `None` where there is none.
    pub fn console_access(&self) -> Option<Access> {
        match self.console {
            ConsoleMode::Off => None,
            ConsoleMode::On => Some(Access::Full),
            ConsoleMode::Auto if self.admin_listen.ip().is_loopback() => Some(Access::Full),
            ConsoleMode::Auto | ConsoleMode::ReadOnly => Some(Access::Figures),
        }
    }

    /// The limits as the start-up line names them.
    pub fn limits_text(&self) -> String {
        match self.limits {
            Limits::Off => "off".to_owned(),
            Limits::Aws if (self.limits_factor - 1.0).abs() < f64::EPSILON => "aws".to_owned(),
            Limits::Aws => format!("aws x {}", self.limits_factor),
        }
    }
}

fn access_key(text: &str) -> Result<(String, String), String> {
    let (key, account) = text.split_once('=').ok_or("not of the form KEY=ACCOUNT")?;
    if key.is_empty() || !is_account(account) {
        return Err(format!("{account:?} is not an account's twelve digits, or there is no key"));
    }
    Ok((key.to_owned(), account.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_fine_and_all_problems_are_told_together() {
        let mut config = Config::without_flags();
        assert_eq!(config.problems(), Vec::<String>::new());
        config.account = "12".into();
        config.limits_factor = 0.0;
        config.plain_too = true;
        config.on_demand.on_demand_merge_percent = config.on_demand.on_demand_split_percent;
        config.tells.log_level = Some("info,=x=".into());
        config.tells.otlp_endpoint = Some("collector:4318".into());
        config.tells.otlp_sample = 2.0;
        assert_eq!(config.problems().len(), 7);
    }

    #[test]
    fn records_are_shown_to_the_loopback_only_unless_asked_for() {
        let mut config = Config::without_flags();
        assert_eq!(config.console_access(), Some(Access::Full));
        config.admin_listen = "0.0.0.0:4568".parse().unwrap();
        assert_eq!(config.console_access(), Some(Access::Figures));
        config.console = ConsoleMode::On;
        assert_eq!(config.console_access(), Some(Access::Full));
        config.console = ConsoleMode::Off;
        assert_eq!(config.console_access(), None);
    }

    #[test]
    fn limits_scale_and_switch_off() {
        let mut config = Config::without_flags();
        config.limits_factor = 2.5;
        assert_eq!(config.quotas().map(|quotas| quotas.write_records), Some(2500));
        assert_eq!(config.scaling().map(|scaling| scaling.limit.records), Some(2500));
        config.limits = Limits::Off;
        assert_eq!((config.quotas(), config.scaling()), (None, None));
        config.limits = Limits::Aws;
        config.on_demand.on_demand_scaling = Switch::Off;
        assert_eq!(config.scaling(), None);
    }
}
