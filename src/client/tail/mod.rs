//! `fanlight tail`: what is in a stream, and what comes, a line each.

mod consumer;
mod line;
mod lineage;
mod outage;
mod past;
mod place;
mod reader;

use std::collections::BTreeMap;
use std::io::{Write as _, stdout};
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::spawn_local;

use crate::limits::TAIL_BATCHES_MAX;

use super::TailArgs;
use super::events::{ChildShard, Record};
use super::failure::{Failure, Outcome};
use super::kinesis::Kinesis;

use consumer::Consumer;
use line::Form;
use lineage::Lineage;
use outage::Outage;
use place::{From, Place};
use reader::{Reader, Shared, Told, Way};

/// Where it begins unless it is told.
const FROM_TO_FOLLOW: &str = "latest";
const FROM_TO_SHOW: &str = "-10";

/// Shows or follows.
pub(super) async fn run(args: TailArgs) -> Outcome<()> {
    let kinesis = Rc::new(Kinesis::new(&args.connect)?);
    let default = if args.follow { FROM_TO_FOLLOW } else { FROM_TO_SHOW };
    let from = From::parse(args.from.as_deref().unwrap_or(default), kinesis.now())?;
    if from == From::Latest && !args.follow {
        return Err(Failure::Usage("--from latest shows nothing without --follow".into()));
    }
    let stream = kinesis.summary(&args.stream).await?;
    let shards = shards(&kinesis, &args, from).await?;
    if !args.follow {
        return show(&kinesis, &args, from, &shards).await;
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let consumer = match args.pull {
        true => None,
        false => Some(Consumer::register(&kinesis, &stream, args.consumer.as_deref()).await?),
    };
    let way = consumer.as_ref().map_or(Way::Pulled, |consumer| Way::Pushed(consumer.arn.clone()));
    let outcome = tokio::select! {
        outcome = follow(&kinesis, &args, from, shards, way) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if let Some(consumer) = consumer {
        consumer.leave(&kinesis, &args.stream).await;
    }
    outcome
}

/// The shards to begin with, each with its parents.
async fn shards(kinesis: &Kinesis, args: &TailArgs, from: From) -> Outcome<Vec<ChildShard>> {
    let input = match &args.shard {
        Some(_) => json!({"StreamName": args.stream}),
        None => json!({"StreamName": args.stream, "ShardFilter": from.filter()}),
    };
    let listed = kinesis.pages("ListShards", input, "Shards").await?;
    let shards: Vec<_> = listed.iter().filter_map(shard).collect();
    let Some(wanted) = &args.shard else { return Ok(shards) };
    let ids: Vec<_> = shards.iter().map(|shard| shard.shard_id.as_str()).collect();
    let is_it = |id: &&&str| **id == wanted || id.strip_prefix("shardId-").is_some_and(|it| same(it, wanted));
    let Some(id) = ids.iter().find(is_it) else {
        let there = ids.iter().take(10).copied().collect::<Vec<_>>().join(", ");
        let more = if ids.len() > 10 { ", ..." } else { "" };
        return Err(Failure::Usage(format!("{} has no shard {wanted}; it has {there}{more}", args.stream)));
    };
    Ok(vec![ChildShard { shard_id: (*id).to_owned(), parent_shards: Vec::new() }])
}

/// Whether a shard's digits are the number given.
fn same(digits: &str, wanted: &str) -> bool {
    matches!((digits.parse::<u32>(), wanted.parse::<u32>()), (Ok(a), Ok(b)) if a == b)
}

fn shard(value: &Value) -> Option<ChildShard> {
    let parents = ["ParentShardId", "AdjacentParentShardId"].iter();
    let parent_shards = parents.filter_map(|name| value[*name].as_str()).map(str::to_owned).collect();
    Some(ChildShard { shard_id: value["ShardId"].as_str()?.to_owned(), parent_shards })
}

/// Prints what is there, shard after shard.
async fn show(kinesis: &Kinesis, args: &TailArgs, from: From, shards: &[ChildShard]) -> Outcome<()> {
    let form = Form::of(args);
    for ChildShard { shard_id, .. } in shards {
        let of = (args.stream.as_str(), shard_id.as_str());
        match from {
            From::Last(count) => {
                let last = past::last_records(kinesis, of, count).await?;
                print(form, shard_id, last.iter())?;
            }
            From::Time(time) => {
                let take = |records: Vec<Record>| print(form, shard_id, records.iter());
                past::read_to_tip(kinesis, of, &Place::Time(time), take).await?;
            }
            From::TrimHorizon | From::Latest => {
                let take = |records: Vec<Record>| print(form, shard_id, records.iter());
                past::read_to_tip(kinesis, of, &Place::TrimHorizon, take).await?;
            }
        }
    }
    Ok(())
}

async fn follow(
    kinesis: &Rc<Kinesis>,
    args: &TailArgs,
    from: From,
    shards: Vec<ChildShard>,
    way: Way,
) -> Outcome<()> {
    let (sender, told) = channel(TAIL_BATCHES_MAX);
    let shared = Rc::new(Shared {
        kinesis: Rc::clone(kinesis),
        stream: args.stream.clone(),
        way,
        told: sender,
        outage: Outage::default(),
    });
    let mut places = BTreeMap::new();
    if let From::Last(count) = from {
        for ChildShard { shard_id, .. } in &shards {
            let last = past::last_records(kinesis, (&args.stream, shard_id), count).await?;
            print(Form::of(args), shard_id, last.iter())?;
            if let Some(last) = last.back() {
                places.insert(shard_id.clone(), Place::After(last.sequence_number.clone()));
            }
        }
    }
    let mut lineage = Lineage::default();
    let due = lineage.begin(shards);
    let mut following = Following { shared, from, places, readers: 0 };
    due.into_iter().for_each(|shard| following.read(shard, true));
    following.print(args, told, lineage).await
}

/// The readers under way.
struct Following {
    shared: Rc<Shared>,
    from: From,
    /// Of shards some of whose records are printed already.
    places: BTreeMap<String, Place>,
    readers: usize,
}

impl Following {
    /// Begins to read a shard: as the user asked, or a child from its first record.
    fn read(&mut self, shard: String, is_first: bool) {
        let asked = match self.from {
            _ if !is_first => Place::TrimHorizon,
            From::Latest => Place::Latest,
            From::Time(time) => Place::Time(time),
            From::TrimHorizon | From::Last(_) => Place::TrimHorizon,
        };
        let place = self.places.remove(&shard).unwrap_or(asked);
        let reader = Reader { shared: Rc::clone(&self.shared), shard, index: self.readers, place };
        self.readers += 1;
        spawn_local(reader.run());
    }

    async fn print(
        &mut self,
        args: &TailArgs,
        mut told: Receiver<Told>,
        mut lineage: Lineage,
    ) -> Outcome<()> {
        let form = Form::of(args);
        while let Some(told) = told.recv().await {
            match told {
                Told::Records(shard, records) => print(form, &shard, records.iter())?,
                Told::Failed(failure) => return Err(failure),
                Told::Ended(shard, children) => {
                    let ids: Vec<_> = children.iter().map(|child| child.shard_id.clone()).collect();
                    if args.shard.is_some() {
                        eprintln!("fanlight: {shard} has ended; it goes on in {}", ids.join(" and "));
                        return Ok(());
                    }
                    for due in lineage.ended(&shard, children) {
                        self.read(due, false);
                    }
                    if lineage.is_over() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

/// All lines of a batch leave together, and at once.
fn print<'a>(form: Form, shard: &str, records: impl Iterator<Item = &'a Record>) -> Outcome<()> {
    let mut lines = Vec::new();
    for record in records {
        form.write(&mut lines, shard, record)?;
    }
    let mut out = stdout().lock();
    out.write_all(&lines)?;
    Ok(out.flush()?)
}
