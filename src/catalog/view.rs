//! What a listing shows of a stream's shards: those of one instant, or all from one on.

use serde::{Deserialize, Serialize};

use super::{Shard, Stream};
use crate::types::{ShardId, Timestamp};

/// Which shards are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardFilter {
    /// Those with higher ids.
    After(ShardId),
    /// Those open when the oldest readable record can have arrived.
    AtTrimHorizon,
    /// Those that can hold readable records.
    FromTrimHorizon,
    /// Those open now.
    AtLatest,
    /// Those open then.
    At(Timestamp),
    /// Those open then or later.
    From(Timestamp),
}

/// A filter as it was meant when a listing began: its pages fit together, whatever becomes of the stream
/// between one and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardView {
    pub(super) filter: ShardFilter,
    horizon: Timestamp,
    /// The stream's first shards: a time before them means them.
    begin: Timestamp,
    /// Shards from this one on have come since.
    end: ShardId,
}

impl Stream {
    /// What the filter shows at `now`.
    pub fn view(&self, filter: ShardFilter, now: Timestamp) -> ShardView {
        // What closed with a shard that is gone, or before, can no longer be shown as a whole, though
        // retention may have grown since.
        let horizon = self.trim_horizon(now).max(self.whole_since);
        ShardView { filter, horizon, begin: self.created, end: self.next_shard_id() }
    }
}

impl ShardView {
    /// Whether it was taken of this stream, and not of an earlier one of its name.
    pub fn is_of(&self, stream: &Stream) -> bool {
        self.begin == stream.created
    }

    /// The shards of `stream` it shows, by id.
    pub fn shards<'s>(&self, stream: &'s Stream) -> impl Iterator<Item = &'s Shard> + use<'s> {
        let view = *self;
        stream.shards.iter().filter(move |shard| view.shows(shard))
    }

    /// Whether a shard is in the view. At an instant shared by a close and an open, children are.
    fn shows(self, shard: &Shard) -> bool {
        let closed = self.closed(shard);
        shard.id < self.end
            && closed.is_none_or(|closed| closed >= self.horizon)
            && match self.filter {
                ShardFilter::After(id) => shard.id > id,
                ShardFilter::AtTrimHorizon => self.is_open_at(shard, self.horizon),
                ShardFilter::FromTrimHorizon => true,
                ShardFilter::AtLatest => closed.is_none(),
                ShardFilter::At(time) => self.is_open_at(shard, time.max(self.horizon)),
                ShardFilter::From(time) => closed.is_none_or(|closed| closed >= time.max(self.horizon)),
            }
    }

    fn is_open_at(self, shard: &Shard, time: Timestamp) -> bool {
        let time = time.max(self.begin);
        shard.created <= time && self.closed(shard).is_none_or(|closed| closed > time)
    }

    /// When the shard was closed, as far as was known when the listing began.
    fn closed(self, shard: &Shard) -> Option<Timestamp> {
        shard.closed.filter(|_| shard.children.iter().all(|child| *child < self.end))
    }
}
