//! The control plane as a state machine: streams, shards and consumers, changed only by applying journaled
//! commands. Pure: replaying the journal rebuilds the same catalog. Knows no records and no wire.

mod account;
mod changes;
mod command;
mod consumer;
mod forget;
mod lifecycle;
mod reshard;
mod shard;
mod state;
mod stream;
mod view;

#[cfg(test)]
mod lineage_tests;
#[cfg(test)]
mod tests;

pub use account::{COMMITMENT_MILLIS_MIN, Commitment, CommitmentStatus};
pub use command::{Command, Rejection};
pub use consumer::{Consumer, ConsumerStatus};
pub use shard::Shard;
pub use state::{Catalog, Effect, ShardAddress};
pub use stream::{Recent, Stream, StreamMode, StreamStatus};
pub use view::{ShardFilter, ShardView};
