//! One message as a tree: what a JSON and a CBOR body have in common. Requests borrow their text from the
//! body; blobs of a CBOR request are slices of it. Knows the two encodings' shared shapes, no operations.

use std::borrow::Cow;

use bytes::Bytes;

use super::codec::Malformed;
use crate::types::{HashKey, SequenceNumber, ShardId, Timestamp};

/// Nesting of lists and maps a request may have; the deepest documented input has four levels. Own.
pub(super) const DEPTH_MAX: usize = 32;
/// Values in one request: 500 records have 2,501, 10,000 stream configurations 60,000. A body of nothing but
/// `0,0,0` would otherwise take twenty times its size in memory. Own.
pub(super) const VALUES_MAX: usize = 1 << 18;

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

impl<'a> Value<'a> {
    /// A text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A structure, members written in this order. Absent optional members are [`Value::Null`], which
    /// `Option<T>` converts to and no encoding writes.
    pub fn map<const N: usize>(members: [(&'a str, Self); N]) -> Self {
        Self::Map(members.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = impl Into<Self>>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// The member of a map with this name; the last one if it came twice. `None` where it is null or absent.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        find(members, name)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The integer, if it is one.
    pub const fn as_integer(&self) -> Option<i128> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }
}

/// The last non-null member with this name.
pub(super) fn find<'v, 'a>(members: &'v [(Cow<'a, str>, Value<'a>)], name: &str) -> Option<&'v Value<'a>> {
    let (_, value) = members.iter().rev().find(|(key, _)| key == name)?;
    (*value != Value::Null).then_some(value)
}

macro_rules! from_integer {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Value<'_> {
            fn from(integer: $integer) -> Self {
                Self::Integer(integer.into())
            }
        })*
    };
}
from_integer!(u32 u64 i32 i64);

impl From<usize> for Value<'_> {
    fn from(integer: usize) -> Self {
        Self::from(integer as u64)
    }
}

impl From<bool> for Value<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Bytes> for Value<'_> {
    fn from(blob: Bytes) -> Self {
        Self::Blob(blob)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(timestamp: Timestamp) -> Self {
        Self::Timestamp(i64::try_from(timestamp.as_millis()).unwrap_or(i64::MAX))
    }
}

macro_rules! from_display {
    ($($displayed:ty)*) => {
        $(impl From<$displayed> for Value<'_> {
            fn from(value: $displayed) -> Self {
                Self::text(value.to_string())
            }
        })*
    };
}
from_display!(ShardId HashKey SequenceNumber);

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Self::List(items)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a request may still hold while it is decoded.
pub(super) struct Budget {
    values: usize,
    depth: usize,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self { values: VALUES_MAX, depth: DEPTH_MAX }
    }

    /// Takes one value.
    pub(super) fn value(&mut self) -> Result<(), Malformed> {
        self.values = self.values.checked_sub(1).ok_or(Malformed)?;
        Ok(())
    }

    /// Goes into a list or map.
    pub(super) fn enter(&mut self) -> Result<(), Malformed> {
        self.depth = self.depth.checked_sub(1).ok_or(Malformed)?;
        Ok(())
    }

    /// Comes out of it.
    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_members_counts() {
        let value = Value::map([("A", 1.into()), ("A", 2.into()), ("B", Value::Null)]);
        assert_eq!(value.get("A").and_then(Value::as_integer), Some(2));
        assert_eq!((value.get("B"), value.get("C"), Value::Null.get("A")), (None, None, None));
    }

    #[test]
    fn absent_options_are_null() {
        let value = Value::map([("A", None::<&str>.into()), ("B", Some("b").into())]);
        assert_eq!((value.get("A"), value.get("B").and_then(Value::as_text)), (None, Some("b")));
    }
}
