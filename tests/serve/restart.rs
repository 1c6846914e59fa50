//! What is still there after a restart, and how is it listed?

use serde_json::{Value, json};

use crate::refusal::server;
use crate::support::http::call;
use crate::support::kinesis::{Kinesis, hash_key, shard_id, text};
use crate::support::server::{Options, Server};

/// Everything the control plane tells of a stream and its consumer.
fn told(kinesis: &Kinesis, stream: &str, stream_arn: &str) -> Vec<Value> {
    let named = json!({"StreamName": stream});
    ["DescribeStream", "DescribeStreamSummary", "ListShards"]
        .map(|operation| kinesis.ok(operation, &named))
        .into_iter()
        .chain([kinesis.ok("ListStreamConsumers", &json!({"StreamARN": stream_arn}))])
        .collect()
}

#[test]
fn does_a_restart_keep_streams_consumers_records_and_closed_shards() {
    let (mut server, kinesis) = server("off");
    let created = json!({"StreamName": "kept", "ShardCount": 2, "Tags": {"team": "blue"},
        "MaxRecordSizeInKiB": 2048});
    kinesis.ok("CreateStream", &created);
    let arn = kinesis.wait_active("kept");
    kinesis.register(&arn, "reader");
    kinesis.put("kept", &hash_key(0, 2), b"before the split");
    let middle = (1_u128 << 126).to_string();
    let split = json!({"StreamName": "kept", "ShardToSplit": shard_id(0), "NewStartingHashKey": middle});
    kinesis.ok("SplitShard", &split);
    kinesis.wait_active("kept");
    kinesis.put("kept", &hash_key(0, 2), b"after the split");
    kinesis.create("doomed", 1);
    kinesis.ok("DeleteStream", &json!({"StreamName": "doomed"}));
    kinesis.wait_gone("doomed");
    let before = told(&kinesis, "kept", &arn);
    let records: Vec<_> = (0..4).map(|shard| kinesis.read_shard("kept", &shard_id(shard))).collect();
    assert_eq!(records.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1, 0]);
    let mut stop: [fn(&mut Server); 2] = [Server::terminate, Server::kill_9];
    for stop in &mut stop {
        stop(&mut server);
        server.restart();
        assert_eq!(told(&kinesis, "kept", &arn), before);
        for (shard, records) in (0..).zip(&records) {
            assert_eq!(&kinesis.read_shard("kept", &shard_id(shard)), records);
        }
        assert_eq!(kinesis.ok("ListStreams", &json!({}))["StreamNames"], json!(["kept"]));
    }
    // The closed shard takes no more records; its children do.
    let number = kinesis.put("kept", &hash_key(0, 2), b"after the restarts");
    let (last, older) = (kinesis.read_shard("kept", &shard_id(2)), &records[2][0]);
    assert_eq!((&last[1].number, last[0].number < number), (&number, true));
    assert_eq!(&last[0], older);
}

