//! The pull path's own parts: shard iterators, what one `GetRecords` answer
//! holds, and how far behind they are. Knows no operation.

mod iterator_age;
mod page;
mod shard_iterator;

pub use iterator_age::IteratorAge;
pub use page::Page;
pub use shard_iterator::{IteratorError, ShardIterator};
