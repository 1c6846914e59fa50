//! Bytes and messages: the two request encodings, typed reading of requests, event-stream framing, error
//! bodies. Knows no operation and no socket.

mod base64;
mod cbor;
mod codec;
pub mod error_body;
pub mod event_stream;
mod json;
pub mod members;
mod record;
mod sealed;
pub mod target;
mod value;

pub use codec::{Codec, Malformed};
pub use members::{InputError, Members, Pattern};
pub use record::RecordMembers;
pub use sealed::SealKey;
pub use value::Value;
