//! Random inputs: well-typed ones that mostly mean something, ill-typed ones, and requests around them that
//! are broken in their heads or bodies.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::cbor_value::{Item, text};
use crate::encoding::Encoding;
use crate::model::{Kind, Model, Operation, Shape};
use crate::samples::{self, Extent, Fixtures};
use crate::support::http::AUTHORIZATION;

/// Names of streams; few, so that requests meet.
const STREAMS: [&str; 3] = ["a", "b", "c"];
/// Pieces of text that mean something somewhere.
const WORDS: [&str; 16] = [
    "",
    "0",
    "-1",
    "a",
    "b",
    "reader",
    "x y",
    "ä€😀",
    "shardId-000000000000",
    "shardId-000000000003",
    "foo-5",
    "007",
    "LATEST",
    "ALL",
    "aws:x",
    "340282366920938463463374607431768211455",
];
const NUMBERS: [i64; 12] =
    [0, 1, 2, 3, 24, 48, 1024, 100_001, i32::MAX as i64, 100_000_000_000, -1, i64::MIN];

/// A source of requests.
pub(crate) struct Dice<'m> {
    pub(crate) model: &'m Model,
    pub(crate) rng: Rng,
    pub(crate) fixtures: Fixtures,
}

/// The head of a request, and how its body is written.
pub(crate) type Head = http::request::Parts;

