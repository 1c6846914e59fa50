//! What does the server say to requests that are none? Byte by byte, each with the status, the body and the
//! text the service gives.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::refusal::server;
use crate::support::http::{AUTHORIZATION, Answer, JSON, raw};

const NO_OPERATION: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                            authorized</Message>\n</AccessDeniedException>\n";

/// A request that is complete unless a part of it is changed.
#[derive(Clone, Copy)]
struct Parts<'a> {
    line: &'a str,
    target: Option<&'a str>,
    content_type: Option<&'a str>,
    authorization: Option<&'a str>,
    date: bool,
    body: &'a [u8],
}

const GOOD: Parts<'static> = Parts {
    line: "POST / HTTP/1.1",
    target: Some("Kinesis_20131202.ListStreams"),
    content_type: Some(JSON),
    authorization: Some(AUTHORIZATION),
    date: true,
    body: b"{}",
};

impl Parts<'_> {
    fn send(&self, address: SocketAddr) -> Answer {
        let mut head = format!("{}\r\nHost: {address}\r\nConnection: close\r\n", self.line);
        let date = self.date.then_some("20261101T000000Z");
        for (name, value) in [
            ("X-Amz-Target", self.target),
            ("Content-Type", self.content_type),
            ("Authorization", self.authorization),
            ("X-Amz-Date", date),
        ] {
            head.extend(value.map(|value| format!("{name}: {value}\r\n")));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        raw(address, &[head.as_bytes(), self.body].concat())
    }
}

#[test]
fn what_does_a_request_without_a_proper_envelope_get() {
    let (server, _kinesis) = server("aws");
    let unknown = br#"{"__type":"UnknownOperationException"}"#.as_slice();
    let malformed = br#"{"__type":"SerializationException"}"#.as_slice();
    let legacy =
        br#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    let cbor_malformed: &[u8] = b"\xa1\x66__type\x76SerializationException";
    let no_operation = NO_OPERATION.as_bytes();
    let cases: &[(&str, Parts<'_>, u16, &[u8])] = &[
        ("nothing wrong", GOOD, 200, br#"{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}"#),
        (
            "a charset",
            Parts { content_type: Some("application/x-amz-json-1.1; charset=utf-8"), ..GOOD },
            200,
            br#"{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}"#,
        ),
        ("another version", Parts { target: Some("Kinesis_20121202.ListStreams"), ..GOOD }, 400, unknown),
        ("no such operation", Parts { target: Some("Kinesis_20131202.ListRivers"), ..GOOD }, 400, unknown),
        ("no target", Parts { target: None, ..GOOD }, 400, unknown),
        ("no target, empty body", Parts { target: None, body: b"", ..GOOD }, 400, unknown),
        ("GET", Parts { line: "GET / HTTP/1.1", body: b"", ..GOOD }, 403, no_operation),
        ("PUT", Parts { line: "PUT / HTTP/1.1", ..GOOD }, 403, no_operation),
        ("empty body", Parts { body: b"", ..GOOD }, 400, malformed),
        ("empty body of no type", Parts { body: b"", content_type: None, ..GOOD }, 400, cbor_malformed),
        ("half an object", Parts { body: b"{\"Limit\":", ..GOOD }, 400, malformed),
        ("a list", Parts { body: b"[]", ..GOOD }, 400, malformed),
        ("no text", Parts { body: b"\xff\xfe", ..GOOD }, 400, malformed),
        ("two values", Parts { body: b"{}{}", ..GOOD }, 400, malformed),
        (
            "text/plain",
            Parts { content_type: Some("text/plain"), ..GOOD },
            404,
            b"<UnknownOperationException/>\n",
        ),
        (
            "text/plain, no target",
            Parts { content_type: Some("text/plain"), target: None, ..GOOD },
            403,
            no_operation,
        ),
        ("application/json", Parts { content_type: Some("application/json"), ..GOOD }, 404, legacy),
        (
            "JSON called CBOR",
            Parts { content_type: Some("application/x-amz-cbor-1.1"), ..GOOD },
            400,
            cbor_malformed,
        ),
    ];
    for (what, request, status, body) in cases {
        let answer = request.send(server.address());
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, &*said), (*status, &*String::from_utf8_lossy(body)), "{what}");
        assert!(answer.header("x-amzn-requestid").is_some(), "{what}: {}", answer.head);
        assert!(answer.header("x-amz-id-2").is_some(), "{what}: {}", answer.head);
    }
}

#[test]
fn what_does_a_request_without_credentials_get() {
    let (server, _kinesis) = server("aws");
    let incomplete = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/us-east-1/kinesis/aws4_request";
    let missing = format!(
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
         parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization={incomplete}"
    );
    let query = "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b HTTP/1.1";
    let missing_query = "AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must \
                         include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.";
    let both =
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.".to_owned();
    let cases: &[(Parts<'_>, &str, String)] = &[
        (
            Parts { authorization: None, ..GOOD },
            "MissingAuthenticationTokenException",
            "Missing Authentication Token".into(),
        ),
        (
            Parts { authorization: Some(incomplete), date: false, ..GOOD },
            "IncompleteSignatureException",
            missing,
        ),
        (
            Parts { line: query, authorization: None, ..GOOD },
            "IncompleteSignatureException",
            missing_query.into(),
        ),
        (Parts { line: query, ..GOOD }, "InvalidSignatureException", both),
    ];
    for (request, kind, message) in cases {
        let answer = request.send(server.address());
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status, body), (400, json!({"__type": kind, "message": message})));
        assert_eq!(answer.header("x-amzn-errortype"), Some(*kind));
    }
}

#[test]
fn is_a_body_that_is_too_large_refused_without_reading_it() {
    let (server, _kinesis) = server("aws");
    let body = vec![b' '; (16 << 20) + 1];
    // By its announced length, before a client that waits for it has sent anything.
    let announced = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {JSON}\r\nX-Amz-Target: \
         Kinesis_20131202.PutRecord\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = raw(server.address(), announced.as_bytes());
    assert_eq!((answer.status, &*answer.body), (413, &b""[..]));
    // Without an announcement, once it has come to too much.
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let length = format!("Expect: 100-continue\r\nContent-Length: {}", body.len());
    let head = announced.replace(&length, "Transfer-Encoding: chunked");
    let answer = raw(server.address(), &[head.as_bytes(), &chunk].concat());
    assert_eq!((answer.status, &*answer.body), (413, &b""[..]));
}
