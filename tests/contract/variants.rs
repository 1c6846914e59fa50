//! Everything that can be wrong with an input: for each member at every depth, one input for each type it
//! cannot have and each constraint it can violate; and inputs with several faults at once.

use std::collections::BTreeMap;

use crate::cbor_value::{Item, text};
use crate::exceptions::IGNORED;
use crate::model::{Kind, Model, Operation, Shape};

/// An input, and what was done to it.
pub(crate) type Variant = (String, Item);

/// What a valid input turns into. Some of these are valid, too: whoever uses them has to ask.
pub(crate) fn of_input(model: &Model, operation: &Operation, valid: &Item) -> Vec<Variant> {
    operation.input.as_ref().map_or_else(Vec::new, |shape| structure(model, model.shape(shape), valid))
}

fn of_value(model: &Model, shape: &Shape, valid: &Item) -> Vec<Variant> {
    let mut variants = of_other_types();
    variants.extend(match shape.kind {
        Kind::String => strings(shape, valid),
        Kind::Integer | Kind::Long => numbers(shape),
        Kind::Boolean => named(&[("a word", text("maybe"))]),
        Kind::Blob => blobs(shape),
        Kind::Timestamp => named(&[("a date", text("2026-11-26T12:00:00Z"))]),
        Kind::List => list(model, shape, valid),
        Kind::Map => map(model, shape),
        Kind::Structure => structure(model, shape, valid),
    });
    variants
}

fn named(variants: &[(&str, Item)]) -> Vec<Variant> {
    variants.iter().map(|(what, item)| ((*what).to_owned(), item.clone())).collect()
}

/// A value of every type.
fn of_other_types() -> Vec<Variant> {
    named(&[
        ("a boolean", Item::Bool(true)),
        ("an integer", Item::Integer(7)),
        ("a fraction", Item::Float(1.5)),
        ("a text", text("x y")),
        ("bytes", Item::Bytes(vec![0, 159, 146])),
        ("a time", Item::Tagged(1, Box::new(Item::Integer(1_700_000_000_001)))),
        ("a list", Item::List(Vec::new())),
        ("an object", Item::Map(BTreeMap::new())),
    ])
}

/// The member names, in an order of its own: each with each of its variants, then without it, then null.
fn structure(model: &Model, shape: &Shape, valid: &Item) -> Vec<Variant> {
    let Item::Map(members) = valid else { return Vec::new() };
    let mut variants = Vec::new();
    for (name, member) in shape.members.iter().filter(|(name, _)| !IGNORED.contains(&name.as_str())) {
        let with = |what: &str, item: Option<Item>| {
            let mut changed = members.clone();
            changed.remove(name);
            changed.extend(item.map(|item| (name.clone(), item)));
            (format!("{name}: {what}"), Item::Map(changed))
        };
        let of_it = members.get(name).map(|value| of_value(model, model.shape(member), value));
        variants.extend(of_it.into_iter().flatten().map(|(what, item)| with(&what, Some(item))));
        variants.push(with("absent", None));
        variants.push(with("null", Some(Item::Null)));
    }
    variants
}

fn strings(shape: &Shape, valid: &Item) -> Vec<Variant> {
    let valid = if let Item::Text(text) = valid { text.as_str() } else { "" };
    let mut variants = named(&[
        ("empty", text("")),
        ("a blank", text(" ")),
        ("an umlaut", text("ä")),
        ("a minus", text("-1")),
        ("a zero before it", text(&format!("0{valid}"))),
        ("a blank behind it", text(&format!("{valid} "))),
        ("a wide blank behind it", text(&format!("{valid}\u{2003}"))),
        ("a tab behind it", text(&format!("{valid}\u{b}"))),
        ("in small letters", text(&valid.to_lowercase())),
        ("without its end", text(valid.get(..valid.len() / 2).unwrap_or_default())),
    ]);
    let max = shape.max.map(|max| usize::try_from(max).expect("a length"));
    variants.extend(max.map(|max| ("too long".to_owned(), text(&padded(valid, max + 1)))));
    variants.extend(max.map(|max| ("too long in umlauts".to_owned(), text(&"ä".repeat(max + 1)))));
    variants.extend(max.map(|max| ("as long as can be".to_owned(), text(&padded(valid, max)))));
    variants.push(("many digits".to_owned(), text(&"9".repeat(130))));
    variants
}

