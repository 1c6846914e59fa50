//! Bytes and messages: the two request encodings, event-stream framing, error bodies. Knows no operation
//! and no socket.

mod value;

pub use value::Value;
