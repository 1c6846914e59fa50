//! Members that are lists, of structures or of strings.

use super::convert::{self, Kind, mistyped};
use super::problems::{Path, enclosed};
use super::scalar::enum_constraint;
use super::{Bounds, Members, entries_of};
use crate::wire::Value;

/// A list of structures, being declared.
pub struct List<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    shape: &'static str,
    bounds: Bounds,
}

impl<'m, 'p, 'v> List<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str, shape: &'static str) -> Self {
        Self { members, name, shape, bounds: Bounds::NONE }
    }

    /// Bounds the number of items.
    #[must_use]
    pub fn length(self, low: u32, high: u32) -> Self {
        Self { bounds: Bounds::new(low, high), ..self }
    }

    /// Reads it, each item with `read`, if it is there. A null item is a structure without members.
    pub fn optional<T>(self, mut read: impl FnMut(&mut Members<'_, 'v>) -> T) -> Option<Vec<T>> {
        let items = self.members.convert(self.name, |value, _| items_of(value))?;
        let shape = self.shape;
        let printed = || enclosed(items.iter().map(|item| java_object(shape, item)), ['[', ']']);
        self.members.check(self.name, self.bounds.count(items.len()), printed);

        let root = self.members.path;
        let list = Path::Member(&root, self.name);
        let numbered = items.iter().zip(1..);
        Some(
            numbered
                .filter_map(|(item, position)| self.members.item(&list, position, item, &mut read))
                .collect(),
        )
    }

    /// Reads it, each item with `read`; empty if it is missing.
    pub fn required<T>(self, read: impl FnMut(&mut Members<'_, 'v>) -> T) -> Vec<T> {
        let Self { members, name, shape, bounds } = self;
        let items = List { members: &mut *members, name, shape, bounds }.optional(read);
        members.or_missing(name, items)
    }
}

impl<'v> Members<'_, 'v> {
    /// Reads one item of a list of structures.
    fn item<T>(
        &mut self,
        list: &Path<'_>,
        position: usize,
        item: &'v Value<'v>,
        read: impl FnMut(&mut Members<'_, 'v>) -> T,
    ) -> Option<T> {
        let entries = if *item == Value::Null { Ok(&[][..]) } else { entries_of(item) };
        let entries = self.typed(entries)?;
        Some(self.nested(Path::Item(list, position), entries, read))
    }
}

fn items_of<'v>(value: &'v Value<'v>) -> Result<&'v [Value<'v>], String> {
    value.as_list().ok_or_else(|| mistyped(value, Kind::List))
}

/// A structure the way the service prints one: a Java object's class and hash.
fn java_object(shape: &str, value: &Value<'_>) -> String {
    let hash = crc32fast::hash(format!("{value:?}").as_bytes());
    format!("com.amazonaws.kinesis.v20131202.{shape}@{hash:x}")
}

/// A list of strings, being declared.
pub struct TextList<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    bounds: Bounds,
    each: Each,
}

/// What every string of a list must satisfy.
#[derive(Clone, Copy)]
enum Each {
    Anything,
    Length(Bounds),
    OneOf(&'static [&'static str]),
}

impl Each {
    fn admits(self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Length(bounds) => bounds.admit(text),
            Self::OneOf(set) => set.contains(&text),
        }
    }

    fn constraint(self) -> String {
        match self {
            Self::Anything => String::new(),
            Self::Length(bounds) => bounds.both(),
            Self::OneOf(set) => enum_constraint(set),
        }
    }
}

impl<'m, 'p, 'v> TextList<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str) -> Self {
        Self { members, name, bounds: Bounds::NONE, each: Each::Anything }
    }

    /// Bounds the number of items.
    #[must_use]
    pub fn length(self, low: u32, high: u32) -> Self {
        Self { bounds: Bounds::new(low, high), ..self }
    }

    /// Bounds the length of each item in Unicode code points.
    #[must_use]
    pub fn each_length(self, low: u32, high: u32) -> Self {
        Self { each: Each::Length(Bounds::new(low, high)), ..self }
    }

    /// Asks each item to be out of a closed set, listed in the order the service prints it.
    #[must_use]
    pub fn each_of(self, set: &'static [&'static str]) -> Self {
        Self { each: Each::OneOf(set), ..self }
    }

    /// Reads it, if it is there.
    pub fn optional(self) -> Option<Vec<&'v str>> {
        let Self { members, name, bounds, each } = self;
        let items = members.convert(name, |value, _| items_of(value))?;
        let texts: Vec<&str> = items
            .iter()
            .zip(1..)
            .filter_map(|(item, position)| members.text_item(name, position, item))
            .collect();
        let printed = || enclosed(texts.iter().map(|&text| text.to_owned()), ['[', ']']);
        if !texts.iter().all(|text| each.admits(text)) {
            members.violate(
                name,
                printed,
                &format!("Member must satisfy constraint: [{}]", each.constraint()),
            );
        }
        members.check(name, bounds.count(items.len()), printed);
        Some(texts)
    }

    /// Reads it; empty if it is missing.
    pub fn required(self) -> Vec<&'v str> {
        let Self { members, name, bounds, each } = self;
        let texts = TextList { members: &mut *members, name, bounds, each }.optional();
        members.or_missing(name, texts)
    }
}

impl<'v> Members<'_, 'v> {
    /// Reads one item of a list of strings.
    fn text_item(&mut self, name: &str, position: usize, item: &'v Value<'v>) -> Option<&'v str> {
        if *item == Value::Null {
            let list = Path::Member(&self.path, name);
            self.problems.missing(&Path::Item(&list, position));
            return None;
        }
        self.typed(convert::text(item))
    }
}
