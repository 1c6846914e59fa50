//! The README says what is so: its table of settings is that of the flags, its list of operations that of the
//! server.

// Tests live outside the server's rooms: the system's files are theirs to use.
#![allow(clippy::disallowed_methods)]

use std::path::Path;

use clap::{Arg, CommandFactory};
use fanlight::api;
use fanlight::config::Cli;

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("the README")
}

/// The part between a heading and the next one of its kind.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, after) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    after.split("\n## ").next().unwrap_or(after)
}

/// The words in backquotes of a line.
fn quoted(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Flag, variable and default of each row of a table of settings.
fn rows(section: &str) -> Vec<[String; 3]> {
    let cell = |cell: &str| quoted(cell).first().map_or_else(String::new, |&word| word.to_owned());
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", flag, variable, default, _, ""] => Some([cell(flag), cell(variable), cell(default)]),
            _ => None,
        }
    };
    section.lines().filter(|line| line.starts_with("| `--")).filter_map(row).collect()
}

fn row_of(arg: &Arg) -> Option<[String; 3]> {
    let flag = format!("--{}", arg.get_long()?);
    let variable = arg.get_env()?.to_str()?.to_owned();
    let default = arg.get_default_values().first().and_then(|value| value.to_str());
    // A switch is off unless it is given, whether or not the parser spells that out.
    let takes_value = arg.get_action().takes_values();
    let default = default.unwrap_or(if takes_value { "" } else { "false" });
    Some([flag, variable, default.to_owned()])
}

#[test]
fn the_settings_are_those_of_the_flags() {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").expect("the command that runs the server");
    let flags: Vec<_> = serve.get_arguments().filter_map(row_of).collect();
    assert!(flags.len() > 10, "only {} flags were found", flags.len());
    assert_eq!(rows(section(&readme(), "## Settings")), flags);
}

#[test]
fn every_flag_has_its_variable() {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").expect("the command that runs the server");
    for arg in serve.get_arguments().filter(|arg| arg.get_id() != "help") {
        let flag = arg.get_long().expect("no setting is positional");
        let wanted = format!("FANLIGHT_{}", flag.to_uppercase().replace('-', "_"));
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(wanted.as_str()), "--{flag}");
    }
}

#[test]
fn the_operations_are_those_of_the_server() {
    let text = readme();
    let table = section(&text, "## What is there");
    let mut listed: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).flat_map(quoted).collect();
    let mut built: Vec<_> = api::operations().map(|entry| entry.name).collect();
    listed.sort_unstable();
    built.sort_unstable();
    assert_eq!(listed, built);
}

/// What the compatibility tests run is what the README shows.
#[test]
fn the_programs_are_those_the_tests_run() {
    const SHOWN: [&str; 11] = [
        "boto3/quickstart.py",
        "cli/quickstart.sh",
        "js/quickstart.mjs",
        "rust-sdk/src/bin/quickstart.rs",
        "go/cmd/quickstart/quickstart.go",
        "java/Quickstart.java",
        "kcl/Quickstart.java",
        "kpl/Quickstart.java",
        "kclpy/record_processor.py",
        "flink/Quickstart.java",
        "telegraf/telegraf.conf",
    ];
    let text = readme();
    for shown in SHOWN {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(shown);
        let program = std::fs::read_to_string(path).expect("a program");
        assert!(text.contains(&format!("\n{program}```\n")), "the README shows another {shown}");
    }
}

/// Clients times transports times groups, as the last run of the compatibility tests saw them.
#[test]
fn the_published_table_has_a_few_hundred_cells() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md");
    let text = std::fs::read_to_string(path).expect("the table");
    let marks = |line: &str| {
        let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        cells.iter().filter(|cell| ["✓", "–"].contains(*cell)).count()
    };
    let cells: usize = text.lines().filter(|line| line.starts_with("| ")).map(marks).sum();
    assert!(cells >= 250, "{cells} cells");
    let blank = text.lines().find(|line| line.contains(" – |") && line.ends_with("|  |"));
    assert_eq!(blank, None, "what was not served has its reason");
}

#[test]
fn a_row_is_read_whole() {
    let sample = "| `--a-b` | `FANLIGHT_A_B` | `x` | What `it` does |\n| `--c` | `FANLIGHT_C` | | none |";
    let expected = [["--a-b", "FANLIGHT_A_B", "x"], ["--c", "FANLIGHT_C", ""]];
    assert_eq!(rows(sample), expected.map(|row| row.map(str::to_owned)));
}

#[test]
fn the_verbs_are_those_of_the_binary() {
    let text = readme();
    let table = section(&text, "## Command line");
    let listed: Vec<_> =
        table.lines().filter_map(|line| line.strip_prefix("| `fanlight ")?.split('`').next()).collect();
    let command = Cli::command();
    let mut verbs: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    let mut listed_in_order = listed.clone();
    verbs.sort_unstable();
    listed_in_order.sort_unstable();
    assert_eq!(listed_in_order, verbs);
}
