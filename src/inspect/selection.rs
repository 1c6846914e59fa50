//! What of a data directory is to be shown.

use crate::types::{LogId, Offset, ShardId};

use super::names::Names;

/// The filters of a dump.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `STREAM`, `STREAM/SHARD` or `catalog`; everything without.
    pub shard: Option<String>,
    /// Records before this offset are left out.
    pub from: u64,
    /// Records of a shard at most.
    pub limit: Option<u64>,
}

impl Selection {
    /// The logs that are meant; `None` if all are. An error says that there is no such stream or shard.
    pub(super) fn logs(&self, names: &Names) -> Result<Option<Vec<LogId>>, String> {
        let Some(text) = &self.shard else { return Ok(None) };
        if text == "catalog" {
            return Ok(Some(vec![LogId::CATALOG]));
        }
        let (stream, shard) = text.split_once('/').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        let found =
            names.catalog.stream(&stream.into()).ok_or_else(|| format!("there is no stream {stream}"))?;
        let Some(shard) = shard else {
            return Ok(Some(found.shards.iter().map(|shard| shard.log).collect()));
        };
        let id = ShardId::parse(shard).and_then(|id| found.shard(id));
        id.map(|shard| Some(vec![shard.log])).ok_or_else(|| format!("stream {stream} has no shard {shard}"))
    }

    pub(super) fn from(&self) -> Offset {
        Offset(self.from)
    }
}
