//! What an input has to be answered with, by the model and the service's words alone: type errors first, then
//! up to ten violated constraints. Written apart from the server's own reading of inputs, to judge it.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use regex_lite::Regex;

use crate::cbor_value::Item;
use crate::encoding::Encoding;
use crate::exceptions::{in_order, printed_pattern, printed_values};
use crate::model::{Kind, Model, Operation, Shape};
use crate::words::{clip, enclosed, lengths, lower_first, mistyped, objects};

/// Violations told at most.
const VIOLATIONS_MAX: usize = 10;

/// The verdict on an input's types and constraints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing to say against it: what follows is the operation's business.
    Accepted,
    /// A `SerializationException` with this text.
    Mistyped(String),
    /// A `ValidationException` with this text.
    Violates(String),
}

type Members = BTreeMap<String, Item>;

/// Reads an input, as it is seen in an encoding.
pub(crate) fn judge(model: &Model, operation: &Operation, input: &Item, encoding: Encoding) -> Verdict {
    let Item::Map(members) = input else { panic!("an input is a structure: {input:?}") };
    let mut reader = Reader { model, encoding, mistyped: None, violations: Vec::new() };
    if let Some(shape) = &operation.input {
        reader.structure(model.shape(shape), &operation.name, members, "");
    }
    reader.verdict()
}

struct Reader<'m> {
    model: &'m Model,
    encoding: Encoding,
    mistyped: Option<String>,
    violations: Vec<String>,
}

