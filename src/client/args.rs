//! What each verb that speaks to a server can be told. The server's own flags are the room `config`'s.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which server is spoken to, and as whom.
///
/// Requests are signed (Signature Version 4) with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
/// AWS_SESSION_TOKEN, or with made-up keys where these are not set: Fanlight takes any.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct Connect {
    /// The server's Kinesis endpoint; AWS_ENDPOINT_URL_KINESIS counts too [default: http://127.0.0.1:4567].
    #[arg(long, env = "FANLIGHT_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Trust the certificates of this PEM file, too: of --tls-self-signed it is DATA-DIR/tls/cert.pem.
    #[arg(long, env = "FANLIGHT_CA_CERT", value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// Trust any certificate.
    #[arg(long, env = "FANLIGHT_INSECURE", conflicts_with = "ca_cert")]
    pub insecure: bool,
    /// The region requests are signed for; where it is not given, AWS_REGION [default: us-east-1].
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
}

/// What `fanlight streams` is told.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StreamsArgs {
    /// Show this stream: its shards with ranges and lineage, its consumers and tags.
    pub name: Option<String>,
    #[command(flatten)]
    pub(super) output: StreamsOutput,
    /// What to change; without it streams are shown.
    #[command(subcommand)]
    pub change: Option<StreamsVerb>,
}

/// How streams are shown, and whose.
#[derive(Clone, Debug, Args)]
pub struct StreamsOutput {
    #[command(flatten)]
    pub(super) connect: Connect,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// The changes.
#[derive(Clone, Debug, Subcommand)]
pub enum StreamsVerb {
    /// Create a stream and wait until it is active.
    Create {
        /// Its name: letters, digits, `_`, `.`, `-`.
        name: String,
        /// Shards it is given.
        #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "on_demand")]
        shards: u32,
        /// The number of its shards follows its traffic.
        #[arg(long)]
        on_demand: bool,
        /// The server, and how its answer is shown.
        #[command(flatten)]
        output: StreamsOutput,
    },
    /// Delete a stream with its records and consumers, and wait until it is gone.
    Delete {
        /// Its name.
        name: String,
        /// The server, and how its answer is shown.
        #[command(flatten)]
        output: StreamsOutput,
    },
    /// Deregister a consumer, for instance one that a killed `tail` has left behind.
    Deregister {
        /// The stream's name.
        name: String,
        /// The consumer's.
        consumer: String,
        /// The server, and how its answer is shown.
        #[command(flatten)]
        output: StreamsOutput,
    },
}

/// What `fanlight put` is told.
#[derive(Clone, Debug, Args)]
pub struct PutArgs {
    /// The stream's name.
    pub stream: String,
    /// The record's data; `-`, or nothing: standard input, as one record.
    #[arg(conflicts_with = "lines")]
    pub data: Option<String>,
    /// The partition key, which chooses the shard; by default each record has one of its own.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// A record per line of standard input, in calls of up to 500, as fast as they come.
    ///
    /// What is throttled is tried again, in its order and before anything that follows, so that a key's
    /// records are out of order only within one call. An answer that is lost makes a call be repeated: its
    /// records may be there twice, as with any SDK.
    #[arg(long)]
    pub lines: bool,
    /// One JSON object per record, as it is stored.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub(super) connect: Connect,
}

/// What `fanlight tail` is told.
#[derive(Clone, Debug, Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct TailArgs {
    /// The stream's name.
    pub stream: String,
    /// Go on with what comes, until Ctrl-C: pushed by enhanced fan-out, through reshards and restarts of the
    /// server.
    ///
    /// For this a consumer is registered and deregistered at the end; --consumer names one that stays,
    /// --pull does without.
    #[arg(long, short)]
    pub follow: bool,
    /// Only this shard; where it ends, so does this.
    #[arg(long, value_name = "ID")]
    pub shard: Option<String>,
    /// Where to begin in each shard: latest, trim-horizon, a time (2026-11-26T20:00:00Z, or 5m for so long
    /// ago), or -N for the last N records [default: latest with --follow, else -10].
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Poll with GetRecords, five times a second and shard, instead of being pushed to.
    #[arg(long, requires = "follow")]
    pub pull: bool,
    /// Read as this consumer, which is registered where it is missing, and stays.
    #[arg(long, value_name = "NAME", requires = "follow", conflicts_with = "pull")]
    pub consumer: Option<String>,
    /// One JSON object per record: `data` is text, or `dataBase64` what is none.
    #[arg(long, conflicts_with = "raw")]
    pub json: bool,
    /// Only the records' data, each followed by a line feed.
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    pub(super) connect: Connect,
}

/// What `fanlight top` is told.
#[derive(Clone, Debug, Args)]
pub struct TopArgs {
    /// The server's admin address, from which its metrics come.
    #[arg(long, env = "FANLIGHT_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:4568")]
    pub admin: String,
    /// Print what two looks a second apart show, as text, and end.
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub(super) connect: Connect,
}
