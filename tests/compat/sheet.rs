//! The published table of what was served: `docs/compatibility.md` has a part for each client, made by the
//! runs and held against them. A run whose outcome is not what the part says fails; with
//! `FANLIGHT_WRITE_CELLS=1` it writes the part anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::tools;

/// What became of one group of operations over one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As the service would.
    Served,
    /// The client has no such operation, or the server not yet: says which.
    Absent(String),
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// How the client was connected.
    pub(crate) transport: String,
    /// Which operations, or which property of them.
    pub(crate) group: String,
    /// What became of them.
    pub(crate) outcome: Outcome,
}

/// The outcomes of one client.
pub(crate) struct Sheet {
    client: String,
    version: String,
    cells: Vec<Cell>,
}

impl Sheet {
    /// An empty one.
    pub(crate) fn new(client: &str, version: &str) -> Sheet {
        Sheet { client: client.to_owned(), version: version.to_owned(), cells: Vec::new() }
    }

    /// Adds a cell.
    pub(crate) fn add(&mut self, transport: &str, group: &str, outcome: Outcome) {
        self.cells.push(Cell { transport: transport.to_owned(), group: group.to_owned(), outcome });
    }

    /// Adds groups that were served.
    pub(crate) fn served(mut self, transport: &str, groups: &[&str]) -> Sheet {
        for group in groups {
            self.add(transport, group, Outcome::Served);
        }
        self
    }

    /// Holds it against what is published, or publishes it.
    pub(crate) fn publish(&self) {
        let path = document();
        let _lock = tools::lock("cells");
        let text = fs::read_to_string(&path).expect("the document");
        let new = replaced(&text, &self.client, &self.render());
        if new == text {
            return;
        }
        let write = std::env::var_os("FANLIGHT_WRITE_CELLS").is_some();
        assert!(
            write,
            "docs/compatibility.md does not say what {} was served; FANLIGHT_WRITE_CELLS=1 writes it:\n{}",
            self.client,
            self.render()
        );
        fs::write(path, new).expect("the document can be written");
    }

    /// A table: groups downwards, transports to the right.
    fn render(&self) -> String {
        let transports = in_order(self.cells.iter().map(|cell| &cell.transport));
        let mut text = format!("### {} {}\n\n| |", self.client, self.version);
        for transport in &transports {
            write!(text, " {transport} |").expect("text grows");
        }
        writeln!(text, " |\n|---|{}---|", ":-:|".repeat(transports.len())).expect("text grows");
        for group in in_order(self.cells.iter().map(|cell| &cell.group)) {
            writeln!(text, "{}", self.row(group, &transports)).expect("text grows");
        }
        text
    }

    fn row(&self, group: &str, transports: &[&str]) -> String {
        let mut row = format!("| {group} |");
        let mut remarks = BTreeSet::new();
        for transport in transports {
            let is_this = |cell: &&Cell| cell.group == group && cell.transport == *transport;
            let mark = match self.cells.iter().find(is_this).map(|cell| &cell.outcome) {
                Some(Outcome::Served) => "✓",
                Some(Outcome::Absent(why)) => {
                    remarks.insert(why.as_str());
                    "–"
                }
                None => "",
            };
            write!(row, " {mark} |").expect("text grows");
        }
        let remarks: Vec<_> = remarks.into_iter().collect();
        format!("{row} {} |", remarks.join("; "))
    }
}

/// The document that publishes them.
pub(crate) fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md")
}

/// Each text once, in the order of its first appearance.
fn in_order<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for text in texts {
        if !seen.contains(&text.as_str()) {
            seen.push(text);
        }
    }
    seen
}

/// The document with a client's part replaced; it has to have one.
fn replaced(document: &str, client: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- cells of {client} -->\n"), "<!-- end of cells -->\n");
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no part {begin:?}"));
    let (_, after) = rest.split_once(end).expect("a part ends");
    format!("{before}{begin}{part}{end}{after}")
}

#[test]
fn a_sheet_has_a_row_for_each_group_and_a_remark_for_what_is_absent() {
    let mut sheet = Sheet::new("client", "1.2").served("h2c", &["put", "get"]).served("http1", &["put"]);
    sheet.add("http1", "get", Outcome::Absent("no such call".to_owned()));
    let part = "### client 1.2\n\n| | h2c | http1 | |\n|---|:-:|:-:|---|\n| put | ✓ | ✓ |  |\n\
                | get | ✓ | – | no such call |\n";
    assert_eq!(sheet.render(), part);
    let document = "a\n<!-- cells of client -->\nold\n<!-- end of cells -->\nz\n";
    assert_eq!(
        replaced(document, "client", part),
        format!("a\n<!-- cells of client -->\n{part}<!-- end of cells -->\nz\n")
    );
}
