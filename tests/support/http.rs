//! The least HTTP/1.1 a test needs: one request per connection over plain TCP, JSON or CBOR.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::PATIENCE;

/// Content type of JSON bodies.
pub const JSON: &str = "application/x-amz-json-1.1";
/// Content type of CBOR bodies.
pub const CBOR: &str = "application/x-amz-cbor-1.1";
/// An `Authorization` header in the form SDKs send; the signature is made up.
pub const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/us-east-1/kinesis/aws4_request, \
     SignedHeaders=host;x-amz-date;x-amz-target, \
     Signature=0000000000000000000000000000000000000000000000000000000000000000";
const READ_SECS_MAX: u64 = 30;
/// Before a call refused for its rate is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields as they came, one a line.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// `GET path`.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    exchange(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )
}

/// An operation with a body in either encoding.
pub fn post(address: SocketAddr, operation: &str, content_type: &str, body: &[u8]) -> io::Result<Answer> {
    let target = format!("Kinesis_20131202.{operation}");
    post_to(address, &target, AUTHORIZATION, content_type, body)
}

/// An operation of any service whose target is a header.
pub fn post_to(
    address: SocketAddr,
    target: &str,
    authorization: &str,
    content_type: &str,
    body: &[u8],
) -> io::Result<Answer> {
    let mut request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         X-Amz-Target: {target}\r\nX-Amz-Date: 20261101T000000Z\r\n\
         Authorization: {authorization}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    exchange(address, &request)
}

/// An operation in JSON; an empty body answers as `null`. Called too often it is tried again, as SDKs do.
pub fn call(address: SocketAddr, operation: &str, input: &Value) -> (u16, Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = call_once(address, operation, input);
        if !is_rate_exceeded(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{operation} is still called too often");
        thread::sleep(RETRY_PAUSE);
    }
}

/// Whether a call was refused because the operation was called too often.
pub fn is_rate_exceeded((status, output): &(u16, Value)) -> bool {
    *status == 400 && *output == json!({"__type": "LimitExceededException", "message": "Rate exceeded"})
}

/// As [`call`], but whatever is answered first.
pub fn call_once(address: SocketAddr, operation: &str, input: &Value) -> (u16, Value) {
    let answer = post(address, operation, JSON, input.to_string().as_bytes())
        .unwrap_or_else(|error| panic!("{operation}: {error}"));
    let output = if answer.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|error| panic!("{operation}: {error} in {answer:?}"))
    };
    (answer.status, output)
}

/// As [`call`], for a call that must succeed.
pub fn call_ok(address: SocketAddr, operation: &str, input: &Value) -> Value {
    let (status, output) = call(address, operation, input);
    assert_eq!(status, 200, "{operation} {input}: {output}");
    output
}

/// Any request at all, from its first byte to its last; it should ask for the connection to be closed.
pub fn raw(address: SocketAddr, request: &[u8]) -> Answer {
    exchange(address, request).unwrap_or_else(|error| panic!("{error}"))
}

/// A connection kept open over many JSON calls; for load, where one connection a call would be the load.
pub struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(READ_SECS_MAX)))?;
        Ok(Client { address, stream: BufReader::new(stream) })
    }

    /// One operation in JSON; an error says that the server (or the connection to it) is gone.
    pub fn call(&mut self, operation: &str, input: &Value) -> io::Result<(u16, Value)> {
        let answer = self.post(operation, JSON, input.to_string().as_bytes())?;
        let is_empty = answer.body.is_empty();
        let output = if is_empty { Value::Null } else { serde_json::from_slice(&answer.body)? };
        Ok((answer.status, output))
    }

    /// One operation with a body in either encoding.
    pub fn post(&mut self, operation: &str, content_type: &str, body: &[u8]) -> io::Result<Answer> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\n\
             X-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: 20261101T000000Z\r\n\
             Authorization: {AUTHORIZATION}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut answer =
            parse(head.as_bytes()).ok_or_else(|| io::Error::other(format!("not an answer: {head}")))?;
        let body_bytes = answer.header("content-length").and_then(|it| it.parse().ok());
        answer.body.resize(body_bytes.ok_or_else(|| io::Error::other("no content length"))?, 0);
        self.stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }
}

fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(READ_SECS_MAX)))?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes)
        .ok_or_else(|| io::Error::other(format!("not an answer: {}", String::from_utf8_lossy(&bytes))))
}

/// The connection was to be closed after the answer, so the body is what follows the head.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let head_bytes = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..head_bytes].to_vec()).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer { status, head, body: bytes[head_bytes + 4..].to_vec() };
    if answer.header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        answer.body = unchunk(&answer.body)?;
    }
    Some(answer)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_bytes = rest.windows(2).position(|two| two == b"\r\n")?;
        let chunk_bytes = usize::from_str_radix(std::str::from_utf8(&rest[..line_bytes]).ok()?, 16).ok()?;
        if chunk_bytes == 0 {
            return Some(body);
        }
        let start = line_bytes + 2;
        body.extend_from_slice(rest.get(start..start + chunk_bytes)?);
        rest = rest.get(start + chunk_bytes + 2..)?;
    }
}