impl Reader<'_> {
    fn verdict(self) -> Verdict {
        let count = self.violations.len().min(VIOLATIONS_MAX);
        let told = self.violations[..count].join("; ");
        match (self.mistyped, count) {
            (Some(message), _) => Verdict::Mistyped(message),
            (None, 0) => Verdict::Accepted,
            (None, 1) => Verdict::Violates(format!("1 validation error detected: {told}")),
            (None, _) => Verdict::Violates(format!("{count} validation errors detected: {told}")),
        }
    }

    fn mistyped(&mut self, message: String) {
        self.mistyped.get_or_insert(message);
    }

    fn violated(&mut self, path: &str, value: &str, constraint: &str) {
        let value = clip(value);
        self.violations
            .push(format!("Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"));
    }

    fn missing(&mut self, path: &str) {
        let constraint = "failed to satisfy constraint: Member must not be null";
        self.violations.push(format!("Value null at '{path}' {constraint}"));
    }

    fn structure(&mut self, shape: &Shape, of: &str, members: &Members, path: &str) {
        for (name, member) in in_order(shape, of) {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}", lower_first(name));
            match members.get(name) {
                None | Some(Item::Null) if shape.requires(name) => self.missing(&path),
                None | Some(Item::Null) => {}
                Some(value) => self.value(self.model.shape(member), value, &path),
            }
        }
    }

    fn value(&mut self, shape: &Shape, item: &Item, path: &str) {
        match (shape.kind, item) {
            (Kind::String, Item::Text(text)) => self.text(shape, text, path),
            (Kind::Integer | Kind::Long, Item::Integer(number)) => self.number(shape, *number, path),
            #[expect(clippy::cast_possible_truncation, reason = "the conversion saturates")]
            (Kind::Integer | Kind::Long, Item::Float(number)) => {
                self.number(shape, number.floor() as i64, path);
            }
            (Kind::Boolean, Item::Bool(_)) => {}
            (Kind::Boolean, Item::Float(number)) if number.fract() != 0.0 => {}
            (Kind::Boolean, Item::Text(text)) => self.word(text),
            (Kind::Blob, Item::Bytes(bytes)) => self.blob(shape, bytes.len(), path),
            (Kind::Blob, Item::Text(text)) if self.encoding == Encoding::Json => {
                self.base64(shape, text, path);
            }
            (Kind::Timestamp, Item::Integer(_) | Item::Float(_) | Item::Tagged(1, _)) => {}
            (Kind::List, Item::List(items)) => self.list(shape, items, path),
            (Kind::Map, Item::Map(entries)) => self.map(shape, entries, path),
            (Kind::Structure, Item::Map(members)) => self.structure(shape, &shape.name, members, path),
            (kind, item) => self.mistyped(mistyped(kind, item)),
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, path: &str) {
        if !shape.values.is_empty() {
            if !shape.values.iter().any(|it| it == text) {
                self.violated(path, text, &one_of(shape));
            }
            return;
        }
        if shape.pattern.as_deref().is_some_and(|pattern| !matches(pattern, text)) {
            let pattern = printed_pattern(shape).expect("it has one");
            self.violated(path, text, &format!("Member must satisfy regular expression pattern: {pattern}"));
        }
        self.bounds(shape, "length", code_points(text), path, text);
    }

    fn number(&mut self, shape: &Shape, number: i64, path: &str) {
        let narrow = number.clamp(i32::MIN.into(), i32::MAX.into());
        let number = if shape.kind == Kind::Integer { narrow } else { number };
        self.bounds(shape, "value", number, path, &number.to_string());
    }

    /// The words that pass for a boolean.
    fn word(&mut self, text: &str) {
        let upper = text.to_uppercase();
        if !["TRUE", "FALSE", "1", "0", "YES", "NO"].contains(&upper.as_str()) {
            self.mistyped(format!("'{upper}' can not be converted to an Boolean"));
        }
    }

    fn blob(&mut self, shape: &Shape, bytes: usize, path: &str) {
        let printed = format!("java.nio.HeapByteBuffer[pos=0 lim={bytes} cap={bytes}]");
        self.bounds(shape, "length", i64::try_from(bytes).expect("small"), path, &printed);
    }

    fn base64(&mut self, shape: &Shape, text: &str, path: &str) {
        let told = match STANDARD.decode_to_vec(text) {
            Ok(bytes) => return self.blob(shape, bytes.len(), path),
            Err(_) if !text.len().is_multiple_of(4) => {
                format!("Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.len())
            }
            Err(_) => match stranger(text) {
                Some(stranger) => format!("Invalid Base64 character: '{stranger}'"),
                None => "Invalid last non-pad Base64 character dectected".to_owned(),
            },
        };
        self.mistyped(format!("'{}' can not be converted to a Blob: {told}", clip(text)));
    }

    fn bounds(&mut self, shape: &Shape, what: &str, actual: i64, path: &str, printed: &str) {
        if let Some(min) = shape.min.filter(|min| actual < *min) {
            let constraint = format!("Member must have {what} greater than or equal to {min}");
            self.violated(path, printed, &constraint);
        }
        if let Some(max) = shape.max.filter(|max| actual > *max) {
            self.violated(path, printed, &format!("Member must have {what} less than or equal to {max}"));
        }
    }

    fn list(&mut self, shape: &Shape, items: &[Item], path: &str) {
        let (model, count) = (self.model, i64::try_from(items.len()).expect("short"));
        let each = model.shape(&shape.item);
        if each.kind == Kind::Structure {
            self.bounds(shape, "length", count, path, &objects(&each.name, items.len()));
            for (position, item) in (1..).zip(items) {
                let item = if *item == Item::Null { &Item::Map(Members::new()) } else { item };
                self.value(each, item, &format!("{path}.{position}.member"));
            }
            return;
        }
        let texts: Vec<&str> = (1..)
            .zip(items)
            .filter_map(|(at, item)| self.item(item, &format!("{path}.{at}.member")))
            .collect();
        let printed = enclosed(texts.iter().map(|it| (*it).to_owned()), "[", "]");
        if !texts.iter().all(|text| admits(each, text)) {
            let constraint = if each.values.is_empty() { lengths(each) } else { one_of(each) };
            self.violated(path, &printed, &format!("Member must satisfy constraint: [{constraint}]"));
        }
        self.bounds(shape, "length", count, path, &printed);
    }

    /// A string among others.
    fn item<'i>(&mut self, item: &'i Item, path: &str) -> Option<&'i str> {
        match item {
            Item::Text(text) => return Some(text),
            Item::Null => self.missing(path),
            other => self.mistyped(mistyped(Kind::String, other)),
        }
        None
    }

    fn map(&mut self, shape: &Shape, entries: &Members, path: &str) {
        let (keys, values) = (self.model.shape(&shape.entry.0), self.model.shape(&shape.entry.1));
        let mut texts = Vec::new();
        for (key, value) in entries {
            let text = self.item(value, &format!("{path}.{key}.member")).unwrap_or_default();
            texts.push((key.as_str(), text));
        }
        let printed = enclosed(texts.iter().map(|(key, value)| format!("{key}={value}")), "{", "}");
        if !texts.iter().all(|(key, _)| admits(keys, key)) {
            self.violated(path, &printed, &format!("Map keys must satisfy constraint: [{}]", lengths(keys)));
        }
        if !texts.iter().all(|(_, value)| admits(values, value)) {
            let constraint = format!("Map value must satisfy constraint: [{}]", lengths(values));
            self.violated(path, &printed, &constraint);
        }
        self.bounds(shape, "length", i64::try_from(texts.len()).expect("few"), path, &printed);
    }
}

fn one_of(shape: &Shape) -> String {
    format!("Member must satisfy enum value set: [{}]", printed_values(shape))
}

fn admits(shape: &Shape, text: &str) -> bool {
    let length = code_points(text);
    let is_one = shape.values.is_empty() || shape.values.iter().any(|it| it == text);
    is_one && shape.min.is_none_or(|min| length >= min) && shape.max.is_none_or(|max| length <= max)
}

fn code_points(text: &str) -> i64 {
    i64::try_from(text.chars().count()).expect("short")
}

/// Whether all of a text matches, as the service's own matching has it.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).expect("a pattern of the model").is_match(text)
}

/// The first character that has no place in base64, or a padding before the end.
fn stranger(text: &str) -> Option<char> {
    let (mut chars, is_known) =
        (text.chars().peekable(), |it: char| it.is_ascii_alphanumeric() || "+/=".contains(it));
    while let Some(char) = chars.next() {
        if !is_known(char) || (char == '=' && chars.peek().is_some_and(|next| *next != '=')) {
            return Some(char);
        }
    }
    None
}
