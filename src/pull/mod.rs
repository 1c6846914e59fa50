//! The pull path's own parts: shard iterators, and what one `GetRecords` answer holds. Knows no operation.

mod page;
mod shard_iterator;

pub use page::Page;
pub use shard_iterator::{IteratorError, ShardIterator};
