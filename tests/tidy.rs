//! The house rules the compiler does not check: rooms use lower rooms only, every file says what it owns,
//! lines and files stay short, nothing is left to do, nothing is unsafe but the ring, no test sleeps.
//!
//! Rust checks the direction of dependencies between crates only. Inside this one, the table below does.

// Tests live outside the server's rooms: the system's files are theirs to use.
#![allow(clippy::disallowed_methods)]

#[path = "tidy/source.rs"]
mod source;

use std::path::Path;

use source::{Mention, Source, sources};

/// The rooms of `src/` by rank. The table in `src/lib.rs` is held equal to it.
const RANKS: [&[&str]; 11] = [
    &["limits", "seeded"],
    &["telemetry", "types"],
    &["platform", "wire"],
    &["throttle", "shard_log", "catalog", "scaling"],
    &["storage"],
    &["pull", "push", "inspect"],
    &["api"],
    &["console", "client"],
    &["net"],
    &["config"],
    &["server"],
];
/// Columns of a line.
const LINE_WIDTH_MAX: usize = 110;
/// Columns of a line with text in quotes: the service's messages stay whole where they can be searched for.
const TEXT_WIDTH_MAX: usize = 120;
/// Lines of code, without comments and tests, beyond which a file surely holds a second thing.
const PRODUCT_LINES_MAX: usize = 500;
/// The one file that may talk to the kernel with raw pointers.
const UNSAFE_FILE: &str = "src/platform/uring.rs";
/// Marks of work left undone. Taken apart here, or this file would carry them.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

fn all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["src", "tests", "benches"].iter().flat_map(|dir| sources(root, dir)).collect()
}

fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let sources = all();
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    let broken: Vec<_> = sources.iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// What is wrong with the rooms a file names.
fn rooms_out_of_order(source: &Source) -> Vec<String> {
    let Some(own) = source.room() else { return Vec::new() };
    let Some(own_rank) = rank(own) else { return Vec::new() };
    let wrong = |Mention { line, room }: Mention| {
        let at = format!("{}:{line}", source.path);
        match rank(&room) {
            _ if room == own => None,
            None => Some(format!("{at}: {room:?} is no room")),
            Some(rank) if rank < own_rank => None,
            Some(rank) => Some(format!("{at}: {own} (rank {own_rank}) uses {room} (rank {rank})")),
        }
    };
    let escapes = source.escapes().into_iter();
    let escapes = escapes.map(|line| format!("{}:{line}: `super` leads out of the room", source.path));
    source.mentions().into_iter().filter_map(wrong).chain(escapes).collect()
}

fn without_opening(source: &Source) -> Vec<String> {
    let opens = source.text.starts_with("//! ");
    (!opens).then(|| format!("{}:1: does not open with `//!`", source.path)).into_iter().collect()
}

fn wide_lines(source: &Source) -> Vec<String> {
    let mut in_text = false;
    let mut wide = Vec::new();
    for (number, line) in source.lines() {
        let has_text = in_text || line.contains('"');
        in_text = has_text && line.ends_with('\\');
        let (width, max) = (line.chars().count(), if has_text { TEXT_WIDTH_MAX } else { LINE_WIDTH_MAX });
        if width > max {
            wide.push(format!("{}:{number}: {width} columns, at most {max}", source.path));
        }
    }
    wide
}

fn long_files(source: &Source) -> Vec<String> {
    let lines = source.product_lines().count();
    let long = lines > PRODUCT_LINES_MAX;
    long.then(|| format!("{}: {lines} lines of code, at most {PRODUCT_LINES_MAX}", source.path))
        .into_iter()
        .collect()
}

fn marks_left(source: &Source) -> Vec<String> {
    let marked = |line: &str| MARKS.iter().any(|mark| line.contains(mark));
    places(source, "has a mark of work undone", |_, line| marked(line))
}

