//! Reads the guide: its blocks of commands, each with what it has to print.

/// Commands, and the lines that they have to print in this order, where `…` stands for anything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) commands: String,
    pub(crate) expected: Vec<String>,
}

/// All blocks marked `sh`; one marked `text` right behind is what it has to print.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for part in text.split("```sh\n").skip(1) {
        let (commands, after) = part.split_once("```\n").expect("a block ends");
        let expected = after.strip_prefix("```text\n").and_then(|it| it.split_once("```"));
        let expected =
            expected.map_or_else(Vec::new, |(lines, _)| lines.lines().map(str::to_owned).collect());
        found.push(Block { commands: commands.to_owned(), expected });
    }
    found
}

/// The first line expected that is not there behind the one before it.
pub(crate) fn missing<'a>(expected: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    let is_missing = |pattern: &&String| !lines.any(|line| matches(pattern, line));
    expected.iter().find(is_missing).map(String::as_str)
}

fn matches(pattern: &str, line: &str) -> bool {
    let Some((before, after)) = pattern.split_once('…') else { return pattern == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.any(|at| matches(after, &rest[at..]))
}

#[test]
fn blocks_come_with_what_they_print() {
    let text = "a\n```sh\none\n```\n```text\nx…\n```\nb\n```sh\ntwo\n```\n\n```text\nnot its own\n```\n";
    let block = |commands: &str, expected: &[&str]| Block {
        commands: commands.to_owned(),
        expected: expected.iter().map(|&it| it.to_owned()).collect(),
    };
    assert_eq!(blocks(text), [block("one\n", &["x…"]), block("two\n", &[])]);
}

#[test]
fn what_is_missing_is_told() {
    let expected = ["a".to_owned(), "…b…c".to_owned()];
    assert_eq!(missing(&expected, "z\na\nxbyc\n"), None);
    assert_eq!(missing(&expected, "xbyc\na\n"), Some("…b…c"), "in this order");
    assert_eq!(missing(&expected, "a\nxbycz\n"), Some("…b…c"), "to the end of the line");
    assert_eq!(missing(&expected, "ab\n"), Some("a"));
}
