//! The service's words: type errors, and how it prints values and constraints.

use crate::cbor_value::Item;
use crate::model::{Kind, Shape};

/// Characters of an offending value that this server repeats (docs/compatibility.md).
const PRINTED_CHARS_MAX: usize = 8192;

/// The text for a value that cannot be what it is declared as.
pub(crate) fn mistyped(declared: Kind, item: &Item) -> String {
    let class = match item {
        Item::List(_) => return "Start of list found where not expected".to_owned(),
        Item::Map(_) => return "Start of structure or map found where not expected.".to_owned(),
        Item::Bool(_) => "java.lang.Boolean",
        Item::Integer(_) | Item::Float(_) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Item::Bytes(_) => "java.nio.HeapByteBuffer",
        Item::Tagged(..) => "java.util.Date",
        Item::Text(_) | Item::Null => "java.lang.String",
    };
    let target = match declared {
        Kind::List => return "Expected list or null".to_owned(),
        Kind::Map => return "Expected map or null".to_owned(),
        Kind::Structure => return "Expected null".to_owned(),
        Kind::String => "an String",
        Kind::Integer => "an Integer",
        Kind::Long => "an Long",
        Kind::Boolean => "an Boolean",
        Kind::Blob => "a Blob",
        Kind::Timestamp => "milliseconds since epoch",
    };
    format!("class {class} can not be converted to {target}")
}

/// Both bounds of a length, as collections tell them of their items.
pub(crate) fn lengths(shape: &Shape) -> String {
    let (min, max) = (shape.min.expect("a bound"), shape.max.expect("a bound"));
    format!(
        "Member must have length less than or equal to {max}, \
         Member must have length greater than or equal to {min}"
    )
}

/// The beginning of a value.
pub(crate) fn clip(text: &str) -> &str {
    text.char_indices().nth(PRINTED_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// `[a, b]` or `{a, b}`.
pub(crate) fn enclosed(items: impl Iterator<Item = String>, open: &str, close: &str) -> String {
    format!("{open}{}{close}", items.collect::<Vec<_>>().join(", "))
}

/// Structures in a list, the addresses left out: those are made up.
pub(crate) fn objects(shape: &str, count: usize) -> String {
    enclosed((0..count).map(|_| format!("{PACKAGE}{shape}@")), "[", "]")
}

const PACKAGE: &str = "com.amazonaws.kinesis.v20131202.";

/// A text without what follows from the addresses of structures: the first object stands for all.
pub(crate) fn without_addresses(text: &str) -> String {
    let Some((before, rest)) = text.split_once(&format!("'[{PACKAGE}")) else { return text.to_owned() };
    let (shape, rest) = rest.split_once('@').expect("an address");
    let (_, behind) = rest.split_once("' at '").expect("a path");
    format!("{before}'[{shape}s]' at '{}", without_addresses(behind))
}

/// A member's name as paths have it.
pub(crate) fn lower_first(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_ascii_lowercase())
}
