//! Refusals as tables: an operation, its input, and what it has to be answered with.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::http::call;
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};

/// In every text that names an account.
pub(crate) const ACCOUNT: &str = "000000000000";

/// An operation, its input, and the `__type` and text it gets with status 400.
pub(crate) type Refusal = (&'static str, Value, &'static str, String);

/// Makes every call and compares status and body, whole.
pub(crate) fn check(address: SocketAddr, refusals: &[Refusal]) {
    for (operation, input, kind, message) in refusals {
        let member = if *kind == "SerializationException" { "Message" } else { "message" };
        let (status, body) = call(address, operation, input);
        assert_eq!((status, body), (400, json!({"__type": kind, member: message})), "{operation} {input}");
    }
}

/// A server and its client.
pub(crate) fn server(limits: &'static str) -> (Server, Kinesis) {
    let server = Server::start(Options { limits, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    (server, kinesis)
}
