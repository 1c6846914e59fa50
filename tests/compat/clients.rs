//! The SDKs: what each needs on the machine, how it is installed, and how its programs are started. Every one
//! has a `matrix`; those with enhanced fan-out a `soak`; and the `quickstart` is what the README shows.

use std::path::{Path, PathBuf};

use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::tools;

/// One SDK, not installed yet.
pub(crate) struct Client {
    /// As the published table calls it.
    pub(crate) name: &'static str,
    /// How it can be connected; all of them are tried.
    pub(crate) transports: &'static [&'static str],
    /// Over which of them it follows a stream by fan-out in the soak.
    pub(crate) soaks: &'static [&'static str],
    /// Programs that have to be on the machine, and their version flags.
    needs: &'static [(&'static str, &'static str)],
    /// Installs it once; answers one of its programs.
    program: fn(&str, &Server) -> Program,
}

impl Client {
    /// Whether it can run here; a missing toolchain is said loudly.
    pub(crate) fn can_run(&self) -> bool {
        self.needs.iter().all(|(program, flag)| tools::toolchain(self.name, program, flag))
    }

    /// One of its programs: `matrix`, `soak` or `quickstart`.
    pub(crate) fn program(&self, which: &str, server: &Server) -> Program {
        (self.program)(which, server)
    }
}

/// All of them.
pub(crate) const ALL: [&Client; 6] = [&BOTO3, &AWS_CLI, &JAVASCRIPT, &GO, &RUST, &JAVA];

pub(crate) const BOTO3: Client = Client {
    name: "boto3",
    transports: &["http1", "http1-tls"],
    soaks: &["http1", "http1-tls"],
    needs: &[("python3", "--version")],
    program: |which, server| {
        let python = tools::python("boto3", tools::BOTO3).join("python");
        Program::new(&format!("boto3 {which}"), python, server)
            .args([sources("boto3").join(format!("{which}.py"))])
    },
};

pub(crate) const AWS_CLI: Client = Client {
    name: "AWS CLI",
    transports: &["http1", "http1-tls"],
    soaks: &[],
    needs: &[("python3", "--version"), ("bash", "--version")],
    program: |which, server| {
        let bin = tools::python("awscli", AWS_CLI_PACKAGE);
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let is_script = which == "quickstart";
        let interpreter = if is_script { PathBuf::from("bash") } else { bin.join("python") };
        let file = sources("cli").join(format!("{which}.{}", if is_script { "sh" } else { "py" }));
        Program::new(&format!("AWS CLI {which}"), interpreter, server).args([file]).env("PATH", &path)
    },
};

/// What is installed as the AWS CLI.
pub(crate) const AWS_CLI_PACKAGE: &str = "awscli==1.46.3";

pub(crate) const JAVASCRIPT: Client = Client {
    name: "JavaScript SDK",
    transports: &["h2c", "h2-tls", "http1", "http1-tls"],
    soaks: &["h2c", "h2-tls"],
    needs: &[("node", "--version"), ("npm", "-v")],
    program: |which, server| {
        let directory = tools::javascript("js", &sources("js"));
        Program::new(&format!("JavaScript {which}"), "node", server)
            .args([directory.join(format!("{which}.mjs"))])
    },
};

pub(crate) const GO: Client = Client {
    name: "Go SDK",
    transports: &["http1", "http1-tls", "h2-tls", "h2c"],
    soaks: &["http1", "h2-tls"],
    needs: &[("go", "version")],
    program: |which, server| {
        Program::new(&format!("Go {which}"), tools::go_module("go", &sources("go")).join(which), server)
    },
};

pub(crate) const RUST: Client = Client {
    name: "Rust SDK",
    transports: &["http1", "h2-tls"],
    soaks: &["http1", "h2-tls"],
    needs: &[],
    program: |which, server| {
        let binaries = tools::cargo("rust-sdk", &sources("rust-sdk"));
        Program::new(&format!("Rust {which}"), binaries.join(which), server)
    },
};

pub(crate) const JAVA: Client = Client {
    name: "Java SDK",
    transports: &[
        "h2c",
        "h2-tls",
        "h2-tls-assumed",
        "h2c json",
        "h2c-16k",
        "h2c-64k",
        "http1",
        "http1-tls",
        "http1 json",
        "http1-async",
    ],
    soaks: &["h2c", "h2-tls"],
    needs: &JAVA_NEEDS,
    program: |which, server| java_program(&format!("Java {which}"), "java", &class(which), server),
};

/// Turns the Java SDK's CBOR off.
pub(crate) const JAVA_JSON: (&str, &str) = ("JDK_JAVA_OPTIONS", "-Daws.cborEnabled=false");

pub(crate) const JAVA_NEEDS: [(&str, &str); 3] =
    [("java", "-version"), ("javac", "-version"), ("mvn", "--version")];

/// A class among the sources of a directory.
pub(crate) fn java_program(name: &str, directory: &str, class: &str, server: &Server) -> Program {
    let class_path = tools::java(directory, &sources(directory));
    Program::new(name, "java", server).args(["-Xmx512m", "-XX:+UseSerialGC", "-cp", &class_path, class])
}

/// A program's class: its name with a capital.
fn class(which: &str) -> String {
    which[..1].to_uppercase() + &which[1..]
}

/// Where a client's programs lie.
pub(crate) fn sources(client: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(client)
}
