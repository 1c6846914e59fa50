//! The stand-in for what KCL needs beside Kinesis: moto's server, which answers as DynamoDB and CloudWatch.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::http::{self, AUTHORIZATION};
use crate::support::process::Process;
use crate::support::server::free_address;
use crate::support::{tools, wait_for};

/// What is installed.
pub(crate) const MOTO: &str = "moto[server]==5.2.5";

/// A running one; gone with its data when dropped.
pub(crate) struct Companion {
    address: SocketAddr,
    _process: Process,
    _scratch: TempDir,
}

/// Where its programs are installed.
pub(crate) fn install() -> PathBuf {
    tools::python("moto", MOTO)
}

impl Companion {
    /// Starts one.
    pub(crate) fn start() -> Companion {
        let scratch = TempDir::with_prefix_in("moto-", env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let address = free_address();
        let log = File::create(scratch.path().join("log")).expect("a log file");
        let mut command = Command::new(install().join("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let process = Process::start(&mut command);
        wait_for("moto's server", || TcpStream::connect(address).ok());
        Companion { address, _process: process, _scratch: scratch }
    }

    /// What a client is given as its endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A call of DynamoDB that must succeed.
    pub(crate) fn dynamo(&self, operation: &str, input: &Value) -> Value {
        let target = format!("DynamoDB_20120810.{operation}");
        let authorization = AUTHORIZATION.replace("/kinesis/", "/dynamodb/");
        let body = input.to_string();
        let kind = "application/x-amz-json-1.0";
        let answer = http::post_to(self.address, &target, &authorization, kind, body.as_bytes());
        let answer = answer.expect("moto's server answers");
        assert_eq!(answer.status, 200, "{operation} {input}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).expect("JSON")
    }
}
