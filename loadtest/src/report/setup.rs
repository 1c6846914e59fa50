//! What was run: settings, environment, command.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

use crate::cli::{Cli, Connections, Rate};
use crate::clock::unix_secs;
use crate::server_process::Server;

/// One setting, by the flag it is set with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Who ran what, and when.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Origin {
    /// As a shell reads it.
    pub(crate) command: String,
    /// Of this tool.
    pub(crate) tool_version: String,
    /// What the server says of itself; nothing of an endpoint's.
    pub(crate) server_version: Option<String>,
    /// How it was started; nothing of an endpoint's.
    pub(crate) server_command: Option<String>,
    /// The run began at this second.
    pub(crate) begun_unix_secs: u64,
}

impl Origin {
    /// Of this process and its server.
    pub(crate) fn here(server: Option<&Server>) -> Self {
        let args: Vec<_> = std::env::args_os().collect();
        Self {
            command: shell_words(&args),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            server_version: server.and_then(|server| server.version.clone()),
            server_command: server.map(|server| shell_words(&server.command)),
            begun_unix_secs: unix_secs(),
        }
    }
}

/// The line at the top of the table.
pub(super) fn line(cli: &Cli) -> String {
    let server = match &cli.endpoint {
        Some(endpoint) => format!("endpoint {endpoint}"),
        None => format!("own server, limits {}, durability {}", word(&cli.limits), word(&cli.durability)),
    };
    let shards = match (cli.on_demand, cli.shards) {
        (true, _) => "shards on demand".to_owned(),
        (false, 1) => "1 shard".into(),
        (false, n) => format!("{n} shards"),
    };
    let (push, pull, rate) = (cli.consumers, cli.pull, rate(cli));
    let (bytes, batch, duration) = (cli.record_size, cli.batch, cli.duration);
    format!(
        "{server}; {shards}, {push} push and {pull} pull consumers, {} connections, rate {rate}, \
         records of {bytes} B, {batch} in a put, {duration:?}",
        connections(cli)
    )
}

fn word(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn rate(cli: &Cli) -> String {
    match cli.rate {
        Rate::Open(rate) if rate.fract() == 0.0 => format!("{rate:.0}/s"),
        Rate::Open(rate) => format!("{rate:.3}/s"),
        Rate::Max => "max".into(),
    }
}

fn connections(cli: &Cli) -> String {
    match cli.connections {
        Connections::Own => "own".into(),
        Connections::Shared(n) => n.to_string(),
    }
}

/// What makes two runs comparable, or not.
pub(super) fn settings(cli: &Cli) -> Vec<Setting> {
    let is_own = cli.endpoint.is_none();
    let shards = if cli.on_demand { "on demand".to_owned() } else { cli.shards.to_string() };
    let pairs = [
        ("scenario", cli.scenario.map_or_else(|| "none".into(), |scenario| scenario.name())),
        ("server", if is_own { "own".into() } else { "endpoint".into() }),
        ("limits", word(&cli.limits)),
        ("durability", if is_own { word(&cli.durability) } else { "the endpoint's".into() }),
        ("tls", cli.tls.to_string()),
        ("server-args", cli.server_args.clone().unwrap_or_default()),
        ("shards", shards),
        ("consumers", cli.consumers.to_string()),
        ("connections", connections(cli)),
        ("pull", cli.pull.to_string()),
        ("rate", rate(cli)),
        ("ramp", cli.ramp.iter().map(f64::to_string).collect::<Vec<_>>().join(",")),
        ("record-size", format!("{} B", cli.record_size)),
        ("batch", cli.batch.to_string()),
        ("in-flight", cli.in_flight().to_string()),
        ("producers", cli.producers.to_string()),
        ("put-protocol", word(&cli.put_protocol)),
        ("keys", word(&cli.keys)),
        ("on-throttle", if cli.drops() { "drop".into() } else { "retry".into() }),
        ("backlog", cli.backlog.map_or_else(|| "none".into(), |backlog| word(&backlog))),
        ("live", cli.live.to_string()),
        ("stall", cli.stall.to_string()),
        ("reshard", cli.reshard.targets.iter().map(u16::to_string).collect::<Vec<_>>().join(",")),
        ("duration", format!("{:?}", cli.duration)),
        ("client-threads", cli.client_threads.to_string()),
        ("window", format!("{} B", cli.window)),
    ];
    pairs.into_iter().map(|(name, value)| Setting { name: name.into(), value }).collect()
}

/// Words as a shell takes them back.
fn shell_words(words: &[OsString]) -> String {
    words.iter().map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_back_what_is_quoted() {
        let words = ["loadtest", "--server-args=--a b", "", "it's", "$HOME", "<b>"];
        let line = shell_words(&words.map(OsString::from));
        let echoed = std::process::Command::new("sh")
            .args(["-c", &format!("printf '%s\\n' {line}")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(echoed.stdout).unwrap().lines().collect::<Vec<_>>(), words, "{line}");
    }
}
