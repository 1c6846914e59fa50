//! `fanlight put`: one record from the command line, or many from standard input.

mod batch;
mod lines;
mod many;

use std::io::{Read as _, Write as _, stdin, stdout};

use serde_json::{Value, json};

use super::PutArgs;
use super::failure::{Failure, Outcome};
use super::kinesis::Kinesis;

use batch::{Entry, Stored};

/// Puts.
pub(super) async fn run(args: PutArgs) -> Outcome<()> {
    let kinesis = Kinesis::new(&args.connect)?;
    if args.lines { many::put(&kinesis, &args).await } else { one(&kinesis, &args).await }
}

async fn one(kinesis: &Kinesis, args: &PutArgs) -> Outcome<()> {
    let data = match args.data.as_deref() {
        None | Some("-") => {
            let mut data = Vec::new();
            stdin().read_to_end(&mut data)?;
            data
        }
        Some(text) => text.as_bytes().to_vec(),
    };
    let mut input = Entry { line: 1, key: key(args), data }.json();
    input["StreamName"] = args.stream.clone().into();
    let output = match kinesis.call("PutRecord", &input).await {
        Ok(output) => output,
        Err(failure) => return Err(advised(kinesis, &args.stream, failure).await),
    };
    let text = |name: &str| output[name].as_str().unwrap_or_default().to_owned();
    let stored = Stored { line: 1, shard: text("ShardId"), number: text("SequenceNumber") };
    Ok(writeln!(stdout(), "{}", said(&stored, args.json))?)
}

/// The record's key: the one given, or one of its own, so that records spread over the shards.
fn key(args: &PutArgs) -> String {
    args.key.clone().unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)))
}

fn said(stored: &Stored, is_json: bool) -> String {
    let Stored { line, shard, number } = stored;
    if is_json {
        json!({"line": line, "shardId": shard, "sequenceNumber": number}).to_string()
    } else {
        format!("{shard} {number}")
    }
}

async fn advised(kinesis: &Kinesis, stream: &str, failure: Failure) -> Failure {
    let is_throttled = matches!(&failure, Failure::Refused(refusal) if refusal.is_throttle());
    if is_throttled {
        let hint =
            "A shard takes 1 MiB and 1,000 records a second: try again, or give the stream more shards.";
        return failure.advised(|| Some(hint.into()));
    }
    kinesis.with_near_names(stream, failure).await
}

/// The input of a call with these records.
fn records(stream: &str, entries: &[Entry]) -> Value {
    let records: Vec<_> = entries.iter().map(Entry::json).collect();
    json!({"StreamName": stream, "Records": records})
}
