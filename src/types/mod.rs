//! The vocabulary: ids, numbers and times, with their text forms and nothing that behaves.

pub mod arn;
pub mod hash_key;
pub mod position;
pub mod sequence_number;
pub mod shard_id;
pub mod stream_key;
pub mod time;

pub use arn::{ConsumerArn, StreamArn, is_account, is_valid_name};
pub use hash_key::{HashKey, HashKeyRange};
pub use position::{LogId, Offset};
pub use sequence_number::{DIGITS as SEQUENCE_NUMBER_DIGITS, SequenceNumber};
pub use shard_id::ShardId;
pub use stream_key::StreamKey;
pub use time::{Instant, Timestamp};
