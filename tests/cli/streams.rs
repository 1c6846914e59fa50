//! `fanlight streams`: what it shows, what it changes, and what it says where it cannot.

use serde_json::{Value, json};

use crate::command::{at, fanlight, run};
use crate::support::kinesis::{Kinesis, shard_id};
use crate::support::server::{Options, Server, free_address};

#[test]
fn streams_are_made_listed_shown_and_deleted() {
    let server = Server::start(Options::default());
    let none = run(&mut at(&server), &["streams"]);
    assert!(none.err.contains("streams create"), "{}", none.err);

    let made = run(&mut at(&server), &["streams", "create", "orders", "--shards", "2"]).ok();
    assert_eq!(made, "orders is active with 2 shards\n");
    run(&mut at(&server), &["streams", "create", "clicks", "--on-demand"]).ok();
    let listed = run(&mut at(&server), &["streams"]).ok();
    let rows: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["STREAM", "STATUS", "SHARDS", "MODE", "RETENTION", "CONSUMERS"]);
    assert_eq!(rows[1], ["clicks", "ACTIVE", "4", "on", "demand", "24", "h", "0"]);
    assert_eq!(rows[2], ["orders", "ACTIVE", "2", "provisioned", "24", "h", "0"]);

    let json = run(&mut at(&server), &["streams", "--json"]).ok();
    let names: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(names.iter().map(|it| &it["StreamName"]).collect::<Vec<_>>(), ["clicks", "orders"]);

    let gone = run(&mut at(&server), &["streams", "delete", "clicks"]).ok();
    assert_eq!(gone, "clicks is gone\n");
    assert!(!run(&mut at(&server), &["streams"]).ok().contains("clicks"));
}

#[test]
fn a_stream_is_shown_with_its_lineage_consumers_and_tags() {
    let server = Server::start(Options::default());
    let kinesis = Kinesis { address: server.address() };
    let arn = kinesis.create("orders", 1);
    kinesis.register(&arn, "billing");
    kinesis.ok("AddTagsToStream", &json!({"StreamName": "orders", "Tags": {"team": "shop"}}));
    let half = (u128::MAX / 2 + 1).to_string();
    let split = json!({"StreamName": "orders", "ShardToSplit": shard_id(0), "NewStartingHashKey": half});
    kinesis.ok("SplitShard", &split);
    kinesis.wait_active("orders");

    let shown = run(&mut at(&server), &["streams", "orders"]).ok();
    let line = |start: &str| {
        let line = shown.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start}: {shown}")).to_owned()
    };
    let parent = line(&shard_id(0));
    assert!(parent.contains("closed") && parent.contains("100.0 %"), "{parent}");
    assert!(parent.ends_with(&format!("to {} + {}", shard_id(1), shard_id(2))), "{parent}");
    let child = line(&shard_id(2));
    assert!(child.contains("open") && child.contains("50.0 %") && child.contains(&half), "{child}");
    assert!(child.ends_with(&format!("from {}", shard_id(0))), "{child}");
    assert!(line("billing").contains("ACTIVE"));
    assert!(line("team").ends_with("shop"));

    run(&mut at(&server), &["streams", "deregister", "orders", "billing"]).ok();
    let json: Value =
        serde_json::from_str(&run(&mut at(&server), &["streams", "orders", "--json"]).ok()).expect("JSON");
    assert_eq!(json["Shards"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["Tags"], json!([{"Key": "team", "Value": "shop"}]));
}

#[test]
fn errors_say_what_to_do_next() {
    let server = Server::start(Options::default());
    Kinesis { address: server.address() }.create("orders", 1);
    let near = run(&mut at(&server), &["tail", "ordrs"]).failed(1);
    assert!(near.contains("ResourceNotFoundException") && near.contains("Did you mean orders?"), "{near}");
    let none = run(&mut at(&server), &["streams", "create", "orders"]).failed(1);
    assert!(none.contains("ResourceInUseException") && none.contains("fanlight streams orders"), "{none}");

    let admin = format!("http://{}", server.admin_address());
    let wrong = run(&mut fanlight(), &["streams", "--endpoint", &admin]).failed(2);
    assert!(wrong.contains("That is the admin port"), "{wrong}");
    let tls = run(&mut fanlight(), &["streams", "--endpoint", &server.endpoint().replace("http", "https")]);
    let tls = tls.failed(2);
    assert!(tls.contains("Does this port speak TLS? Try --endpoint http://"), "{tls}");
    let nobody =
        run(&mut fanlight(), &["streams", "--endpoint", &format!("http://{}", free_address())]).failed(2);
    assert!(nobody.contains("Connection refused") && nobody.contains("fanlight serve"), "{nobody}");
    let usage = run(&mut fanlight(), &["streams", "--endpoint", "ftp://x"]).failed(64);
    assert!(usage.contains("http://127.0.0.1:4567"), "{usage}");
}

#[test]
fn a_certificate_is_trusted_by_its_file_or_not_at_all() {
    let server = Server::start(Options { tls: true, ..Options::default() });
    let stranger = run(&mut at(&server), &["streams"]).failed(2);
    assert!(stranger.contains("--ca-cert"), "{stranger}");
    let certificate = server.certificate().display().to_string();
    run(&mut at(&server), &["streams", "create", "orders", "--ca-cert", &certificate]).ok();
    assert!(run(&mut at(&server), &["streams", "--insecure"]).ok().contains("orders"));
    let plain = server.endpoint().replace("https", "http");
    let plain = run(&mut fanlight(), &["streams", "--endpoint", &plain]).failed(2);
    assert!(plain.contains("try --endpoint https://"), "{plain}");
}
