//! What users of the catalog rely on.

use std::collections::BTreeMap;

use super::*;
use crate::types::hash_key::even_ranges;
use crate::types::{HashKey, ShardId, Timestamp};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn with_stream(shards: u32) -> Catalog {
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

/// A view at an instant covers the hash space, whoever was open then.
fn assert_covers_at(stream: &Stream, time: u64) {
    let open =
        |shard: &&Shard| shard.created <= at(time) && shard.closed.is_none_or(|closed| closed > at(time));
    let mut ranges: Vec<_> = stream.shards.iter().filter(open).map(|shard| shard.range).collect();
    ranges.sort_by_key(|range| range.start);
    let mut next = Some(0_u128);
    for range in ranges {
        assert_eq!(Some(range.start.0), next);
        next = range.end.0.checked_add(1);
    }
    assert_eq!(next, None);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_a_stream_is_scaled_to_every_key_has_one_shard_at_every_instant(
        first in 1_u32..40,
        targets in proptest::collection::vec(1_u32..40, 1..6),
    ) {
        let mut catalog = with_stream(first);
        for (target, time) in targets.iter().zip(2000..) {
            let starts = even_ranges(*target).iter().map(|range| range.start).collect();
            let rescale = Command::Rescale { stream: "orders".into(), at: at(time), starts };
            let effect = catalog.apply(&rescale).unwrap();
            let stream = catalog.stream(&"orders".into()).unwrap();
            assert_covers(stream);
            assert_eq!(stream.open_shard_count(), *target as usize);
            assert!(effect.closed.len() <= stream.shards.len());
            (1000..=time).for_each(|time| assert_covers_at(stream, time));
        }
        let stream = catalog.stream(&"orders".into()).unwrap();
        for shard in &stream.shards {
            let parents: Vec<_> = shard.parents().collect();
            assert!(parents.iter().all(|parent| *parent < shard.id && parents.len() <= 2));
            for parent in parents.iter().filter_map(|&parent| stream.shard(parent)) {
                assert!(parent.children.contains(&shard.id) && parent.closed == Some(shard.created));
            }
        }
    }
}
