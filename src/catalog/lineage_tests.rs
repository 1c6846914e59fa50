//! Whatever is split, merged, scaled and forgotten, at whatever time: every view of a stream's shards covers
//! the hash space once, and every shard's descent is told.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::with_stream;
use super::*;
use crate::types::hash_key::even_ranges;
use crate::types::{HashKey, HashKeyRange, ShardId, Timestamp};

const HOUR: u64 = 3_600_000;
/// Sequences in the normal run.
const SEQUENCES: u32 = 10_000;

/// What may happen to a stream.
#[derive(Clone, Debug)]
enum Step {
    /// An open shard is split so far (of 256) into its range.
    Split(usize, u8),
    /// An open shard is merged with the one above it.
    Merge(usize),
    Scale(u32),
    Retain(u32),
    /// Time passes, or the clock is set back.
    Pass(i64),
    /// At most so many closed shards go, but not those whose ids leave this remainder: somebody reads them.
    Forget(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let hours = HOUR.cast_signed();
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(shard, place)| Step::Split(shard, place)),
        4 => any::<usize>().prop_map(Step::Merge),
        4 => (1_u32..24).prop_map(Step::Scale),
        1 => (24_u32..72).prop_map(Step::Retain),
        3 => (0_i64..3).prop_map(Step::Pass),
        3 => (-hours..40 * hours).prop_map(Step::Pass),
        3 => (1_usize..8, 0_u32..5).prop_map(|(most, read)| Step::Forget(most, read)),
    ]
}

/// A stream under way, and what is known of it from outside.
struct Course {
    catalog: Catalog,
    /// The same, rebuilt from the journal's form of every command.
    replayed: Catalog,
    now: u64,
    /// Shards it began with.
    first: u32,
    /// The ranges of all shards there ever were.
    ever: BTreeMap<ShardId, HashKeyRange>,
}

impl Course {
    fn new(first: u32) -> Self {
        let (catalog, replayed) = (with_stream(first), with_stream(first));
        Self { catalog, replayed, now: 1000, first, ever: BTreeMap::new() }
    }

