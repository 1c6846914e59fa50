//! The vocabulary: ids, numbers and times, with their text forms and nothing that behaves.

pub mod position;
pub mod time;

pub use position::{LogId, Offset};
pub use time::{Instant, Timestamp};
