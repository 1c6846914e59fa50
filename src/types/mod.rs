//! The vocabulary: ids, numbers and times, with their text forms and nothing that behaves.

pub mod time;

pub use time::{Instant, Timestamp};