/// A full segment ends in an index; the room there may be between its last record and the index is no damage.
#[test]
fn are_records_of_full_segments_readable_after_a_restart() {
    let extra = ["--tail-bytes", "65536"].map(str::to_owned).to_vec();
    let mut server = Server::start(Options { limits: "off", extra, ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("full", 1);
    for byte in 0..100 {
        kinesis.put("full", "0", &vec![byte; 50_000]);
    }
    let before = kinesis.read_shard("full", &shard_id(0));
    assert_eq!(before.len(), 100);
    let stop: [fn(&mut Server); 3] = [Server::terminate, Server::kill_9, Server::terminate];
    for stop in stop {
        stop(&mut server);
        server.restart();
        assert!(kinesis.read_shard("full", &shard_id(0)) == before, "records differ after a restart");
    }
}

#[test]
fn what_is_a_stream_created_by_its_name_alone() {
    let (_server, kinesis) = server("aws");
    kinesis.ok("CreateStream", &json!({"StreamName": "simple"}));
    kinesis.wait_active("simple");
    let summary = kinesis.ok("DescribeStreamSummary", &json!({"StreamName": "simple"}));
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!(summary["StreamModeDetails"], json!({"StreamMode": "ON_DEMAND"}));
    assert_eq!((&summary["OpenShardCount"], &summary["RetentionPeriodHours"]), (&json!(4), &json!(24)));
    assert!(summary.get("StreamId").is_none(), "SDKs that see one stop honouring a custom endpoint");
}

/// Follows `NextToken` from page to page; answers the pages.
fn pages(
    kinesis: &Kinesis,
    operation: &str,
    first: &Value,
    with_token: impl Fn(&str) -> Value,
) -> Vec<Value> {
    let mut pages = vec![kinesis.ok(operation, first)];
    while let Some(token) = pages[pages.len() - 1]["NextToken"].as_str() {
        let next = kinesis.ok(operation, &with_token(token));
        pages.push(next);
    }
    pages
}

/// A member of all items of all pages, and the sizes of the pages.
fn items(pages: &[Value], list: &str, member: &str) -> (Vec<String>, Vec<usize>) {
    let lists: Vec<_> = pages.iter().map(|page| page[list].as_array().expect("a list")).collect();
    let all = lists.iter().flat_map(|list| list.iter().map(|item| text(item, member))).collect();
    (all, lists.iter().map(|list| list.len()).collect())
}

#[test]
fn do_lists_page_through_everything_once() {
    let (server, kinesis) = server("off");
    let mut names: Vec<_> = ["b", "a", "a.b", "a-b", "Z", "_", "7"].map(str::to_owned).to_vec();
    for name in &names {
        kinesis.create(name, if name == "a" { 7 } else { 1 });
    }
    names.sort_unstable();
    let listed =
        pages(&kinesis, "ListStreams", &json!({"Limit": 3}), |token| json!({"Limit": 3, "NextToken": token}));
    assert_eq!(items(&listed, "StreamSummaries", "StreamName"), (names.clone(), vec![3, 3, 1]));
    let has_more: Vec<_> = listed.iter().map(|page| page["HasMoreStreams"].clone()).collect();
    assert_eq!(has_more, [true, true, false]);
    let after = kinesis.ok("ListStreams", &json!({"ExclusiveStartStreamName": "a-"}));
    assert_eq!(after["StreamNames"], json!(names[4..]), "the start need not exist");

    let ids: Vec<_> = (0..7).map(shard_id).collect();
    let first = json!({"StreamName": "a", "MaxResults": 3});
    let listed = pages(&kinesis, "ListShards", &first, |token| json!({"NextToken": token, "MaxResults": 3}));
    assert_eq!(items(&listed, "Shards", "ShardId"), (ids.clone(), vec![3, 3, 1]));
    let described = kinesis.ok("DescribeStream", &json!({"StreamName": "a", "Limit": 5}));
    assert_eq!(described["StreamDescription"]["HasMoreShards"], true);
    let rest = json!({"StreamName": "a", "Limit": 5, "ExclusiveStartShardId": ids[4]});
    let described = kinesis.ok("DescribeStream", &rest);
    let shards = items(&[described["StreamDescription"].clone()], "Shards", "ShardId");
    assert_eq!(shards, (ids[5..].to_vec(), vec![2]));

    let arn = kinesis.wait_active("a");
    let consumers: Vec<_> = (0..5).map(|index| format!("c{index}")).collect();
    consumers.iter().for_each(|name| drop(kinesis.register(&arn, name)));
    let first = json!({"StreamARN": arn, "MaxResults": 2});
    let next = |token: &str| json!({"StreamARN": arn, "MaxResults": 2, "NextToken": token});
    let listed = pages(&kinesis, "ListStreamConsumers", &first, next);
    assert_eq!(items(&listed, "Consumers", "ConsumerName"), (consumers, vec![2, 2, 1]));
    let (status, _) = call(server.address(), "ListStreamConsumers", &json!({"NextToken": "AAAA"}));
    assert_eq!(status, 400, "a stream has to be named even with a token");
}
