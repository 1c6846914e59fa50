//! The offline tools on directories made by the real server: sound ones, damaged ones, ones in use. They tell
//! what is there and what is wrong, and never change a byte.

// Tests live outside the server's rooms: the system's files are theirs to use.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::kinesis::{Kinesis, hash_key, shard_id};
use support::server::{Options, Server};
use support::{http, wait_for};

/// Records put to the stream: enough for a few sealed segments.
const RECORDS: u64 = 60;
const RECORD_BYTES: usize = 40_000;
/// What is put before a crash: more than the journal holds, so that segments are being filled.
const CRASH_MIB: u128 = 72;

fn fanlight(words: &[&str], dir: &Path) -> Output {
    let (verb, rest) = words.split_first().expect("a command");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    command.arg(verb).arg(dir).args(rest).output().expect("the tool runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A server with a stream of two shards, one of them written to, and a consumer.
fn filled() -> Server {
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    let arn = kinesis.wait_active("orders");
    kinesis.register(&arn, "audit");
    for number in 0..RECORDS {
        let mut data = format!("record {number} ").into_bytes();
        data.resize(RECORD_BYTES, b'.');
        kinesis.put("orders", "0", &data);
    }
    server
}

/// The contents of every file.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        if entry.path().is_dir() {
            files.extend(contents(&entry.path()));
        } else {
            files.insert(entry.path(), fs::read(entry.path()).expect("a file"));
        }
    }
    files
}

fn objects(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).expect("an object per line")).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The largest sealed segment: it ends in a footer.
fn sealed_segment(dir: &Path) -> PathBuf {
    let is_sealed = |bytes: &[u8]| bytes.len() > 4096 && bytes[bytes.len() - 4096..].starts_with(b"FLSF");
    let sealed = contents(&dir.join("segments")).into_iter().filter(|(_, bytes)| is_sealed(bytes));
    let sealed = sealed.max_by_key(|(_, bytes)| bytes.len());
    sealed.expect("a sealed segment").0
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("a file to write");
}

/// Where the nth batch begins, by its magic.
fn batch_at(path: &Path, nth: usize) -> usize {
    let bytes = fs::read(path).expect("a file");
    let begins = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"FLBA"));
    begins.into_iter().nth(nth).expect("a batch")
}

#[test]
fn is_a_sound_directory_told_sound_and_left_as_it_is() {
    let mut server = filled();
    for kill in [false, true] {
        if kill {
            server.kill_9()
        } else {
            server.terminate()
        }
        let before = contents(&server.data_dir());
        let checked = fanlight(&["check"], &server.data_dir());
        let told = text(&checked);
        assert_eq!(checked.status.code(), Some(0), "{told}");
        assert!(told.contains("1 streams, 2 shards, 1 consumers"), "{told}");
        assert!(told.ends_with("sound\n"), "{told}");
        let dumped = fanlight(&["dump", "--json"], &server.data_dir());
        let objects = objects(&dumped);
        let records = of_kind(&objects, "record");
        let of_shard = records.iter().filter(|record| record["of"] != "catalog").count() as u64;
        assert_eq!((dumped.status.code(), of_shard), (Some(0), RECORDS));
        assert!(contents(&server.data_dir()) == before, "a tool changed something");
        server.restart();
    }
}

/// A crash while segments are being filled leaves first attempts at them that hold nothing, and which a clean
/// stop seals.
#[test]
fn is_a_directory_told_sound_after_a_crash_and_a_clean_stop() {
    let mut server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.create("orders", 2);
    let megabyte = vec![vec![b'x'; 64 << 10]; 16];
    for call in 0..CRASH_MIB {
        kinesis.put_all("orders", &hash_key(call % 2, 2), &megabyte);
    }
    server.kill_9();
    server.restart();
    server.terminate();
    let checked = fanlight(&["check"], &server.data_dir());
    assert!(checked.status.success(), "{}", text(&checked));
}

