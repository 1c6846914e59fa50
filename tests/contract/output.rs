//! Is an output what the model says? No member it does not know, none missing that it requires, each of its
//! type and within its constraints.

use std::collections::BTreeMap;

use crate::cbor_value::Item;
use crate::encoding::Encoding;
use crate::exceptions::{BELOW_MINIMUM, LEFT_OUT};
use crate::model::{Kind, Model, Shape};
use crate::reference::matches;

/// What is wrong with an output of this shape; an operation without one answers an empty body.
pub(crate) fn faults(model: &Model, output: Option<&str>, body: &[u8], encoding: Encoding) -> Vec<String> {
    let Some(shape) = output else {
        return if body.is_empty() { Vec::new() } else { vec![format!("{} bytes of nothing", body.len())] };
    };
    if body.is_empty() {
        return vec!["an empty body".to_owned()];
    }
    faults_of(model, shape, &encoding.read(body), encoding)
}

/// What is wrong with a value of this shape.
pub(crate) fn faults_of(model: &Model, shape: &str, item: &Item, encoding: Encoding) -> Vec<String> {
    let mut checker = Checker { model, encoding, faults: Vec::new() };
    checker.value(model.shape(shape), item, shape);
    checker.faults
}

struct Checker<'m> {
    model: &'m Model,
    encoding: Encoding,
    faults: Vec<String>,
}

impl Checker<'_> {
    fn fault(&mut self, path: &str, what: &str) {
        self.faults.push(format!("{path}: {what}"));
    }

    fn value(&mut self, shape: &Shape, item: &Item, path: &str) {
        match (shape.kind, item) {
            (Kind::String, Item::Text(text)) => self.text(shape, text, path),
            (Kind::Integer | Kind::Long, Item::Integer(number)) => self.bounds(shape, *number, path),
            (Kind::Boolean, Item::Bool(_)) => {}
            (Kind::Blob, item) if self.is_blob(item) => {}
            (Kind::Timestamp, item) if self.is_time(item) => {}
            (Kind::List, Item::List(items)) => {
                self.bounds(shape, length(items.len()), path);
                for (at, item) in items.iter().enumerate() {
                    self.value(self.model.shape(&shape.item), item, &format!("{path}[{at}]"));
                }
            }
            (Kind::Structure, Item::Map(members)) => self.structure(shape, members, path),
            (kind, other) => self.fault(path, &format!("not a {kind:?}: {other:?}")),
        }
    }

    fn structure(&mut self, shape: &Shape, members: &BTreeMap<String, Item>, path: &str) {
        for name in members.keys().filter(|name| !shape.has(name)) {
            self.fault(path, &format!("{name} is not in the model"));
        }
        for (name, member) in &shape.members {
            let path = format!("{path}.{name}");
            match members.get(name) {
                Some(item) => self.value(self.model.shape(member), item, &path),
                None if shape.requires(name) && !is_left_out(name, members) => self.fault(&path, "missing"),
                None => {}
            }
        }
    }

    fn text(&mut self, shape: &Shape, text: &str, path: &str) {
        if !shape.values.is_empty() && !shape.values.iter().any(|it| it == text) {
            self.fault(path, &format!("{text} is none of {:?}", shape.values));
        }
        if shape.pattern.as_deref().is_some_and(|pattern| !matches(pattern, text)) {
            self.fault(path, &format!("{text} does not match {:?}", shape.pattern));
        }
        self.bounds(shape, length(text.chars().count()), path);
    }

    fn bounds(&mut self, shape: &Shape, actual: i64, path: &str) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let min = shape.min.filter(|_| !BELOW_MINIMUM.contains(&name));
        if min.is_some_and(|min| actual < min) || shape.max.is_some_and(|max| actual > max) {
            self.fault(path, &format!("{actual} is not in {:?}..={:?}", shape.min, shape.max));
        }
    }

    fn is_blob(&self, item: &Item) -> bool {
        match (self.encoding, item) {
            (Encoding::Json, Item::Text(text)) => base64_simd::STANDARD.decode_to_vec(text).is_ok(),
            (Encoding::Cbor, Item::Bytes(_)) => true,
            _ => false,
        }
    }

    /// Seconds with at most three decimals in JSON, whole milliseconds behind a tag in CBOR.
    fn is_time(&self, item: &Item) -> bool {
        match (self.encoding, item) {
            (Encoding::Json, Item::Integer(_)) => true,
            (Encoding::Json, Item::Float(seconds)) => {
                let text = seconds.to_string();
                text.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 3)
            }
            (Encoding::Cbor, Item::Tagged(1, inner)) => matches!(**inner, Item::Integer(_)),
            _ => false,
        }
    }
}

fn length(count: usize) -> i64 {
    i64::try_from(count).expect("a length")
}

/// Whether a member that is required is left out for a reason: of the last event, which has child shards.
fn is_left_out(name: &str, members: &BTreeMap<String, Item>) -> bool {
    LEFT_OUT.contains(&name) && members.contains_key("ChildShards")
}

#[test]
fn is_an_output_that_is_wrong_found_to_be() {
    let Some(model) = crate::model::model() else { return };
    let faults = |shape: &str, json: &str| {
        let item = Encoding::Json.read(json.as_bytes());
        faults_of(model, shape, &item, Encoding::Json).len()
    };
    let record =
        r#"{"SequenceNumber": "1", "ApproximateArrivalTimestamp": 1.5, "Data": "YQ==", "PartitionKey": "k"}"#;
    for (change, into, found) in [
        ("x", "x", 0),
        ("\"1\"", "\"01\"", 1),
        ("\"1\"", "1", 1),
        ("1.5", "\"1.5\"", 1),
        ("1.5", "1.0625", 1),
        ("YQ==", "YQ", 1),
        ("\"k\"", "\"\"", 1),
        ("\"k\"", "null", 1),
        ("\"SequenceNumber\"", "\"Number\"", 2),
        ("\"k\"", "\"k\", \"EncryptionType\": \"SECRET\"", 1),
    ] {
        assert_eq!(faults("Record", &record.replace(change, into)), found, "{change} {into}");
    }
    assert_eq!(faults("PutRecordsOutput", r#"{"FailedRecordCount": 0, "Records": []}"#), 1);
}
