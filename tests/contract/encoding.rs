//! Values as both encodings carry them, and bodies made of them.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use serde_json::Value;

use crate::cbor_value::{self, Item};
use crate::support::http::{CBOR, JSON};

/// One of the two encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Cbor,
}

impl Encoding {
    /// Both.
    pub(crate) const ALL: [Encoding; 2] = [Encoding::Json, Encoding::Cbor];

    /// Its content type.
    pub(crate) fn content_type(self) -> &'static str {
        if self == Encoding::Json { JSON } else { CBOR }
    }

    /// A body.
    pub(crate) fn write(self, input: &Item) -> Vec<u8> {
        match (self, input) {
            (Encoding::Json, _) => to_json(input).to_string().into_bytes(),
            (Encoding::Cbor, Item::Map(members)) => {
                let members: Vec<_> =
                    members.iter().map(|(name, item)| (name.as_str(), item.clone())).collect();
                cbor_value::structure(&members)
            }
            (Encoding::Cbor, other) => panic!("a body is a structure: {other:?}"),
        }
    }

    /// What a body holds; an empty one holds no members.
    pub(crate) fn read(self, body: &[u8]) -> Item {
        match self {
            _ if body.is_empty() => Item::Map(BTreeMap::new()),
            Encoding::Json => from_json(&serde_json::from_slice(body).expect("JSON")),
            Encoding::Cbor => cbor_value::read(body),
        }
    }

    /// A value as the other side sees it: JSON knows neither bytes nor times.
    pub(crate) fn seen(self, input: &Item) -> Item {
        self.read(&self.write(input))
    }
}

fn to_json(item: &Item) -> Value {
    match item {
        Item::Null => Value::Null,
        Item::Integer(number) => (*number).into(),
        Item::Float(number) => (*number).into(),
        Item::Text(text) => text.as_str().into(),
        Item::Bytes(bytes) => STANDARD.encode_to_string(bytes).into(),
        Item::Bool(truth) => (*truth).into(),
        // A time: seconds with a fraction.
        Item::Tagged(_, inner) => match **inner {
            Item::Integer(millis) if millis % 1000 == 0 => (millis / 1000).into(),
            Item::Integer(millis) => (millis as f64 / 1000.0).into(),
            ref other => to_json(other),
        },
        Item::List(items) => items.iter().map(to_json).collect(),
        Item::Map(members) => {
            Value::Object(members.iter().map(|(name, it)| (name.clone(), to_json(it))).collect())
        }
    }
}

/// A JSON value; what is text or a number there stays so.
pub(crate) fn from_json(value: &Value) -> Item {
    match value {
        Value::Null => Item::Null,
        Value::Bool(truth) => Item::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Item::Integer(integer),
            None => Item::Float(number.as_f64().expect("a number")),
        },
        Value::String(text) => Item::Text(text.clone()),
        Value::Array(items) => Item::List(items.iter().map(from_json).collect()),
        Value::Object(members) => {
            Item::Map(members.iter().map(|(name, it)| (name.clone(), from_json(it))).collect())
        }
    }
}
