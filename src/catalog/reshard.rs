//! Shards that close and others that take their place, at one instant: there is no moment at which a hash key
//! has no open shard or two, for producers and readers alike.

use std::collections::BinaryHeap;

use super::{Catalog, Command, Effect, Rejection, Stream, StreamMode, StreamStatus};
use crate::types::{HashKey, HashKeyRange, ShardId, StreamKey, Timestamp};

impl Catalog {
    /// The command at a time no shard of its stream is younger than. The operator may have set the clock
    /// back; shards that close before they open would leave gaps in what was open when.
    pub fn in_order(&self, mut command: Command) -> Command {
        if let Command::Reshard { stream, at, .. }
        | Command::Rescale { stream, at, .. }
        | Command::SetMode { stream, at, .. }
        | Command::SetWarmThroughput { stream, at, .. } = &mut command
            && let Some(last) = self.stream(stream).and_then(|stream| stream.shards.last())
        {
            *at = last.created.max(*at);
        }
        command
    }

    /// One split or one merge.
    pub(super) fn reshard(
        &mut self,
        key: &StreamKey,
        at: Timestamp,
        parents: &[ShardId],
        starts: &[HashKey],
    ) -> Result<Effect, Rejection> {
        let mut stream = Stream::clone(self.stream(key).ok_or(Rejection::NoSuchStream)?);
        let mut effect = Effect::default();
        self.give_way(&mut stream, at, parents, starts, &mut effect)?;
        // What the service does by itself on demand, users see by its shards alone.
        if stream.mode == StreamMode::Provisioned {
            (stream.status, stream.since) = (StreamStatus::Updating, at);
        }
        stream.index_open();
        self.replace(stream);
        Ok(effect)
    }

    /// Splits and merges until the open shards begin at `starts`. Shards in between are closed as soon as
    /// they are opened, so that every child has one parent or two, as readers expect.
    pub(super) fn rescale(
        &mut self,
        key: &StreamKey,
        at: Timestamp,
        starts: &[HashKey],
    ) -> Result<Effect, Rejection> {
        let effect = self.scale_to(key, at, starts)?;
        let stream = self.stream_mut(key)?;
        super::stream::Recent::note(&mut stream.recent.scalings, at);
        Ok(effect)
    }

    /// Has a stream as many shards as the capacity to keep ready takes. More it keeps: what they are used
    /// for is not known here.
    pub(super) fn warm_up(&mut self, key: &StreamKey, at: Timestamp) -> Result<Effect, Rejection> {
        let stream = self.stream(key).ok_or(Rejection::NoSuchStream)?;
        let warm = stream.warm_mibps.unwrap_or_default();
        if stream.warm_mibps_now() == warm {
            return Ok(Effect::default());
        }
        let starts = with_halves(stream, warm as usize);
        self.scale_to(key, at, &starts)
    }

    fn scale_to(&mut self, key: &StreamKey, at: Timestamp, starts: &[HashKey]) -> Result<Effect, Rejection> {
        let mut stream = Stream::clone(self.stream(key).ok_or(Rejection::NoSuchStream)?);
        let all = HashKeyRange { start: HashKey(0), end: HashKey(u128::MAX) };
        cut(all, starts).ok_or(Rejection::Shards)?;
        let mut effect = Effect::default();
        self.split_everywhere(&mut stream, at, starts, &mut effect)?;
        stream.index_open();
        self.merge_between(&mut stream, at, starts, &mut effect)?;
        stream.index_open();
        (stream.status, stream.since) = (StreamStatus::Updating, at);
        self.replace(stream);
        Ok(effect)
    }

    /// Has a shard begin at each of `starts`.
    fn split_everywhere(
        &mut self,
        stream: &mut Stream,
        at: Timestamp,
        starts: &[HashKey],
        effect: &mut Effect,
    ) -> Result<(), Rejection> {
        let open: Vec<_> = stream.open_shards().map(|shard| (shard.id, shard.range)).collect();
        for (id, range) in open {
            let first = starts.partition_point(|start| *start <= range.start);
            let end = starts.partition_point(|start| *start <= range.end);
            self.split_at(stream, at, (id, range.start), &starts[first..end], effect)?;
        }
        Ok(())
    }

