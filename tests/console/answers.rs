//! What the console answers when it is asked once: its files, facts, lineage, and a record put by hand.

use serde_json::{Value, json};

use crate::safety::request;
use crate::support::http::{self, Answer};
use crate::support::kinesis::{Kinesis, blob, hash_key, text};
use crate::support::server::{Options, Server};

fn ask(server: &Server, path: &str) -> Value {
    let answer = http::get(server.admin_address(), &format!("/console/api/{path}")).expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn put(server: &Server, record: &Value) -> (u16, Value) {
    let fields = ["Host: localhost", "Content-Type: application/json", "Origin: http://localhost"];
    let answer = request(server.admin_address(), "POST /console/api/put", &fields, &record.to_string());
    (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
}

fn page(server: &Server, line: &str, fields: &[&str]) -> Answer {
    let host = format!("Host: {}", server.admin_address());
    request(server.admin_address(), line, &[&[host.as_str()], fields].concat(), "")
}

#[test]
fn the_page_and_its_files_are_served() {
    let server = Server::start(Options::default());
    let root = page(&server, "GET /", &[]);
    assert_eq!((root.status, root.header("location")), (307, Some("/console")));
    let html = page(&server, "GET /console", &[]);
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = html.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(html.header("x-content-type-options"), Some("nosniff"));

    // Whatever the page and its scripts name is there, and nothing lies elsewhere.
    let names = String::from_utf8(html.body).expect("text");
    let named = names.split("console/").skip(1).filter_map(|rest| rest.split('"').next());
    let mut files: Vec<_> = named.filter(|name| name.contains('.')).collect();
    files.extend(["dom.js", "feed.js", "overview.js", "ring.js", "shards.js", "stream.js", "records.js"]);
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        let line = format!("GET /console/{file}");
        let found = page(&server, &line, &[]);
        assert_eq!(found.status, 200, "{file}");
        let tag = format!("If-None-Match: {}", found.header("etag").expect("a tag"));
        let again = page(&server, &line, &[&tag]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{file}");
        assert!(!String::from_utf8_lossy(&found.body).contains("https://"), "{file} names another host");
    }

    assert!(page(&server, "HEAD /console", &[]).body.is_empty());
    let posted = page(&server, "POST /console", &[]);
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(page(&server, "GET /console/Cargo.toml", &[]).status, 404);
    assert_eq!(page(&server, "GET /console/api/nothing", &[]).status, 404);
    assert_eq!(page(&server, "GET /console/api/put", &[]).status, 405);
}

#[test]
fn facts_streams_and_lineage_are_what_they_are() {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    kinesis.create("other", 1);
    let facts = ask(&server, "facts");
    assert_eq!((&facts["limits"], &facts["access"]), (&"off".into(), &"full".into()));
    assert_eq!(facts["endpoint"], server.endpoint());
    let middle = hash_key(1, 4);
    let split = json!({"StreamName": "orders", "ShardToSplit": "shardId-000000000000",
        "NewStartingHashKey": middle});
    kinesis.ok("SplitShard", &split);
    kinesis.wait_active("orders");

    // What was looked at is kept for a second.
    let lineage = crate::support::wait_for("the split to be seen", || {
        let lineage = ask(&server, "stream?name=orders");
        (lineage["all"] == 4).then_some(lineage)
    });
    let shards = lineage["shards"].as_array().expect("shards");
    assert_eq!((&shards[0]["children"], &shards[2]["parents"]), (&json!([2, 3]), &json!([0])));
    assert!(!shards[0]["closed_ms"].is_null() && shards[1]["closed_ms"].is_null(), "{lineage}");
    assert_eq!((&shards[2]["from"], &shards[3]["from"]), (&"0".into(), &middle.into()));
    assert!((shards[3]["begin"].as_f64().expect("a part") - 0.25).abs() < 1e-9, "{lineage}");

    let found = crate::support::wait_for("both streams to be seen", || {
        let found = ask(&server, "overview?q=RDER");
        (found["streams"]["count"] == 2).then_some(found)
    });
    assert_eq!(found["streams"]["matching"], 1, "{found}");
    assert_eq!(found["streams"]["rows"][0]["open"], 3, "{found}");
    assert_eq!(ask(&server, "overview?offset=1")["streams"]["rows"][0]["name"], "other");
}

#[test]
fn a_record_put_by_hand_is_a_record() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    let (status, output) = put(&server, &json!({"stream": "orders", "key": "k", "data": "grüß"}));
    assert_eq!(status, 200, "{output}");
    let bytes = json!({"stream": "orders", "key": "k", "data": blob(&[0, 255]), "base64": true,
        "hash_key": hash_key(1, 2)});
    let (status, second) = put(&server, &bytes);
    assert_eq!((status, &second["ShardId"]), (200, &"shardId-000000000001".into()), "{second}");
    let mut records = kinesis.read_shard("orders", &text(&output, "ShardId"));
    records.extend(kinesis.read_shard("orders", "1"));
    let of = |number: &Value| records.iter().find(|it| *number == it.number.as_str()).expect("the record");
    assert_eq!(of(&output["SequenceNumber"]).data, "grüß".as_bytes());
    assert_eq!(of(&second["SequenceNumber"]).data, [0, 255]);
    let counted = server.metric(r#"kinesis_incoming_records_total{stream="orders"}"#);
    assert!((counted - 2.0).abs() < f64::EPSILON, "{counted}");
}

#[test]
fn a_record_the_service_refuses_is_refused_in_its_words() {
    let server = Server::start(Options::default());
    let refused = |record: Value| {
        let (status, output) = put(&server, &record);
        assert_eq!(status, 400, "{output}");
        text(&output, "error")
    };
    let record = json!({"stream": "nothing", "key": "k", "data": "x"});
    assert_eq!(refused(record), "ResourceNotFoundException");
    Kinesis { address: server.address() }.create("orders", 1);
    assert_eq!(refused(json!({"stream": "orders", "key": "", "data": "x"})), "ValidationException");
    let beyond = json!({"stream": "orders", "key": "k", "data": "x", "hash_key": "9".repeat(39)});
    assert_eq!(refused(beyond), "InvalidArgumentException");
    assert_eq!(refused(json!({"stream": "orders"})), "BadRequest");
    assert_eq!(refused(json!({"stream": "orders", "key": "k", "data": "x", "account": "7"})), "BadRequest");
}

/// A shard's quota holds for records put by hand as for others.
#[test]
fn a_record_put_by_hand_is_throttled_like_any() {
    let server = Server::start(Options::default());
    Kinesis { address: server.address() }.create("orders", 1);
    let record = json!({"stream": "orders", "key": "k", "data": "x".repeat(200 << 10)});
    let refusal = (0..40).map(|_| put(&server, &record)).find(|(status, _)| *status != 200);
    let (status, output) = refusal.expect("a shard takes a mebibyte a second");
    assert_eq!((status, &output["error"]), (400, &"ProvisionedThroughputExceededException".into()));
}
