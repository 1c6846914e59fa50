//! The number of shards changed while the load goes on: what is asked, when, and what it costs.
//!
//! | file | owns |
//! |---|---|
//! | `flags` | what is asked, and whether the service would do it |
//! | `pause` | how long the records took that were under way meanwhile |

mod flags;
mod pause;

use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Failure};
use crate::clock::now_ns;
use crate::control;
use crate::shared::Shared;
use crate::units::nanos;

pub(crate) use flags::{KEYS, ReshardFlags};
pub(crate) use pause::{Pause, Pauses, Reshards};

/// Goes through the targets, one every so often from the load's start on; a refusal ends it with a complaint.
pub(crate) async fn carry_out(
    flags: ReshardFlags,
    client: Client,
    stream: String,
    start_ns: u64,
    shared: Arc<Shared>,
) {
    let Some(reshards) = shared.reshards.get() else { return };
    let mut due_ns = start_ns;
    for (at, &target) in flags.targets.iter().enumerate() {
        due_ns += nanos(flags.every);
        tokio::time::sleep(Duration::from_nanos(due_ns.saturating_sub(now_ns()))).await;
        reshards.called(at, now_ns());
        let scaled = scale(&client, &stream, target).await;
        if let Err(failure) = scaled {
            return shared.complain(format!("UpdateShardCount to {target}: {failure}"));
        }
        reshards.active(at, now_ns());
    }
}

/// Has the stream scale, and waits until it is ACTIVE with so many open shards.
async fn scale(client: &Client, stream: &str, target: u16) -> Result<(), Failure> {
    control::update_shard_count(client, stream, target).await?;
    match control::active_stream(client, stream).await?.open_shard_count {
        open if open == u32::from(target) => Ok(()),
        open => Err(Failure::Connection(format!("the stream is ACTIVE with {open} open shards"))),
    }
}