/// A text made so long.
fn padded(text: &str, length: usize) -> String {
    format!("{text}{}", "a".repeat(length.saturating_sub(text.len())))
}

fn numbers(shape: &Shape) -> Vec<Variant> {
    let (min, max) = (shape.min.unwrap_or_default(), shape.max.unwrap_or(i32::MAX.into()));
    let fraction = Item::Float(0.5);
    named(&[
        ("too small", Item::Integer(min - 1)),
        ("too large", Item::Integer(max + 1)),
        ("much too small", Item::Integer(-100_000_000_000)),
        ("much too large", Item::Integer(100_000_000_000)),
        ("rounded down to 0", fraction),
        ("a number in text", text("5")),
    ])
}

fn blobs(shape: &Shape) -> Vec<Variant> {
    let max = usize::try_from(shape.max.expect("blobs are bounded")).expect("a length");
    named(&[
        ("too long", Item::Bytes(vec![7; max + 1])),
        ("not a multiple of four", text("abc")),
        ("no base64", text("ab!d")),
        ("padded in the middle", text("ab=d")),
        ("bits beyond the end", text("ab==")),
    ])
}

fn list(model: &Model, shape: &Shape, valid: &Item) -> Vec<Variant> {
    let Item::List(items) = valid else { return Vec::new() };
    let (first, each) = (&items[0], model.shape(&shape.item));
    let of_first = of_value(model, each, first).into_iter();
    let mut variants: Vec<Variant> = of_first
        .map(|(what, item)| (format!("second {what}"), Item::List(vec![first.clone(), item])))
        .collect();
    variants.push(("a null".to_owned(), Item::List(vec![Item::Null, first.clone()])));
    let max = usize::try_from(shape.max.expect("lists are bounded")).expect("a length");
    variants.push(("too many".to_owned(), Item::List(vec![first.clone(); max + 1])));
    variants.push(("all wrong".to_owned(), Item::List(vec![Item::Map(BTreeMap::new()); max.min(12)])));
    variants
}

fn map(model: &Model, shape: &Shape) -> Vec<Variant> {
    let (keys, values) = (model.shape(&shape.entry.0), model.shape(&shape.entry.1));
    let one =
        |key: &str, value: Item| Item::Map([("a".to_owned(), text("1")), (key.to_owned(), value)].into());
    let long =
        |shape: &Shape| "ö".repeat(usize::try_from(shape.max.expect("a bound")).expect("a length") + 1);
    let (max, number) = (shape.max.expect("maps are bounded"), |it| (format!("k{it:03}"), text("v")));
    let mut variants = named(&[
        ("an empty key", one("", text("v"))),
        ("a key too long", one(&long(keys), text("v"))),
        ("a value too long", one("k", text(&long(values)))),
        ("a null", one("k", Item::Null)),
        ("both too long", one(&long(keys), text(&long(values)))),
        ("too many", Item::Map((0..=max).map(number).collect())),
    ]);
    let of_other_types = of_other_types().into_iter();
    variants.extend(of_other_types.map(|(what, item)| (format!("a value that is {what}"), one("k", item))));
    variants
}

/// Inputs with one fault each, joined: every two of neighbouring members, and one of each member at once.
pub(crate) fn joined(faults: &[(String, Item)], valid: &Item) -> Vec<Variant> {
    let pairs = faults.windows(2).map(<[_]>::to_vec);
    pairs.chain((faults.len() > 2).then(|| faults.to_vec())).map(|faults| join(&faults, valid)).collect()
}

/// A valid input with these members instead of its own.
fn join(faults: &[(String, Item)], valid: &Item) -> Variant {
    let Item::Map(members) = valid else { panic!("an input is a structure") };
    let mut changed = members.clone();
    changed.extend(faults.iter().cloned());
    let names: Vec<_> = faults.iter().map(|(name, _)| name.as_str()).collect();
    (names.join(" and "), Item::Map(changed))
}
