//! Shards that leave the catalog: closed ones whose records are all past retention. Their children go on
//! naming them as parents.

use std::collections::HashSet;

use super::{Catalog, Command, Effect, Rejection, Shard, Stream};
use crate::types::{ShardId, StreamKey, Timestamp};

impl Catalog {
    /// Takes closed shards out of a stream: at most `shards_max` of one stream, and such as `may_go`
    /// says, asked with the stream's horizon.
    /// None if there are none.
    pub fn next_forgetting(
        &self,
        now: Timestamp,
        shards_max: usize,
        may_go: impl Fn(&Shard, Timestamp) -> bool,
    ) -> Option<Command> {
        self.streams().find_map(|stream| {
            let shards = stream.forgettable(now, shards_max, &may_go);
            (!shards.is_empty()).then(|| Command::ForgetShards { stream: stream.key.clone(), shards })
        })
    }

    pub(super) fn forget_shards(&mut self, key: &StreamKey, shards: &[ShardId]) -> Result<Effect, Rejection> {
        let gone: HashSet<_> = shards.iter().copied().collect();
        let stream = self.stream_mut(key)?;
        if !stream.can_forget(&gone) {
            return Err(Rejection::Shards);
        }
        let closed = stream.shards.iter().filter(|shard| gone.contains(&shard.id)).filter_map(|it| it.closed);
        let past_all = closed.map(|closed| Timestamp::from_millis(closed.as_millis() + 1));
        stream.whole_since = past_all.chain([stream.whole_since]).max().unwrap_or_default();
        let removed = stream.shards.extract_if(.., |shard| gone.contains(&shard.id));
        let removed: Vec<_> = removed.map(|shard| shard.log).collect();
        stream.index_open();
        for log in &removed {
            self.addresses.remove(log);
        }
        Ok(Effect { removed, ..Effect::default() })
    }
}

impl Stream {
    /// Closed shards past retention at `now`, by id: parents go before their children, so that whoever reads
    /// a shard to its end is told what follows.
    fn forgettable(
        &self,
        now: Timestamp,
        shards_max: usize,
        may_go: impl Fn(&Shard, Timestamp) -> bool,
    ) -> Vec<ShardId> {
        let horizon = self.trim_horizon(now);
        let mut going: Vec<ShardId> = Vec::new();
        for shard in &self.shards {
            if going.len() == shards_max {
                break;
            }
            let stays =
                |parent: ShardId| self.shard(parent).is_some() && going.binary_search(&parent).is_err();
            let is_past = shard.closed.is_some_and(|closed| closed < horizon);
            if is_past && !shard.parents().any(stays) && may_go(shard, horizon) {
                going.push(shard.id);
            }
        }
        going
    }

    /// Whether these exist, are closed, and leave no parent of theirs behind.
    fn can_forget(&self, gone: &HashSet<ShardId>) -> bool {
        let may_go = |id: &ShardId| {
            self.shard(*id).is_some_and(|shard| {
                let stays = |parent: ShardId| self.shard(parent).is_some() && !gone.contains(&parent);
                !shard.is_open() && !shard.parents().any(stays)
            })
        };
        gone.iter().all(may_go)
    }
}
