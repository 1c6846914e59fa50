//! What users of the catalog rely on.

use std::collections::BTreeMap;

use super::*;
use crate::types::hash_key::even_ranges;
use crate::types::{HashKey, ShardId, Timestamp};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn with_stream(shards: u32) -> Catalog {
    let mut catalog = Catalog::default();
    let create = Command::CreateStream {
        stream: "orders".into(),
        at: at(1000),
        mode: StreamMode::Provisioned,
        shards,
        max_record_kib: 1024,
        tags: BTreeMap::new(),
        auto_distribution: false,
        warm_mibps: None,
    };
    assert_eq!(catalog.apply(&create).map(|effect| effect.opened.len()), Ok(shards as usize));
    assert_eq!(catalog.apply(&create), Err(Rejection::StreamExists));
    catalog
}

/// Every hash key belongs to exactly one open shard.
fn assert_covers(stream: &Stream) {
    let mut next = 0u128;
    let open: Vec<_> = stream.open_shards().collect();
    for (index, shard) in open.iter().enumerate() {
        assert_eq!(shard.range.start.0, next);
        next = shard.range.end.0.wrapping_add(1);
        assert_eq!(next == 0, index + 1 == open.len());
    }
}

#[test]
fn a_stream_and_its_consumer_move_through_their_states_by_themselves() {
    let mut catalog = with_stream(2);
    let register = Command::RegisterConsumer {
        stream: "orders".into(),
        consumer: "app".into(),
        at: at(1050),
        tags: BTreeMap::new(),
    };
    catalog.apply(&register).unwrap();
    let (due, activate) = catalog.next_transition(100).unwrap();
    assert_eq!(due, at(1100));
    catalog.apply(&activate).unwrap();
    let (due, activate) = catalog.next_transition(100).unwrap();
    assert_eq!(due, at(1150));
    catalog.apply(&activate).unwrap();
    assert_eq!(catalog.next_transition(100), None);
    let stream = catalog.stream(&"orders".into()).unwrap();
    assert_eq!(stream.status, StreamStatus::Active);
    assert_eq!(stream.consumers["app"].status, ConsumerStatus::Active);

    catalog.apply(&Command::DeleteStream { stream: "orders".into(), at: at(2000) }).unwrap();
    let (_, remove) = catalog.next_transition(100).unwrap();
    let effect = catalog.apply(&remove).unwrap();
    assert_eq!((effect.removed.len(), effect.ended_consumers.len()), (2, 1));
    assert_eq!((catalog.stream_count(), catalog.logs().len()), (0, 0));
}

#[test]
fn split_and_merge_keep_the_hash_space_covered_and_the_lineage_told() {
    let mut catalog = with_stream(2);
    let parent = catalog.stream(&"orders".into()).unwrap().shards[0].clone();
    let split = Command::Reshard {
        stream: "orders".into(),
        at: at(5000),
        parents: vec![parent.id],
        starts: vec![parent.range.start, HashKey(77)],
    };
    let effect = catalog.apply(&split).unwrap();
    assert_eq!((effect.closed, effect.opened.len()), (vec![parent.log], 2));
    let stream = catalog.stream(&"orders".into()).unwrap().clone();
    assert_covers(&stream);
    assert_eq!(stream.shards[0].children, [ShardId(2), ShardId(3)]);
    assert_eq!(stream.shard_for(HashKey(76)).id, ShardId(2));
    assert_eq!(stream.shard_for(HashKey(77)).parent, Some(ShardId(0)));

    let merge = Command::Reshard {
        stream: "orders".into(),
        at: at(6000),
        parents: vec![ShardId(3), ShardId(1)],
        starts: vec![HashKey(77)],
    };
    catalog.apply(&merge).unwrap();
    let stream = catalog.stream(&"orders".into()).unwrap();
    assert_covers(stream);
    assert_eq!(stream.shard(ShardId(4)).unwrap().parents().collect::<Vec<_>>(), [ShardId(3), ShardId(1)]);
    assert_eq!(catalog.apply(&merge), Err(Rejection::Shards), "closed shards do not merge again");
}

#[test]
fn commands_survive_their_journal_form() {
    let command = Command::Reshard {
        stream: "s".into(),
        at: at(1),
        parents: vec![ShardId(0)],
        starts: vec![HashKey(0), HashKey(u128::MAX)],
    };
    let text = serde_json::to_string(&command).unwrap();
    assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
}

#[test]
fn a_stream_is_scaled_in_few_generations() {
    let mut catalog = with_stream(1);
    let starts = even_ranges(1000).iter().map(|range| range.start).collect();
    let effect = catalog.apply(&Command::Rescale { stream: "orders".into(), at: at(2000), starts }).unwrap();
    assert_eq!((effect.opened.len(), effect.closed.len()), (2 * 999, 999));
    let stream = catalog.stream(&"orders".into()).unwrap();
    assert_covers(stream);
    let generations =
        |shard: &Shard| std::iter::successors(Some(shard), |shard| stream.shard(shard.parent?)).count() - 1;
    assert_eq!(stream.open_shards().map(generations).max(), Some(10), "each halves what is to be done");
}

#[test]
fn a_shard_is_forgotten_after_its_parents_and_its_id_stays_taken() {
    let mut catalog = with_stream(1);
    let day = 24 * 3_600_000;
    let scale = |target: u32, millis| {
        let starts = even_ranges(target).iter().map(|range| range.start).collect();
        Command::Rescale { stream: "orders".into(), at: at(millis), starts }
    };
    catalog.apply(&scale(2, 2000)).unwrap();
    catalog.apply(&scale(1, 3000)).unwrap();
    let forget = |shards: &[u32]| Command::ForgetShards {
        stream: "orders".into(),
        shards: shards.iter().copied().map(ShardId).collect(),
    };
    let next = |catalog: &Catalog, millis| catalog.next_forgetting(at(millis), 10, |_, _| true);
    assert_eq!(next(&catalog, day + 2000), None, "records of its last millisecond are still readable");
    assert_eq!(next(&catalog, day + 2001), Some(forget(&[0])));
    assert_eq!(next(&catalog, day + 3001), Some(forget(&[0, 1, 2])));
    assert_eq!(catalog.next_forgetting(at(day + 3001), 10, |shard, _| shard.id != ShardId(0)), None);
    for wrong in [&[1][..], &[0, 3], &[0, 9]] {
        assert_eq!(catalog.apply(&forget(wrong)), Err(Rejection::Shards), "{wrong:?}");
    }
    let log = catalog.stream(&"orders".into()).unwrap().shards[0].log;
    assert_eq!(catalog.apply(&forget(&[0])).map(|effect| effect.removed), Ok(vec![log]));
    assert_eq!((catalog.address(log), catalog.logs().len()), (None, 3));
    catalog.apply(&forget(&[1, 2])).unwrap();
    catalog.apply(&scale(2, day + 4000)).unwrap();
    let stream = catalog.stream(&"orders".into()).unwrap();
    let ids: Vec<_> = stream.shards.iter().map(|shard| shard.id.0).collect();
    assert_eq!(ids, [3, 4, 5]);
    assert_eq!(stream.shards[0].parents().collect::<Vec<_>>(), [ShardId(1), ShardId(2)]);
}
