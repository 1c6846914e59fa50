//! One source file as the house rules see it: its lines, where its tests begin, and the rooms it names.
//! Reads text, not Rust: good enough because rustfmt has laid the text out before.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub(crate) struct Source {
    /// Its path from the repository's root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// A place where a file names a room of the crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// What follows `crate::`.
    pub(crate) room: String,
}

/// Every Rust file below `dir`, in order of its path.
pub(crate) fn sources(root: &Path, dir: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root.join(dir), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let inside = path.strip_prefix(root).expect("it was found below the root");
        Source { path: inside.to_string_lossy().replace('\\', "/"), text }
    };
    paths.into_iter().map(read).collect()
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())).flatten() {
        let path = entry.path();
        // A crate of its own (the Rust SDK's client) has its own rules; its build may lie beside it.
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

impl Source {
    /// The room it belongs to: the first part of its path below `src/`.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        inside.split('/').next().map(|part| part.trim_end_matches(".rs"))
    }

    /// Its lines, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Its lines that are neither blank nor only a comment, before its own tests.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests_at = self.tests_at();
        self.lines().filter(move |(number, line)| {
            let line = line.trim_start();
            *number < tests_at && !line.is_empty() && !line.starts_with("//")
        })
    }

    /// Line at which its tests begin: 1 for a file that is nothing else, past the end for one without.
    pub(crate) fn tests_at(&self) -> usize {
        let is_test_file = self.path.starts_with("tests/")
            || self.path.split('/').any(|part| part == "tests")
            || self.path.ends_with("tests.rs")
            || self.path.ends_with("/contract.rs");
        if is_test_file { 1 } else { self.inline_tests_at().unwrap_or(usize::MAX) }
    }

    fn inline_tests_at(&self) -> Option<usize> {
        self.lines().find(|(_, line)| line.starts_with("mod tests {")).map(|(number, _)| number)
    }

    /// Every room named by a `crate::` path, grouped imports and doc links included.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        for (at, path) in self.text.match_indices("crate::") {
            if self.text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let after = at + path.len();
            for (from, room) in first_names(&self.text[after..]) {
                let line = 1 + self.text[..after + from].matches('\n').count();
                mentions.push(Mention { line, room: room.to_owned() });
            }
        }
        mentions
    }

    /// Lines of `super::super::` paths that lead out of the room.
    pub(crate) fn escapes(&self) -> Vec<usize> {
        let Some(inside) = self.path.strip_prefix("src/") else { return Vec::new() };
        let depth = inside.trim_end_matches("/mod.rs").split('/').count();
        let inline_tests_at = self.inline_tests_at().unwrap_or(usize::MAX);
        let leaves = |(number, line): &(usize, &str)| {
            // Inline tests are one module further in.
            longest_climb(line) >= depth + usize::from(*number >= inline_tests_at)
        };
        self.lines().filter(leaves).map(|(number, _)| number).collect()
    }
}

/// The first name of a path, or of each path of a group, with its position in `text`.
fn first_names(text: &str) -> Vec<(usize, &str)> {
    let Some(group) = text.strip_prefix('{') else {
        return vec![(0, name_at(text))];
    };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut due = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => due = true,
            _ if due && !character.is_whitespace() => {
                names.push((at + 1, name_at(&group[at..])));
                due = false;
            }
            _ => {}
        }
    }
    names
}

/// The identifier that begins `text`; one character of whatever else does.
fn name_at(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_alphanumeric() && character != '_');
    let end = end.unwrap_or(text.len());
    if end > 0 { &text[..end] } else { text.get(..1).unwrap_or_default() }
}

/// How many modules up the line's longest run of `super::` goes.
fn longest_climb(line: &str) -> usize {
    const UP: &str = "super::";
    let climb = |at: usize| {
        let rest = &line[at..];
        (0..).take_while(|&steps| rest[steps * UP.len()..].starts_with(UP)).count()
    };
    line.match_indices(UP).map(|(at, _)| climb(at)).max().unwrap_or(0)
}
