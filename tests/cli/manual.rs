//! Completions and manual pages: accepted by who reads them, and about what there is.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::command::{fanlight, run};
use crate::support::program::filter;
use crate::support::tools;

const VERBS: [&str; 9] = ["serve", "check", "dump", "streams", "put", "tail", "top", "completions", "man"];

fn scratch() -> TempDir {
    TempDir::with_prefix_in("manual-", env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory")
}

#[test]
fn bash_proposes_the_verbs_and_their_flags() {
    if !tools::toolchain("completions", "bash", "--version") {
        return;
    }
    let script = run(&mut fanlight(), &["completions", "bash"]).ok();
    filter("bash".as_ref(), &["-n"], script.as_bytes());
    let propose = |words: &[&str]| {
        let line = words.join(" ");
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({line} ''); COMP_CWORD={}; _fanlight fanlight '{last}' '{before}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1
        );
        filter("bash".as_ref(), &["-s"], ask.as_bytes()).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let proposed = propose(&["fanlight", ""]);
    for verb in VERBS {
        assert!(proposed.iter().any(|it| it == verb), "{verb} in {proposed:?}");
    }
    let flags = propose(&["fanlight", "tail", "--f"]);
    assert_eq!(flags, ["--follow", "--from"]);
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&mut fanlight(), &["completions", shell]).ok();
        assert!(VERBS.iter().all(|verb| script.contains(verb)), "{shell}");
    }
}

#[test]
fn manual_pages_are_written_for_every_verb_and_accepted() {
    let scratch = scratch();
    let dir = scratch.path().join("man1");
    run(&mut fanlight(), &["man", "--out", &dir.display().to_string()]).ok();
    let page = |verb: &str| dir.join(format!("fanlight-{verb}.1"));
    for verb in VERBS {
        let text = fs::read_to_string(page(verb)).unwrap_or_else(|error| panic!("{verb}: {error}"));
        assert!(text.contains(&format!("fanlight\\-{verb}")), "{text}");
    }
    let main = run(&mut fanlight(), &["man"]).ok();
    assert_eq!(main, fs::read_to_string(dir.join("fanlight.1")).expect("the page"));
    if !tools::toolchain("mandoc", "apt-get", "--version") {
        return;
    }
    let mandoc = tools::debian("mandoc", "mandoc", "mandoc");
    for entry in fs::read_dir(&dir).expect("the pages").flatten() {
        // Below an error mandoc complains of style; at an error a page may be shown wrongly.
        let mut lint = Command::new(&mandoc);
        lint.args(["-Tlint", "-Werror"]).arg(entry.path()).stdin(Stdio::null());
        let output = lint.output().expect("mandoc runs");
        let remarks = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {remarks}", entry.path().display());
    }
}
