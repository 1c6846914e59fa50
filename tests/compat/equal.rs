//! The Java SDK speaks CBOR unless told otherwise; the same calls told otherwise are answered the same.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clients::{JAVA, JAVA_JSON};
use crate::support::http::{CBOR, JSON};
use crate::support::program::Program;
use crate::support::say;
use crate::support::server::{Options, Server};

/// For all calls in one encoding.
const TIME_MAX: Duration = Duration::from_secs(180);
/// Calls the program makes at least.
const CALLS_MIN: usize = 80;

/// Runs the scenario in each encoding, against a server of its own, and compares line by line.
pub(crate) fn judge() {
    for transport in ["h2c", "h2-tls", "http1"] {
        let in_cbor = answers(transport, CBOR, |program| program);
        let in_json = answers(transport, JSON, |program| program.env(JAVA_JSON.0, JAVA_JSON.1));
        assert!(in_cbor.len() >= CALLS_MIN, "{transport}: only {} calls", in_cbor.len());
        for (cbor, json) in in_cbor.iter().zip(&in_json) {
            assert_eq!(cbor, json, "{transport}");
        }
        assert_eq!(in_cbor.len(), in_json.len(), "{transport}");
        say(&format!("Java over {transport}: {} calls answered equally in CBOR and in JSON", in_cbor.len()));
    }
}

/// What each call was answered; the last line says in which types the bodies were.
fn answers(transport: &str, types: &str, encode: impl FnOnce(Program) -> Program) -> Vec<String> {
    let server = Server::start(Options { tls: transport.contains("tls"), ..Options::default() });
    let lines = Arc::new(Mutex::new(Vec::new()));
    let taking = Arc::clone(&lines);
    let program = JAVA.program("equal", &server).env("FANLIGHT_TRANSPORT", transport);
    let scenario = encode(program).env("FANLIGHT_SUBSCRIPTION_SECS", "300");
    scenario.talk(move |line| taking.lock().expect("nobody panics").push(line.to_owned())).finish(TIME_MAX);
    let mut answers = std::mem::take(&mut *lines.lock().expect("nobody panics"));
    assert_eq!(answers.pop().as_deref(), Some(types), "{transport}");
    answers
}
