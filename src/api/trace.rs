//! What a request's span says, where spans are exported; nothing is gathered where they are not.

use http::header::HeaderMap;
use http::request::Parts;

use crate::telemetry::spans::{self, Span};
use crate::types::{ConsumerArn, Instant, StreamArn};
use crate::wire::Value;

use super::{Answer, ApiError, Reply, Request};

/// A request's span while it is under way.
pub(super) struct Trace {
    parent: Option<String>,
    stream: Option<String>,
    began: Instant,
}

impl Trace {
    /// Begins one, if it is wanted.
    pub(super) fn begin(head: &Parts, began: Instant) -> Option<Self> {
        if !spans::are_taken() {
            return None;
        }
        let parent = text(&head.headers, "traceparent");
        spans::is_wanted(parent).then(|| Self { parent: parent.map(str::to_owned), stream: None, began })
    }

    /// Takes the stream's name from the input, whichever way it is given.
    pub(super) fn read(&mut self, input: &Value<'_>) {
        let text = |name: &str| input.get(name).and_then(Value::as_text);
        let of_arn = |arn: &str| StreamArn::parse(arn).map(|arn| arn.name);
        self.stream = text("StreamName")
            .map(str::to_owned)
            .or_else(|| text("StreamARN").and_then(of_arn))
            .or_else(|| text("ConsumerARN").and_then(ConsumerArn::parse).map(|arn| arn.stream.name));
    }

    /// The request is answered.
    pub(super) fn end(
        self,
        operation: &'static str,
        request: &Request,
        outcome: &Outcome,
        reply: &Reply,
        now: Instant,
    ) {
        let headers = match reply {
            Reply::Whole(response) => response.headers(),
            Reply::Events(head, _) => head.headers(),
        };
        let mut texts = vec![("rpc.method", operation.to_owned())];
        texts.extend(self.stream.map(|stream| ("aws.kinesis.stream_name", stream)));
        texts.extend(text(headers, "x-amzn-requestid").map(|id| ("aws.request_id", id.to_owned())));
        texts.extend(outcome.error.map(|code| ("error.type", code.to_owned())));
        let numbers = vec![
            ("http.request.body.size", request.body.len() as u64),
            ("http.response.status_code", u64::from(outcome.status)),
        ];
        spans::ended(Span {
            name: operation,
            is_request: true,
            began_nanos: self.began.as_nanos(),
            took: now.since(self.began),
            // A client's mistake is no failure of the server's span.
            error: outcome.error.filter(|_| outcome.status >= 500),
            parent: self.parent,
            texts,
            numbers,
        });
    }
}

/// How a request was answered.
pub(super) struct Outcome {
    status: u16,
    error: Option<&'static str>,
}

impl Outcome {
    /// Of an operation.
    pub(super) fn of(outcome: &Result<Answer, ApiError>) -> Self {
        match outcome {
            Ok(_) => Self { status: 200, error: None },
            Err(error) => Self { status: error.status, error: Some(error.code) },
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