impl Dice<'_> {
    /// Whether something happens that does so once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.rng.usize(..times) == 0
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }

    /// An input of an operation: a valid one, of which members are changed, left out or added.
    pub(crate) fn input(&mut self, operation: &Operation) -> Item {
        let stream = self.one(&STREAMS);
        let arn = format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}");
        let policy = text(&format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*",
                "Action": "kinesis:*", "Resource": "{arn}"}}}}"#
        ));
        self.fixtures.extend([("stream", text(stream)), ("arn", text(&arn)), ("policy", policy)]);
        let extent = self.one(&[Extent::Least, Extent::Most]);
        let sample = samples::input(self.model, operation, extent, &self.fixtures);
        let (Item::Map(mut members), Some(shape)) = (sample, &operation.input) else {
            return Item::Map(BTreeMap::new());
        };
        // Some inputs are changed little or not at all, so that they get somewhere.
        let calm = self.one(&[0, 1, 2, 10]);
        for (name, shape) in &self.model.shape(shape).members {
            match self.rng.u32(..10) + calm {
                0 | 1 => drop(members.insert(name.clone(), self.value(self.model.shape(shape)))),
                2 => drop(members.remove(name)),
                3 if self.once_in(3) => drop(members.insert(name.clone(), self.anything(3))),
                _ => {}
            }
        }
        if self.once_in(10) {
            members.insert("Stranger".to_owned(), self.anything(2));
        }
        Item::Map(members)
    }

    /// A value of a shape, not always within its constraints.
    fn value(&mut self, shape: &Shape) -> Item {
        match shape.kind {
            Kind::String if !shape.values.is_empty() && !self.once_in(10) => {
                text(&shape.values[self.rng.usize(..shape.values.len())])
            }
            Kind::String => self.text(),
            Kind::Integer | Kind::Long => self.number(shape),
            Kind::Boolean => Item::Bool(self.rng.bool()),
            Kind::Blob => Item::Bytes(self.bytes(300)),
            Kind::Timestamp => self.time(),
            Kind::List => {
                let items = self.rng.usize(..4);
                Item::List((0..items).map(|_| self.value(self.model.shape(&shape.item))).collect())
            }
            Kind::Map => self.map(|dice| dice.text()),
            Kind::Structure => self.structure(shape),
        }
    }

    fn structure(&mut self, shape: &Shape) -> Item {
        let mut members = BTreeMap::new();
        for (name, shape) in &shape.members {
            if !self.once_in(3) {
                members.insert(name.clone(), self.value(self.model.shape(shape)));
            }
        }
        Item::Map(members)
    }

    fn map(&mut self, mut value: impl FnMut(&mut Self) -> Item) -> Item {
        let entries = self.rng.usize(..4);
        Item::Map((0..entries).map(|_| (self.one(&WORDS).to_owned(), value(self))).collect())
    }

    fn text(&mut self) -> Item {
        let known: Vec<Item> =
            self.fixtures.values().filter(|it| matches!(it, Item::Text(_))).cloned().collect();
        match self.rng.u32(..4) {
            0 => known[self.rng.usize(..known.len())].clone(),
            1 => text(&self.one(&WORDS).repeat(self.rng.usize(1..20))),
            _ => text(self.one(&WORDS)),
        }
    }

    fn number(&mut self, shape: &Shape) -> Item {
        let bounds = [shape.min.unwrap_or(1), shape.max.unwrap_or(4)];
        match self.rng.u32(..4) {
            0 => Item::Integer(self.one(&NUMBERS)),
            1 => Item::Integer(self.one(&bounds) + self.rng.i64(-1..=1)),
            2 => Item::Float(self.rng.f64() * 10.0),
            _ => Item::Integer(self.rng.i64(..8)),
        }
    }

    fn time(&mut self) -> Item {
        match self.rng.u32(..4) {
            0 => Item::Integer(self.one(&NUMBERS)),
            1 => Item::Float(self.rng.f64() * 4e9),
            2 => self.fixtures["created"].clone(),
            _ => Item::Tagged(1, Box::new(Item::Integer(self.one(&NUMBERS)))),
        }
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let count = self.rng.usize(..most);
        (0..count).map(|_| self.rng.u8(..)).collect()
    }

    /// A value of any type.
    fn anything(&mut self, depth: u32) -> Item {
        match self.rng.u32(..if depth == 0 { 7 } else { 9 }) {
            0 => Item::Null,
            1 => Item::Bool(self.rng.bool()),
            2 => Item::Integer(self.one(&NUMBERS)),
            3 => Item::Float((self.rng.f64() - 0.5) * 1e12),
            4 => self.text(),
            5 => Item::Bytes(self.bytes(20)),
            6 => self.time(),
            7 => Item::List((0..self.rng.usize(..4)).map(|_| self.anything(depth - 1)).collect()),
            _ => self.map(|dice| dice.anything(depth - 1)),
        }
    }

    /// What may become of a body on its way.
    pub(crate) fn broken(&mut self, mut body: Vec<u8>) -> Vec<u8> {
        match self.rng.u32(..5) {
            0 => body.clear(),
            1 => body.truncate(self.rng.usize(..=body.len())),
            2 => body = self.bytes(200),
            3 => body.extend(self.bytes(5)),
            _ => {
                for _ in 0..self.rng.usize(1..4).min(body.len()) {
                    let at = self.rng.usize(..body.len());
                    body[at] ^= 1 << self.rng.u32(..8);
                }
            }
        }
        body
    }

    /// The head of a request as it should be.
    pub(crate) fn head(&mut self, operation: &str, encoding: Encoding) -> Head {
        let head = http::Request::post("/")
            .header("content-type", encoding.content_type())
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("x-amz-date", "20261101T000000Z")
            .header("authorization", AUTHORIZATION);
        head.body(()).expect("a request").into_parts().0
    }

    /// A head with a part of it changed.
    pub(crate) fn bent(&mut self, mut head: Head) -> Head {
        let (name, values): (_, &[&str]) = match self.rng.u32(..7) {
            0 => {
                ("content-type", &["", "text/plain", "application/json", "application/x-amz-json-1.0", ";;"])
            }
            1 => {
                ("x-amz-target", &["", "Kinesis_20131202.", "Kinesis_20131202.Nothing", "PutRecord", "...."])
            }
            2 => (
                "authorization",
                &["", "Basic eA==", "AWS4-HMAC-SHA256 Credential=", "Credential=/,Signature=,SignedHeaders="],
            ),
            3 => ("origin", &["", "null", "https://example.org"]),
            4 => ("x-amz-date", &["", "yesterday"]),
            5 => {
                head.method = self.one(&["GET", "PUT", "OPTIONS", "HEAD", "BREW"]).parse().expect("a method");
                return head;
            }
            _ => {
                let query =
                    self.one(&["?X-Amz-Algorithm=x", "?X-Amz-Credential=a&X-Amz-Date=b", "x/../%00", "?"]);
                head.uri = format!("/{query}").parse().expect("a target");
                return head;
            }
        };
        head.headers.remove(name);
        if !self.once_in(3) {
            head.headers.insert(name, self.one(values).parse().expect("a value"));
        }
        head
    }
}
