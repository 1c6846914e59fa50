//! One message as a tree: what a JSON and a CBOR body have in common. Requests borrow their text from the
//! body; blobs of a CBOR request are slices of it. Knows the two encodings' shared shapes, no operations.

use std::borrow::Cow;

use bytes::Bytes;

/// A decoded member, or one to encode.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// JSON `null`, CBOR `f6`: means absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width either encoding carries.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Text; in a JSON request also a blob, still in base64.
    Text(Cow<'a, str>),
    /// Bytes: base64 text in JSON, a byte string in CBOR.
    Blob(Bytes),
    /// Milliseconds since the epoch: float seconds in JSON, tag 1 with integer *milliseconds* in CBOR.
    Timestamp(i64),
    /// A list.
    List(Vec<Value<'a>>),
    /// A structure or map, members in the order they came.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}