#[test]
fn what_does_a_dump_show_and_leave_out() {
    let mut server = filled();
    server.terminate();
    let all = text(&fanlight(&["dump"], &server.data_dir()));
    for part in
        ["stream orders", "consumer audit", "shard shardId-000000000001", "segment segments/", "journal "]
    {
        assert!(all.contains(part), "no {part:?} in\n{all:.2000}");
    }
    assert!(all.contains("\"record 59 ....") && all.contains("key \""), "payloads are readable");
    assert!(all.contains("not shown") && !all.contains("\"secret\\\":\\\"0"), "the key is a secret");
    let filters =
        ["dump", "--shard", "orders/shardId-000000000000", "--from", "10", "--limit", "3", "--json"];
    let few = fanlight(&filters, &server.data_dir());
    let few = objects(&few);
    let offsets: Vec<_> = of_kind(&few, "record").iter().map(|record| record["offset"].clone()).collect();
    assert_eq!(offsets, [json!(10), json!(11), json!(12)]);
    let unknown = fanlight(&["dump", "--shard", "nobody"], &server.data_dir());
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no stream nobody"));
}

#[test]
fn does_a_dump_tell_how_records_were_written() {
    let mut server = Server::start(Options { limits: "off", ..Options::default() });
    let kinesis = Kinesis { address: server.address() };
    kinesis.ok("CreateStream", &json!({"StreamName": "orders", "RecordDistributionStrategy": "AUTO"}));
    kinesis.wait_active("orders");
    kinesis.ok("PutRecord", &json!({"StreamName": "orders", "PartitionKey": "k", "Data": ""}));
    let key = json!({"StreamName": "orders", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    kinesis.ok("StartStreamEncryption", &key);
    kinesis.ok("PutRecord", &json!({"StreamName": "orders", "Data": ""}));
    server.terminate();
    let objects = objects(&fanlight(&["dump", "--shard", "orders", "--json"], &server.data_dir()));
    let mut told: Vec<_> = of_kind(&objects, "record")
        .iter()
        .map(|record| (record["partition_key"].clone(), record["encryption_type"].clone()))
        .collect();
    told.sort_by_key(|(key, _)| key.is_null());
    assert_eq!(told, [(json!("k"), Value::Null), (Value::Null, json!("KMS"))]);
    let shown = text(&fanlight(&["dump", "--shard", "orders"], &server.data_dir()));
    assert!(shown.contains("key \"k\"  ") && shown.contains("no key  KMS  "), "{shown}");
}

#[test]
fn is_a_directory_in_use_or_that_is_none_refused() {
    let server = filled();
    for verb in ["check", "dump"] {
        let refused = fanlight(&[verb], &server.data_dir());
        assert_eq!(refused.status.code(), Some(2));
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(why.contains("is in use by another process"), "{why}");
        let nothing = fanlight(&[verb], Path::new("/proc/self"));
        assert_eq!(nothing.status.code(), Some(2));
    }
}

#[test]
fn is_each_kind_of_damage_found_and_placed() {
    let mut server = filled();
    server.terminate();
    let dir = server.data_dir();
    let segment = sealed_segment(&dir);
    let name = segment.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let batch = batch_at(&segment, 2);
    let end = usize::try_from(fs::metadata(&segment).expect("a segment").len()).expect("a size");
    let index = end - 2 * 4096;
    let places = [
        (batch + 200, format!("{name}, byte {batch}: no intact batch")),
        (20, format!("{name}, byte 0: the header is damaged")),
        (end - 4096 + 30, format!("{name}, byte {}: the footer is damaged", end - 4096)),
        (index + 30, format!("{name}, byte {index}: the index is damaged")),
    ];
    for (at, expected) in places {
        flip(&segment, at);
        let checked = fanlight(&["check"], &dir);
        let told = text(&checked);
        assert_eq!(checked.status.code(), Some(1), "byte {at}:\n{told}");
        assert!(told.contains(&expected), "{expected:?} in\n{told}");
        flip(&segment, at);
    }
    assert_eq!(fanlight(&["check"], &dir).status.code(), Some(0), "mended");
    let told = footer_over_the_first_segments(&dir, &segment);
    assert!(told.contains("the footer has the segment end behind where the next one begins"), "{told}");
    assert!(!told.contains("it does not follow"), "the next start reads it all:\n{told}");
}

/// Puts a segment's footer over that of the log's first one; tells what the check says.
fn footer_over_the_first_segments(dir: &Path, segment: &Path) -> String {
    let later = fs::read(segment).expect("a file");
    let first = segment.with_file_name("0000000000000001-00000000000000000000.seg");
    let mut bytes = fs::read(&first).expect("the shard's first segment");
    let footer = bytes.len() - 4096;
    bytes[footer..].copy_from_slice(&later[later.len() - 4096..]);
    fs::write(first, bytes).expect("a file to write");
    text(&fanlight(&["check"], dir))
}

#[test]
fn is_a_missing_segment_or_a_damaged_journal_found() {
    let mut server = filled();
    server.kill_9();
    let dir = server.data_dir();
    let journal = dir.join("journal/0000.log");
    let batch = batch_at(&journal, 3);
    flip(&journal, batch + 70);
    let told = text(&fanlight(&["check"], &dir));
    assert!(told.contains("an entry is unreadable although an acknowledged one lies behind it"), "{told}");
    flip(&journal, batch + 70);
    server.restart();
    server.terminate();
    let segments: Vec<_> = contents(&dir.join("segments")).into_keys().collect();
    let of_shard = |path: &&PathBuf| path.to_string_lossy().contains("segments/0000000000000001-");
    let of_shard: Vec<_> = segments.iter().filter(of_shard).collect();
    assert!(of_shard.len() > 2, "{segments:?}");
    fs::remove_file(of_shard[1]).expect("a segment to lose");
    let told = text(&fanlight(&["check"], &dir));
    assert!(told.contains("it does not follow the segment before it"), "{told}");
    fs::write(dir.join("segments/notes.txt"), "mine").expect("a stranger");
    let told = text(&fanlight(&["check"], &dir));
    assert!(told.contains("segments/notes.txt is none of the server's files"), "{told}");
}

#[test]
fn does_a_running_server_find_damage_by_itself_and_refuse_to_serve_it() {
    let mut server = filled();
    server.terminate();
    let segment = sealed_segment(&server.data_dir());
    let name = segment.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    flip(&segment, batch_at(&segment, 1) + 200);
    let rate = ["--scrub-bytes-per-sec", "1000000000"].map(str::to_owned);
    server.restart_with(|options| options.extra.extend(rate));
    let metrics = wait_for("a pass of the scrubber", || {
        let answer = http::get(server.admin_address(), "/metrics").expect("metrics");
        let metrics = String::from_utf8_lossy(&answer.body).into_owned();
        metrics.contains("fanlight_scrub_passes_total 1").then_some(metrics)
    });
    assert!(metrics.contains("fanlight_scrub_damaged_batches 1"), "{metrics}");
    let told = server.output();
    assert!(told.contains("damage found") && told.contains(&name), "{told}");
    let kinesis = Kinesis { address: server.address() };
    let iterator = kinesis.iterator("orders", &shard_id(0), json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let mut iterator = Some(iterator);
    let mut served = 0;
    let status = loop {
        let input = json!({"ShardIterator": iterator, "Limit": 1});
        let (status, output) = http::call(server.address(), "GetRecords", &input);
        if status != 200 {
            break status;
        }
        served += output["Records"].as_array().map_or(0, Vec::len);
        iterator = output["NextShardIterator"].as_str().map(str::to_owned);
        assert!(served < 60, "damage was read");
    };
    assert_eq!(status, 500);
    assert!(served > 0, "what lies before the damage is served");
}
