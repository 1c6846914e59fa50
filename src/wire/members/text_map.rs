//! A member that is a map from strings to strings: tags.

use std::collections::BTreeMap;

use super::convert::{self, Kind, mistyped};
use super::problems::{Path, enclosed};
use super::{Bounds, Entries, Members};
use crate::wire::Value;

/// A map from strings to strings, being declared.
pub struct TextMap<'m, 'p, 'v> {
    members: &'m mut Members<'p, 'v>,
    name: &'static str,
    bounds: Bounds,
    keys: Bounds,
    values: Bounds,
}

impl<'m, 'p, 'v> TextMap<'m, 'p, 'v> {
    pub(super) fn new(members: &'m mut Members<'p, 'v>, name: &'static str) -> Self {
        Self { members, name, bounds: Bounds::NONE, keys: Bounds::NONE, values: Bounds::NONE }
    }

    /// Bounds the number of entries.
    #[must_use]
    pub fn length(self, low: u32, high: u32) -> Self {
        Self { bounds: Bounds::new(low, high), ..self }
    }

    /// Bounds the length of each key in Unicode code points.
    #[must_use]
    pub fn keys(self, low: u32, high: u32) -> Self {
        Self { keys: Bounds::new(low, high), ..self }
    }

    /// Bounds the length of each value in Unicode code points.
    #[must_use]
    pub fn values(self, low: u32, high: u32) -> Self {
        Self { values: Bounds::new(low, high), ..self }
    }

    /// Reads it, if it is there; of equal keys the last one.
    pub fn optional(self) -> Option<BTreeMap<&'v str, &'v str>> {
        let Self { members, name, bounds, keys, values } = self;
        let entries = members.convert(name, |value, _| map_entries(value))?;
        let map: BTreeMap<&str, &str> = entries
            .iter()
            .filter_map(|(key, value)| Some((&**key, members.map_value(name, key, value)?)))
            .collect();
        let printed = || enclosed(map.iter().map(|(key, value)| format!("{key}={value}")), ['{', '}']);
        if !map.keys().all(|key| keys.admit(key)) {
            members.violate(name, printed, &format!("Map keys must satisfy constraint: [{}]", keys.both()));
        }
        if !map.values().all(|value| values.admit(value)) {
            members.violate(
                name,
                printed,
                &format!("Map value must satisfy constraint: [{}]", values.both()),
            );
        }
        members.check(name, bounds.count(map.len()), printed);
        Some(map)
    }

    /// Reads it; empty if it is missing.
    pub fn required(self) -> BTreeMap<&'v str, &'v str> {
        let Self { members, name, bounds, keys, values } = self;
        let map = TextMap { members: &mut *members, name, bounds, keys, values }.optional();
        members.or_missing(name, map)
    }
}

fn map_entries<'v>(value: &'v Value<'v>) -> Result<&'v Entries<'v>, String> {
    if let Value::Map(entries) = value { Ok(entries) } else { Err(mistyped(value, Kind::Map)) }
}

impl<'v> Members<'_, 'v> {
    /// Reads one value of a map of strings; a null is told as missing and read as empty.
    fn map_value(&mut self, name: &str, key: &str, value: &'v Value<'v>) -> Option<&'v str> {
        if *value == Value::Null {
            let map = Path::Member(&self.path, name);
            self.problems.missing(&Path::Entry(&map, key));
            return Some("");
        }
        self.typed(convert::text(value))
    }
}