fn unsafe_code(source: &Source) -> Vec<String> {
    if source.path == UNSAFE_FILE {
        return Vec::new();
    }
    places(source, "goes behind the compiler", |_, line| has_word(code_of(line), concat!("un", "safe")))
}

/// Paused time may be slept through: it is moved, not waited for. What the tests share polls other processes,
/// each time with a deadline.
fn sleeping_tests(source: &Source) -> Vec<String> {
    if source.path.starts_with("tests/support/") {
        return Vec::new();
    }
    let tests_at = source.tests_at();
    let paused = ["start_paused", "paused time"].iter().any(|words| source.text.contains(words));
    let sleeps = |line: &str| {
        let code = code_of(line);
        let asleep = code.contains(concat!("sleep", "(")) || code.contains(concat!("sleep_until", "("));
        asleep && (!paused || code.contains(concat!("thread::", "sleep")))
    };
    places(source, "sleeps in a test", |number, line| number >= tests_at && sleeps(line))
}

fn places(source: &Source, what: &str, is_wrong: impl Fn(usize, &str) -> bool) -> Vec<String> {
    let wrong = source.lines().filter(|(number, line)| is_wrong(*number, line));
    wrong.map(|(number, _)| format!("{}:{number}: {what}", source.path)).collect()
}

/// The line without its comment. A `//` in quotes cuts it short: what follows is text then, not code.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric() && character != '_').any(|part| part == word)
}

#[test]
fn rooms_use_lower_rooms_only() {
    check(rooms_out_of_order);
}

#[test]
fn every_file_says_what_it_owns() {
    check(without_opening);
}

#[test]
fn lines_fit() {
    check(wide_lines);
}

#[test]
fn files_hold_one_thing() {
    check(long_files);
}

#[test]
fn nothing_is_left_to_do() {
    check(marks_left);
}

#[test]
fn only_the_ring_is_unsafe() {
    check(unsafe_code);
}

#[test]
fn no_test_sleeps() {
    check(sleeping_tests);
}

/// Rooms missing here would not be judged at all; a table that says otherwise would mislead its readers.
#[test]
fn the_table_is_the_one_in_the_crate_docs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = std::fs::read_to_string(root.join("src/lib.rs")).expect("the crate's root");
    let mut declared: Vec<_> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut ranked: Vec<_> = RANKS.concat();
    declared.sort_unstable();
    ranked.sort_unstable();
    assert_eq!(declared, ranked);
    for (rank, rooms) in RANKS.iter().enumerate() {
        let links: Vec<_> = rooms.iter().map(|room| format!("[`{room}`]")).collect();
        let row = format!("//! | {rank} | {} |", links.join(", "));
        assert!(lib.contains(&row), "src/lib.rs lacks the row {row}");
    }
}

/// The rules, each shown a sample that breaks it and one that does not.
mod rules {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn complaints(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
        rule(&file(path, text))
    }

    #[test]
    fn a_use_of_an_equal_or_higher_room_is_told_by_line() {
        let uses = "//! x\n\nuse crate::net::Tls;\nuse crate::types::Offset;\nuse crate::push::Hub;\n";
        let told = complaints(rooms_out_of_order, "src/pull/page.rs", uses);
        assert_eq!(
            told,
            [
                "src/pull/page.rs:3: pull (rank 5) uses net (rank 8)",
                "src/pull/page.rs:5: pull (rank 5) uses push (rank 5)"
            ]
        );
        assert!(complaints(rooms_out_of_order, "src/server.rs", uses).is_empty());
    }

    #[test]
    fn groups_are_read_to_their_end() {
        let uses = "use crate::{\n    limits,\n    types::{Offset, arn::{self}},\n    server::{run, Parts}, api,\n};";
        let told = complaints(rooms_out_of_order, "src/storage/log.rs", uses);
        assert_eq!(
            told,
            [
                "src/storage/log.rs:4: storage (rank 4) uses server (rank 10)",
                "src/storage/log.rs:4: storage (rank 4) uses api (rank 6)"
            ]
        );
    }

