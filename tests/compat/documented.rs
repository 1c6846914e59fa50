//! The commands of `docs/kcl-and-kpl.md`, run as they stand there but for the ports, which have to be free
//! ones.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::clients::{AWS_CLI_PACKAGE, sources};
use crate::companion::MOTO;
use crate::support::process::Process;
use crate::support::server::free_address;
use crate::support::{copy_directory, patiently, tools};

/// For two libraries to be fetched and to do their work.
const PATIENCE: Duration = Duration::from_secs(900);
/// As the document has them.
const PORTS: [&str; 3] = ["4567", "4568", "5000"];
/// What the programs say at last.
const SAID: [&str; 2] = ["put: shardId-000000000000", "processed: hello"];

/// Runs them until both programs have said what they are to say.
pub(crate) fn judge() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kcl-and-kpl.md"));
    assert!(text.contains(MOTO), "the commands install what the other tests run");
    compare_with_compose();
    let (_, block) = text.split_once("```sh\n").expect("a block of commands");
    let (commands, _) = block.split_once("```").expect("its end");
    let ports = PORTS.map(|port| (port, free_port()));
    let on_free_ports =
        |text: &str| ports.iter().fold(text.to_owned(), |text, (port, free)| text.replace(port, free));

    let scratch = TempDir::with_prefix_in("documented-", env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    for client in ["kcl", "kpl"] {
        let programs = scratch.path().join("tests/compat").join(client);
        copy_directory(&sources(client), &programs);
        let quickstart = programs.join("Quickstart.java");
        fs::write(&quickstart, on_free_ports(&read(&quickstart))).expect("the program can be written");
    }
    let script = scratch.path().join("commands.sh");
    fs::write(&script, format!("set -e\n{}", on_free_ports(commands))).expect("the commands can be written");
    let said = run(&script, scratch.path(), &ports[0].1, &ports[1].1);
    patiently(PATIENCE, "the programs to say what they are to say", || {
        let said = said();
        SAID.iter().all(|line| said.lines().any(|it| it == *line)).then_some(())
    });
}

/// A free one in whose digits none of the documented ones is found: they are replaced one after the other.
fn free_port() -> String {
    let mut candidates = std::iter::repeat_with(|| free_address().port().to_string());
    candidates.find(|free| PORTS.iter().all(|port| !free.contains(port))).expect("there are thousands")
}

/// Starts the commands; answers what asks for all they have said. They end with it.
fn run(script: &Path, directory: &Path, port: &str, admin_port: &str) -> impl Fn() -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_fanlight")).parent().expect("a directory").display().to_string();
    let cli = tools::python("awscli", AWS_CLI_PACKAGE).display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let log = directory.join("said");
    let file = fs::File::create(&log).expect("a log file");
    let mut command = Command::new("bash");
    command.arg(script).current_dir(directory).env("PATH", format!("{bin}:{cli}:{path}"));
    // The server's own addresses are its defaults in the document.
    command.env("FANLIGHT_LISTEN", format!("127.0.0.1:{port}"));
    command.env("FANLIGHT_ADMIN_LISTEN", format!("127.0.0.1:{admin_port}"));
    // Maven's own repository would be the user's.
    command.env("MAVEN_OPTS", format!("-Dmaven.repo.local={}", tools::root().join("m2").display()));
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.stdout(file.try_clone().expect("a second handle")).stderr(file);
    let commands = Mutex::new(Process::start(&mut command));
    move || {
        let said = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
        let ended = commands.lock().expect("nobody panics").wait(Duration::ZERO);
        assert!(ended.is_none(), "the commands ended: {ended:?}\n{said}");
        said
    }
}

/// The compose file is run by no test: it has to ask for the same versions and programs at least.
fn compare_with_compose() {
    let compose = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compose.yaml"));
    let (_, moto_version) = MOTO.split_once("==").expect("a version");
    let image = format!("motoserver/moto:{moto_version}");
    let programs = ["kpl", "kcl"].map(|client| format!("tests/compat/{client}/Quickstart.java"));
    let jars = ["kpl", "kcl"].map(|client| format!("--file tests/compat/{client}/pom.xml"));
    for wanted in [&[image][..], &programs, &jars].concat() {
        assert!(compose.contains(&wanted), "docs/compose.yaml has no {wanted}");
    }
    PORTS.iter().for_each(|port| assert!(compose.contains(port), "docs/compose.yaml has no {port}"));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
