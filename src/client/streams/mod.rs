//! `fanlight streams`: what there is, and the three changes a first look leads to.

mod detail;

use std::io::{Write as _, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::kinesis::Kinesis;
use super::{StreamsArgs, StreamsOutput, StreamsVerb, table};

/// So many streams are described so fast that a bar would only flicker.
const FEW: usize = 20;

/// Shows or changes.
pub(super) async fn run(args: StreamsArgs) -> Outcome<()> {
    match (args.change, args.name) {
        (None, None) => list(&args.output).await,
        (None, Some(name)) => detail::show(&name, &args.output).await,
        (Some(StreamsVerb::Create { name, shards, on_demand, output }), _) => {
            create(&name, (!on_demand).then_some(shards), &output).await
        }
        (Some(StreamsVerb::Delete { name, output }), _) => delete(&name, &output).await,
        (Some(StreamsVerb::Deregister { name, consumer, output }), _) => {
            deregister(&name, &consumer, &output).await
        }
    }
}

async fn list(output: &StreamsOutput) -> Outcome<()> {
    let kinesis = Kinesis::new(&output.connect)?;
    let names = kinesis.pages("ListStreams", json!({"Limit": 1000}), "StreamNames").await?;
    let bar = bar(names.len());
    let mut summaries = Vec::with_capacity(names.len());
    for name in names.iter().filter_map(Value::as_str) {
        match kinesis.summary(name).await {
            Ok(summary) => summaries.push(summary),
            // Deleted since it was listed.
            Err(failure) if failure.code() == Some("ResourceNotFoundException") => {}
            Err(failure) => return Err(failure),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut out = stdout().lock();
    if output.json {
        return Ok(summaries.iter().try_for_each(|summary| writeln!(out, "{summary}"))?);
    }
    if summaries.is_empty() {
        eprintln!("No streams yet. Make one with `fanlight streams create NAME`.");
        return Ok(());
    }
    Ok(write!(out, "{}", table::render(&table::HEAD, &summaries.iter().map(table::row).collect::<Vec<_>>()))?)
}

/// Descriptions are rationed, twenty a second: of many it says how far it has come.
fn bar(streams: usize) -> ProgressBar {
    if streams <= FEW {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{pos}/{len} streams {wide_bar} {eta}");
    let bar = ProgressBar::new(streams as u64);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn create(name: &str, shards: Option<u32>, output: &StreamsOutput) -> Outcome<()> {
    let kinesis = Kinesis::new(&output.connect)?;
    let input = match shards {
        Some(shards) => json!({"StreamName": name, "ShardCount": shards}),
        None => json!({"StreamName": name, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}),
    };
    let created = kinesis.call_patiently("CreateStream", &input).await;
    created.map_err(|failure| {
        let is_there = failure.code() == Some("ResourceInUseException");
        failure.advised(|| is_there.then(|| format!("Look at it with `fanlight streams {name}`.")))
    })?;
    let summary = kinesis.settled(name, |summary| summary["StreamStatus"] == "ACTIVE").await?;
    if output.json {
        return Ok(writeln!(stdout(), "{summary}")?);
    }
    let shards = summary["OpenShardCount"].as_u64().unwrap_or_default();
    Ok(writeln!(stdout(), "{name} is active with {}", table::counted(shards, "shard"))?)
}

async fn delete(name: &str, output: &StreamsOutput) -> Outcome<()> {
    let kinesis = Kinesis::new(&output.connect)?;
    let input = json!({"StreamName": name, "EnforceConsumerDeletion": true});
    if let Err(failure) = kinesis.call_patiently("DeleteStream", &input).await {
        return Err(kinesis.with_near_names(name, failure).await);
    }
    match kinesis.settled(name, |_| false).await {
        Err(failure) if failure.code() == Some("ResourceNotFoundException") => {
            let line =
                if output.json { json!({"deleted": name}).to_string() } else { format!("{name} is gone") };
            Ok(writeln!(stdout(), "{line}")?)
        }
        Err(failure) => Err(failure),
        Ok(_) => Ok(()),
    }
}

async fn deregister(name: &str, consumer: &str, output: &StreamsOutput) -> Outcome<()> {
    let kinesis = Kinesis::new(&output.connect)?;
    let arn = kinesis.summary(name).await?["StreamARN"].take();
    let consumers = kinesis.pages("ListStreamConsumers", json!({"StreamARN": arn}), "Consumers").await?;
    let names: Vec<_> = consumers.iter().filter_map(|it| it["ConsumerName"].as_str()).collect();
    if !names.contains(&consumer) {
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Failure::Usage(format!("{name} has no consumer {consumer}; it has {there}")));
    }
    let input = json!({"StreamARN": arn, "ConsumerName": consumer});
    kinesis.call_patiently("DeregisterStreamConsumer", &input).await?;
    let line = json!({"deregistered": consumer, "stream": name}).to_string();
    let line = if output.json { line } else { format!("{consumer} of {name} is deregistered") };
    Ok(writeln!(stdout(), "{line}")?)
}

/// How long ago a stream or consumer was made.
fn age(kinesis: &Kinesis, created: &Value) -> String {
    let created = super::time::from_secs(created.as_f64().unwrap_or_default());
    super::time::roughly(Duration::from_millis(kinesis.now().millis_since(created)))
}
