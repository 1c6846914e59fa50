//! The command line as its users have it: the real binary against the real server.

// Tests live outside the server's rooms: they measure it by the system's clock.
#![allow(clippy::disallowed_methods)]

mod support;

#[path = "cli/command.rs"]
mod command;
#[path = "cli/latency.rs"]
mod latency;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/manual.rs"]
mod manual;
#[cfg(feature = "otel")]
#[path = "cli/otlp.rs"]
mod otlp;
#[path = "cli/put.rs"]
mod put;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/tail.rs"]
mod tail;
#[cfg(feature = "top")]
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/top.rs"]
mod top;
