//! The commands of `docs/operating.md`, run word for word but for ports and directories, with what they
//! have to print. And what the guide says of copies of a running server: one made at one instant holds
//! every record that was acknowledged before, one made file by file does not, and is told from a sound
//! one.

// Tests live outside the server's rooms: the system's files and clock are theirs to use.
#![allow(clippy::disallowed_methods)]

mod support;

#[path = "operating/copies.rs"]
mod copies;
#[path = "operating/guide.rs"]
mod guide;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use guide::Block;
use support::process::Process;
use support::server::free_address;
use support::tools;
use tempfile::TempDir;

/// For all the commands, the AWS CLI among them some forty times.
const PATIENCE: Duration = Duration::from_secs(300);
/// The client; as the compatibility tests use it.
const AWS_CLI: &str = "awscli==1.46.3";
/// As the guide has them.
const PORTS: [&str; 2] = ["4567", "4568"];
/// Directories of the guide, which here lie below the scratch directory.
const DIRECTORIES: [&str; 4] = ["/var/lib/fanlight", "/etc/fanlight", "/backup", "/mnt/new"];
/// What stands between two blocks' output.
const MARK: &str = "=== block";

fn guide_text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    fs::read_to_string(path).expect("the guide")
}

/// The guide on other ports, its directories in `root`.
fn moved(text: &str, root: &Path) -> String {
    let on_free_ports = PORTS.iter().fold(text.to_owned(), |text, port| text.replace(port, &free_port()));
    let moved =
        |text: String, directory: &&str| text.replace(directory, &format!("{}{directory}", root.display()));
    DIRECTORIES.iter().fold(on_free_ports, moved)
}

/// A free one in whose digits none of the documented ones is found: they are replaced one after the other.
fn free_port() -> String {
    let mut candidates = std::iter::repeat_with(|| free_address().port().to_string());
    candidates.find(|free| PORTS.iter().all(|port| !free.contains(port))).expect("there are thousands")
}

/// All blocks as one script, so that variables and functions of one are there in the next.
fn script(blocks: &[Block]) -> String {
    let numbered = blocks.iter().enumerate();
    let parts = numbered.map(|(number, block)| format!("echo '{MARK} {number}'\n{}", block.commands));
    format!("set -euo pipefail\n{}", parts.collect::<String>())
}

/// A system to run them on: the directories, and a systemctl that runs the binary just built.
fn system(root: &Path) -> String {
    for directory in ["bin", "var/lib/fanlight", "etc/fanlight", "mnt/new"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operating");
    for program in ["systemctl", "journalctl"] {
        fs::copy(sources.join(program), root.join("bin").join(program)).expect("a program can be copied");
    }
    let ours: PathBuf = Path::new(env!("CARGO_BIN_EXE_fanlight")).parent().expect("a directory").to_owned();
    let cli = tools::python("awscli", AWS_CLI);
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{}:{}:{path}", root.join("bin").display(), ours.display(), cli.display())
}

/// Runs the script to its end; answers what it said. The server ends with it.
fn run(script: &Path, root: &Path, search: &str) -> (bool, String) {
    let log = File::create(root.join("said")).expect("a log file");
    let mut command = Command::new("bash");
    command.arg(script).current_dir(root).env("PATH", search).env("ROOT", root);
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("NO_PROXY", "127.0.0.1,localhost");
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    let mut commands = Process::start(&mut command);
    let status = commands.wait(PATIENCE);
    commands.kill();
    let said = fs::read_to_string(root.join("said")).expect("what it said");
    (status.is_some_and(|it| it.success()), said)
}

#[test]
fn do_the_guides_commands_do_what_it_says() {
    for (program, flag) in [("python3", "--version"), ("curl", "--version")] {
        if !tools::toolchain("the commands of docs/operating.md", program, flag) {
            return;
        }
    }
    let root = TempDir::with_prefix_in("operating-", env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let search = system(root.path());
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy/fanlight.env");
    let settings = moved_settings(&fs::read_to_string(settings).expect("the settings"));
    let text = moved(&guide_text(), root.path());
    fs::write(root.path().join("etc/fanlight/fanlight.env"), settings(&text)).expect("settings");
    let blocks = guide::blocks(&text);
    assert!(blocks.len() >= 12, "only {} blocks", blocks.len());
    let file = root.path().join("commands.sh");
    fs::write(&file, script(&blocks)).expect("the commands can be written");
    let (is_content, said) = run(&file, root.path(), &search);
    let log = fs::read_to_string(root.path().join("log")).unwrap_or_default();
    assert!(is_content, "the commands stopped:\n{said}\n--- the server:\n{log}");
    let mut outputs = said.split(MARK).skip(1);
    for block in &blocks {
        let output = outputs.next().expect("each block was reached");
        let missing = guide::missing(&block.expected, output);
        assert_eq!(missing, None, "after\n{}it said\n{output}", block.commands);
    }
}

/// The example of settings, with the addresses that the moved guide has: there they are the defaults.
fn moved_settings(example: &str) -> impl Fn(&str) -> String + use<> {
    let example = example.to_owned();
    move |moved_guide| {
        let port = |before: &str| {
            let (_, after) = moved_guide.split_once(before).expect("the first line's address");
            after.chars().take_while(char::is_ascii_digit).collect::<String>()
        };
        let (data, admin) = (port("serving http://127.0.0.1:"), port("(admin http://127.0.0.1:"));
        format!("{example}FANLIGHT_LISTEN=127.0.0.1:{data}\nFANLIGHT_ADMIN_LISTEN=127.0.0.1:{admin}\n")
    }
}