    fn stream(&self) -> &Stream {
        self.catalog.stream(&"orders".into()).unwrap()
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn take(&mut self, step: &Step) {
        let stream = "orders".into();
        let command = match *step {
            Step::Split(shard, place) => self.split(shard, place),
            Step::Merge(shard) => self.merge(shard),
            Step::Scale(target) => {
                let starts = even_ranges(target).iter().map(|range| range.start).collect();
                Some(Command::Rescale { stream, at: self.at(), starts })
            }
            Step::Retain(hours) => Some(Command::SetRetention { stream, at: self.at(), hours }),
            Step::Pass(millis) => {
                self.now = self.now.saturating_add_signed(millis);
                None
            }
            Step::Forget(most, read) => {
                self.catalog.next_forgetting(self.at(), most, |shard, _| shard.id.0 % 5 != read)
            }
        };
        if let Some(command) = command {
            self.apply(command);
        }
    }

    fn apply(&mut self, command: Command) {
        let command = self.catalog.in_order(command);
        let views = self.views();
        let before = Stream::clone(self.stream());
        self.catalog.apply(&command).unwrap();
        let text = serde_json::to_string(&command).unwrap();
        self.replayed.apply(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(self.replayed.stream(&"orders".into()), self.catalog.stream(&"orders".into()));
        if !matches!(command, Command::ForgetShards { .. }) {
            for view in views {
                let shown = |stream| view.shards(stream).map(|shard| shard.id).collect::<Vec<_>>();
                assert_eq!(shown(&before), shown(self.stream()), "{view:?} goes on as it began");
            }
        }
    }

    fn split(&self, shard: usize, place: u8) -> Option<Command> {
        let stream = self.stream();
        let shard = stream.open_shards().nth(shard % stream.open_shard_count())?;
        let HashKeyRange { start, end } = shard.range;
        let middle = start.0 + (end.0 - start.0) / 256 * u128::from(place);
        (middle > start.0).then(|| Command::Reshard {
            stream: stream.key.clone(),
            at: self.at(),
            parents: vec![shard.id],
            starts: vec![start, HashKey(middle)],
        })
    }

    fn merge(&self, shard: usize) -> Option<Command> {
        let stream = self.stream();
        let open: Vec<_> = stream.open_shards().collect();
        let pair = open.windows(2).nth(shard.checked_rem(open.len() - 1)?)?;
        Some(Command::Reshard {
            stream: stream.key.clone(),
            at: self.at(),
            parents: vec![pair[0].id, pair[1].id],
            starts: vec![pair[0].range.start],
        })
    }

    /// Times at which something happened, and those just before and after.
    fn instants(&self) -> BTreeSet<u64> {
        let shards = self.stream().shards.iter();
        let times = shards.flat_map(|shard| [Some(shard.created), shard.closed]).flatten();
        let times = times.chain([self.stream().trim_horizon(self.at()), self.at()]);
        times.flat_map(|time| (time.as_millis().saturating_sub(1)..).take(3)).collect()
    }

    fn views(&self) -> Vec<ShardView> {
        let at = self.instants().into_iter().map(Timestamp::from_millis);
        let timed = at.flat_map(|time| [ShardFilter::At(time), ShardFilter::From(time)]);
        let filters =
            timed.chain([ShardFilter::AtLatest, ShardFilter::AtTrimHorizon, ShardFilter::FromTrimHorizon]);
        filters.map(|filter| self.stream().view(filter, self.at())).collect()
    }

    fn check(&mut self) {
        for view in self.views() {
            let shown: BTreeMap<_, _> = view.shards(self.stream()).map(|shard| (shard.id, shard)).collect();
            // Of shards that follow each other, those a reader begins with.
            let first = shown.values().filter(|shard| !shard.parents().any(|it| shown.contains_key(&it)));
            assert_covers(first.map(|shard| shard.range).collect(), &view);
            if !matches!(view.filter, ShardFilter::From(_) | ShardFilter::FromTrimHorizon) {
                assert_covers(shown.values().map(|shard| shard.range).collect(), &view);
            }
        }
        self.check_lineage();
    }

    fn check_lineage(&mut self) {
        let stream = Stream::clone(self.stream());
        for shard in &stream.shards {
            let ever = *self.ever.entry(shard.id).or_insert(shard.range);
            assert_eq!(ever, shard.range, "{} is another shard's id", shard.id);
            let parents: Vec<_> = shard.parents().collect();
            assert!(parents.iter().all(|parent| *parent < shard.id), "{parents:?} of {}", shard.id);
            assert_eq!(parents.is_empty(), shard.id.0 < self.first, "{}", shard.id);
            assert_eq!(shard.children.is_empty(), shard.is_open());
            assert!((0..=2).contains(&shard.children.len()) && parents.len() <= 2);
            for parent in parents.iter().filter_map(|&parent| stream.shard(parent)) {
                assert!(parent.children.contains(&shard.id) && parent.closed == Some(shard.created));
            }
            for child in &shard.children {
                let child = stream.shard(*child).expect("children stay as long as their parents");
                assert!(child.parents().any(|parent| parent == shard.id));
            }
        }
    }
}

/// Every hash key is in exactly one of the ranges.
fn assert_covers(mut ranges: Vec<HashKeyRange>, view: &ShardView) {
    ranges.sort_by_key(|range| range.start);
    let mut next = Some(0_u128);
    for range in &ranges {
        assert_eq!(Some(range.start.0), next, "{view:?} shows {ranges:?}");
        next = range.end.0.checked_add(1);
    }
    assert_eq!(next, None, "{view:?} shows {ranges:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(SEQUENCES))]

    #[test]
    fn whatever_becomes_of_a_stream_its_views_cover_the_hash_space_and_its_shards_tell_their_descent(
        first in 1_u32..12,
        steps in proptest::collection::vec(step(), 1..14),
    ) {
        let mut course = Course::new(first);
        course.check();
        for step in &steps {
            course.take(step);
            course.check();
        }
    }
}