    /// Splits one shard at all of `starts`, in the middle of them first: readers have as few generations to
    /// follow as can be.
    fn split_at(
        &mut self,
        stream: &mut Stream,
        at: Timestamp,
        (shard, from): (ShardId, HashKey),
        starts: &[HashKey],
        effect: &mut Effect,
    ) -> Result<(), Rejection> {
        let (below, rest) = starts.split_at(starts.len() / 2);
        let Some((&start, above)) = rest.split_first() else { return Ok(()) };
        self.give_way(stream, at, &[shard], &[from, start], effect)?;
        let upper = stream.last_shard_id().ok_or(Rejection::Shards)?;
        self.split_at(stream, at, (ShardId(upper.0 - 1), from), below, effect)?;
        self.split_at(stream, at, (upper, start), above, effect)
    }

    /// Merges neighbours, two at a time, until nothing but `starts` begins a shard.
    fn merge_between(
        &mut self,
        stream: &mut Stream,
        at: Timestamp,
        starts: &[HashKey],
        effect: &mut Effect,
    ) -> Result<(), Rejection> {
        let open: Vec<_> = stream.open_shards().map(|shard| (shard.id, shard.range.start)).collect();
        let is_same_target = |a: &(ShardId, HashKey), b: &(ShardId, HashKey)| {
            starts.partition_point(|start| *start <= a.1) == starts.partition_point(|start| *start <= b.1)
        };
        for run in open.chunk_by(is_same_target) {
            let mut run = run.to_vec();
            while run.len() > 1 {
                let mut merged = Vec::new();
                for pair in run.chunks(2) {
                    if let [(lower, start), (upper, _)] = pair {
                        self.give_way(stream, at, &[*lower, *upper], &[*start], effect)?;
                        merged.push((stream.last_shard_id().ok_or(Rejection::Shards)?, *start));
                    } else {
                        merged.extend_from_slice(pair);
                    }
                }
                run = merged;
            }
        }
        Ok(())
    }

    /// Closes `parents` and opens their children.
    fn give_way(
        &mut self,
        stream: &mut Stream,
        at: Timestamp,
        parents: &[ShardId],
        starts: &[HashKey],
        effect: &mut Effect,
    ) -> Result<(), Rejection> {
        let whole = range_of(stream, parents).ok_or(Rejection::Shards)?;
        let ranges = cut(whole, starts).ok_or(Rejection::Shards)?;
        let first_child = stream.next_shard_id().0;
        let child_count = u32::try_from(ranges.len()).map_err(|_| Rejection::Shards)?;
        for &parent in parents {
            let shard = stream.shard_mut(parent).ok_or(Rejection::Shards)?;
            shard.closed = Some(at);
            shard.children = (first_child..first_child + child_count).map(ShardId).collect();
            effect.closed.push(shard.log);
        }
        for range in ranges {
            effect.opened.push(self.open_shard(stream, range, at, parents));
        }
        Ok(())
    }
}

/// The hash range that open, adjacent `parents` cover together.
fn range_of(stream: &Stream, parents: &[ShardId]) -> Option<HashKeyRange> {
    let shards: Vec<_> = parents.iter().map(|&id| stream.shard(id)).collect::<Option<_>>()?;
    let adjacent =
        shards.windows(2).all(|pair| pair[0].range.end.0.checked_add(1) == Some(pair[1].range.start.0));
    let (first, last) = (shards.first()?, shards.last()?);
    (adjacent && shards.iter().all(|shard| shard.is_open()))
        .then_some(HashKeyRange { start: first.range.start, end: last.range.end })
}

/// Cuts a range at ascending `starts`, the first of which is its own.
fn cut(whole: HashKeyRange, starts: &[HashKey]) -> Option<Vec<HashKeyRange>> {
    let ascending = starts.windows(2).all(|pair| pair[0] < pair[1]);
    let inside = starts.first() == Some(&whole.start) && starts.last().is_some_and(|last| *last <= whole.end);
    if !ascending || !inside {
        return None;
    }
    let ends = starts.iter().skip(1).map(|next| HashKey(next.0 - 1)).chain([whole.end]);
    Some(starts.iter().zip(ends).map(|(&start, end)| HashKeyRange { start, end }).collect())
}

/// Where a stream's open shards begin once the widest were halved until there are `count`: none of them is
/// taken away from traffic it was cut for.
fn with_halves(stream: &Stream, count: usize) -> Vec<HashKey> {
    let width = |range: &HashKeyRange| range.end.0 - range.start.0;
    let mut widest: BinaryHeap<_> =
        stream.open_shards().map(|shard| (width(&shard.range), shard.range.start)).collect();
    while widest.len() < count
        && let Some((width, start)) = widest.pop()
    {
        let below = width / 2;
        let upper = HashKey(start.0 + below + 1);
        widest.extend([(below, start), (width - below - 1, upper)]);
    }
    let mut starts: Vec<_> = widest.into_iter().map(|(_, start)| start).collect();
    starts.sort_unstable();
    starts
}