    #[test]
    fn paths_in_code_macros_and_links_count_as_uses() {
        for line in ["fn f(e: crate::net::Tls) {}", "/// See [`crate::net`].", "$crate::net::x()"] {
            assert_eq!(complaints(rooms_out_of_order, "src/wire/cbor.rs", line).len(), 1, "{line}");
        }
        assert!(complaints(rooms_out_of_order, "src/wire/cbor.rs", "not_crate::net::x()").is_empty());
        assert_eq!(complaints(rooms_out_of_order, "src/wire/cbor.rs", "use crate::*;").len(), 1);
        assert_eq!(complaints(rooms_out_of_order, "src/wire/cbor.rs", "use crate::auth::Key;").len(), 1);
    }

    #[test]
    fn climbing_out_of_a_room_is_noticed() {
        let climbs = |path, text| complaints(rooms_out_of_order, path, text).len();
        assert_eq!(climbs("src/storage/log.rs", "use super::super::api::Control;"), 1);
        assert_eq!(climbs("src/storage/mod.rs", "use super::api::Control;"), 1);
        assert_eq!(climbs("src/wire/members/list.rs", "use super::super::Value;"), 0);
        assert_eq!(climbs("src/platform/host.rs", "mod tests {\n    use super::super::FileId;\n}"), 0);
        assert_eq!(climbs("src/platform/host.rs", "mod tests {\n    use super::super::super::api;\n}"), 1);
    }

    #[test]
    fn a_file_without_words_at_its_top_is_noticed() {
        assert_eq!(complaints(without_opening, "src/a.rs", "use std::io;\n//! late").len(), 1);
        assert!(complaints(without_opening, "src/a.rs", "//! Says it.\n").is_empty());
    }

    #[test]
    fn width_counts_characters_and_spares_text_a_little() {
        let wide = |text: &str| complaints(wide_lines, "src/a.rs", text).len();
        assert_eq!(wide(&"x".repeat(111)), 1);
        assert_eq!(wide(&"ü".repeat(110)), 0);
        assert_eq!(wide(&format!("\"{}\"", "x".repeat(118))), 0);
        assert_eq!(wide(&format!("\"{}\"", "x".repeat(119))), 1);
        assert_eq!(wide(&format!("\"begun \\\n{}\"", "x".repeat(115))), 0);
    }

    #[test]
    fn tests_and_comments_do_not_make_a_file_long() {
        let code = "x();\n".repeat(500);
        let padded = format!("{code}\n// why\nmod tests {{\n{code}}}\n");
        assert!(complaints(long_files, "src/a.rs", &padded).is_empty());
        assert_eq!(complaints(long_files, "src/a.rs", &format!("{code}y();\n")).len(), 1);
    }

    #[test]
    fn marks_unsafe_code_and_sleeps_are_noticed() {
        let mark = format!("// {}: later", MARKS[0]);
        assert_eq!(complaints(marks_left, "src/a.rs", &mark).len(), 1);

        let block = concat!("    un", "safe { f() }");
        assert_eq!(complaints(unsafe_code, "src/a.rs", block).len(), 1);
        assert!(complaints(unsafe_code, UNSAFE_FILE, block).is_empty());
        assert!(complaints(unsafe_code, "src/a.rs", &format!("// {block}")).is_empty());

        let sleep = concat!("std::thread::sle", "ep(PAUSE);");
        let paused = concat!("#[tokio::test(start_paused = true)]\nfn t() { sle", "ep(PAUSE).await }");
        assert_eq!(complaints(sleeping_tests, "tests/a.rs", sleep).len(), 1);
        assert_eq!(complaints(sleeping_tests, "src/a.rs", &format!("mod tests {{\n{sleep}\n}}")).len(), 1);
        assert!(complaints(sleeping_tests, "src/a.rs", sleep).is_empty(), "product code may wait");
        assert!(complaints(sleeping_tests, "src/net/tests/a.rs", paused).is_empty());
    }
}
