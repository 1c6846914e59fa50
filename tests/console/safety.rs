//! Who may ask: foreign pages, foreign names, forms, too large bodies, too many viewers; and what a console
//! that shows figures only keeps to itself.

use std::net::SocketAddr;

use serde_json::json;

use crate::events::Events;
use crate::support::http::{self, Answer};
use crate::support::kinesis::Kinesis;
use crate::support::server::{Options, Server};
use crate::support::wait_for;

const FOREIGN: [&str; 4] = [
    "Origin: http://evil.example",
    "Origin: null",
    "Sec-Fetch-Site: cross-site",
    // Another port of this machine is the same site, and still another origin.
    "Sec-Fetch-Site: same-site",
];

/// A request with these header lines beside its length.
pub(crate) fn request(address: SocketAddr, line: &str, fields: &[&str], body: &str) -> Answer {
    let fields = fields.join("\r\n");
    let length = body.len();
    let text =
        format!("{line} HTTP/1.1\r\n{fields}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    http::raw(address, text.as_bytes())
}

fn server_with(flags: &[&str]) -> Server {
    let extra = flags.iter().map(|&flag| flag.to_owned()).collect();
    Server::start(Options { extra, ..Options::default() })
}

#[test]
fn a_name_nobody_gave_is_refused() {
    let server = server_with(&["--console-host", "streams.example"]);
    let asked = |line: &str, host: &str| {
        request(server.admin_address(), line, &[&format!("Host: {host}")], "").status
    };
    for line in ["GET /", "GET /console", "GET /console/console.js", "GET /console/api/overview"] {
        assert_eq!(asked(line, "evil.example:4568"), 403, "{line}");
        assert_ne!(asked(line, "streams.example"), 403, "{line}");
        assert_ne!(asked(line, "localhost:4568"), 403, "{line}");
    }
    // Scrapers and probes reach the server by whatever name.
    assert_eq!(asked("GET /metrics", "fanlight.monitoring.svc"), 200);
    assert_eq!(asked("GET /readyz", "fanlight.monitoring.svc"), 200);
}

#[test]
fn another_sites_page_neither_puts_nor_reads() {
    let server = server_with(&[]);
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    let put = json!({"stream": "orders", "key": "k", "data": "x"}).to_string();
    for foreign in FOREIGN {
        let fields = ["Host: localhost", foreign, "Content-Type: application/json"];
        for (line, body) in [
            ("POST /console/api/put", put.as_str()),
            ("GET /console/api/tail?name=orders&shard=0", ""),
            ("GET /console/api/live", ""),
            ("GET /console/api/overview", ""),
        ] {
            let answer = request(server.admin_address(), line, &fields, body);
            assert_eq!(answer.status, 403, "{line} {foreign}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        let preflight = request(server.admin_address(), "OPTIONS /console/api/put", &fields, "");
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (403, None));
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let fields = ["Host: localhost", &format!("Content-Type: {kind}")];
        assert_eq!(request(server.admin_address(), "POST /console/api/put", &fields, &put).status, 403);
    }
    assert!(kinesis.read_shard("orders", "0").is_empty(), "nothing was put");
}

#[test]
fn a_body_has_a_bound() {
    let server = server_with(&[]);
    let fields = ["Host: localhost", "Content-Type: application/json"];
    let put = |bytes| json!({"stream": "s", "key": "k", "data": "x".repeat(bytes)}).to_string();
    let status =
        |bytes| request(server.admin_address(), "POST /console/api/put", &fields, &put(bytes)).status;
    assert_eq!((status(200 << 10), status(300 << 10)), (400, 413));
}

#[test]
fn figures_only_means_no_records() {
    let server = server_with(&["--console", "read-only"]);
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 1);
    let fields = ["Host: localhost", "Content-Type: application/json"];
    let ask = |line: &str, body: &str| request(server.admin_address(), line, &fields, body).status;
    let put = json!({"stream": "orders", "key": "k", "data": "x"}).to_string();
    assert_eq!(ask("POST /console/api/put", &put), 403);
    assert_eq!(ask("GET /console/api/tail?name=orders&shard=0", ""), 403);
    assert_eq!(ask("GET /console/api/overview", ""), 200);
    assert!(kinesis.read_shard("orders", "0").is_empty(), "nothing was put");
}

#[test]
fn off_means_none() {
    let server = server_with(&["--console", "off"]);
    for path in ["/", "/console", "/console/api/overview"] {
        assert_eq!(http::get(server.admin_address(), path).expect("an answer").status, 404, "{path}");
    }
}

#[test]
fn viewers_are_bounded_and_scrapers_are_not_their_victims() {
    let server = server_with(&[]);
    let admin = server.admin_address();
    let mut viewers: Vec<_> = (0..24).map(|_| Events::open(admin, "live").expect("a place")).collect();
    let refused = http::get(admin, "/console/api/live").expect("an answer");
    assert_eq!(refused.status, 503);
    assert!(String::from_utf8_lossy(&refused.body).contains("close one"));
    assert_eq!(http::get(admin, "/metrics").expect("an answer").status, 200);
    // A place is free again once its viewer has gone.
    drop(viewers.pop());
    drop(wait_for("a free place", || Events::open(admin, "live")));
}
