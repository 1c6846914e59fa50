//! The log engine: appends gather into batches, batches of all shards commit together through one journal,
//! committed batches stay in a memory tail and are written behind into each shard's segments. Knows
//! shards as [`LogId`](crate::types::LogId)s only, no names, ARNs or HTTP.

mod ack;
mod blocking;
mod budget;
mod commit;
mod cursor;
mod engine;
mod error;
mod gather;
mod journal;
mod layout;
mod log;
mod meters;
mod progress;
mod read;
mod readers;
mod recover_journal;
mod recover_segments;
mod recovery;
mod removal;
mod scan;
mod scrub;
mod scrubbing;
mod segment_name;
mod side_by_side;
mod sizes;
mod store;
mod trouble;
mod unpack;
mod verify;
mod window;
mod write_behind;

#[cfg(test)]
mod tests;

pub use ack::Ack;
pub use blocking::read as read_blocking;
pub use engine::{Engine, Event, Settings};
pub use error::StorageError;
pub use gather::Appended;
pub use read::{From, ReadReply};
pub use segment_name::SegmentName;
pub use sizes::Sizes;
pub use store::{Store, Tap};
pub use verify::{Flaw, SegmentWalk};

/// When an append is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Durability {
    /// Once its bytes would survive a power cut. The default.
    Sync,
    /// Once written; made durable every 100 ms. A power cut may take the last moments.
    Interval,
    /// Once written; made durable whenever the kernel pleases.
    None,
}

impl Durability {
    /// The flag's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Interval => "interval",
            Self::None => "none",
        }
    }
}
