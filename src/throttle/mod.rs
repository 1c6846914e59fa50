//! Throttles as plain integer arithmetic: they are told `now` and answer at once, or say when to come back.

mod call_rates;
mod quotas;
mod shard;
mod token_bucket;

pub use call_rates::{CallRates, Caller};
pub use quotas::Quotas;
pub use shard::{Refused, ShardReads, ShardWrites};
pub use token_bucket::TokenBucket;
