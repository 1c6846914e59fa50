//! The API as this client uses it: calls in JSON, signed, their refusals told with advice.

use std::env;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::limits::{CLIENT_ANSWER_BYTES_MAX, CLIENT_CALL_ATTEMPTS_MAX};
use crate::platform::Clock;
use crate::types::Timestamp;

use super::events::Events;
use super::failure::{Failure, Outcome, Refusal};
use super::signature::{self, Credentials};
use super::transport::Transport;
use super::{Backoff, Connect, endpoint_text};

const JSON: &str = "application/x-amz-json-1.1";
/// Between two looks at a stream or consumer that is being made.
const SETTLE_POLL: Duration = Duration::from_millis(60);

/// A client of one server.
pub(super) struct Kinesis {
    endpoint: Uri,
    host: String,
    credentials: Credentials,
    transport: Transport,
    clock: Clock,
}

impl Kinesis {
    /// A client that has not connected yet.
    pub(super) fn new(connect: &Connect) -> Outcome<Self> {
        let endpoint = parse_endpoint("--endpoint", &endpoint_text(connect))?;
        let host = endpoint.authority().map_or_else(String::new, ToString::to_string);
        let transport = Transport::new(connect)?;
        Ok(Self { endpoint, host, credentials: credentials(connect), transport, clock: Clock::system() })
    }

    /// The present.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// One call.
    pub(super) async fn call(&self, operation: &'static str, input: &Value) -> Outcome<Value> {
        let answer = self.transport.exchange(self.request(operation, input)).await?;
        if !answer.status().is_success() {
            return Err(self.refused(operation, &answer));
        }
        if answer.body().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(answer.body()).map_err(|_| self.strange(&answer))
    }

    /// One call that is tried again, for a bounded while, where it comes too often.
    pub(super) async fn call_patiently(&self, operation: &'static str, input: &Value) -> Outcome<Value> {
        let mut backoff = Backoff::default();
        for _ in 1..CLIENT_CALL_ATTEMPTS_MAX {
            match self.call(operation, input).await {
                Err(Failure::Refused(refusal)) if refusal.is_throttle() => sleep(backoff.next()).await,
                outcome => return outcome,
            }
        }
        self.call(operation, input).await
    }

    /// All pages of a list: the members `list` of each answer, in their order.
    pub(super) async fn pages(
        &self,
        operation: &'static str,
        mut input: Value,
        list: &str,
    ) -> Outcome<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            let mut output = self.call_patiently(operation, &input).await?;
            let token = output["NextToken"].take();
            if let Value::Array(page) = output[list].take() {
                all.extend(page);
            }
            if token.is_null() {
                return Ok(all);
            }
            // A page's token stands for everything that was asked.
            let limit = input["MaxResults"].take();
            let arn = input["StreamARN"].take();
            input = json!({"NextToken": token});
            for (name, value) in [("MaxResults", limit), ("StreamARN", arn)] {
                if !value.is_null() && (name != "StreamARN" || operation == "ListStreamConsumers") {
                    input[name] = value;
                }
            }
        }
    }

    /// What a stream is now.
    pub(super) async fn summary(&self, stream: &str) -> Outcome<Value> {
        let input = json!({"StreamName": stream});
        let outcome = self.call_patiently("DescribeStreamSummary", &input).await;
        match outcome {
            Ok(mut output) => Ok(output["StreamDescriptionSummary"].take()),
            Err(failure) => Err(self.with_near_names(stream, failure).await),
        }
    }

    /// Waits until the stream is as `is_settled` wants it.
    pub(super) async fn settled(&self, stream: &str, is_settled: impl Fn(&Value) -> bool) -> Outcome<Value> {
        loop {
            let summary = self.summary(stream).await?;
            if is_settled(&summary) {
                return Ok(summary);
            }
            sleep(SETTLE_POLL).await;
        }
    }

    /// Says which streams there are where the one asked for is missing.
    pub(super) async fn with_near_names(&self, stream: &str, failure: Failure) -> Failure {
        if failure.code() != Some("ResourceNotFoundException") {
            return failure;
        }
        let names =
            self.pages("ListStreams", json!({"Limit": 1000}), "StreamNames").await.unwrap_or_default();
        let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
        failure.advised(|| Some(super::near::advice(stream, &names)))
    }

    /// Subscribes; `index` tells subscriptions of this process apart.
    pub(super) async fn subscribe(&self, index: usize, input: &Value) -> Outcome<Events> {
        const OPERATION: &str = "SubscribeToShard";
        let answer = self.transport.stream(index, self.request(OPERATION, input)).await?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(Events::new(body));
        }
        let body = Limited::new(body, CLIENT_ANSWER_BYTES_MAX).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(self.refused(OPERATION, &Response::from_parts(head, body)))
    }

    fn request(&self, operation: &str, input: &Value) -> Request<Full<Bytes>> {
        let body = Bytes::from(input.to_string());
        let mut request =
            Request::post(self.endpoint.clone()).body(Full::new(body.clone())).expect("a request");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let target = format!("Kinesis_20131202.{operation}");
        headers.insert("x-amz-target", HeaderValue::from_str(&target).expect("operations are words"));
        signature::sign(headers, &self.host, &body, &self.credentials, self.now());
        request
    }

    fn refused(&self, operation: &'static str, answer: &Response<Bytes>) -> Failure {
        let Ok(body) = serde_json::from_slice::<Value>(answer.body()) else { return self.strange(answer) };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let code = text("__type").rsplit('#').next().unwrap_or_default().to_owned();
        if code.is_empty() {
            return self.strange(answer);
        }
        let message = if body["message"].is_null() { text("Message") } else { text("message") };
        Failure::Refused(Refusal { operation, status: answer.status().as_u16(), code, message, hint: None })
    }

    /// Something answered that is no Kinesis service.
    fn strange(&self, answer: &Response<Bytes>) -> Failure {
        let (status, body) = (answer.status(), String::from_utf8_lossy(answer.body()));
        let first = body.lines().next().unwrap_or_default();
        let what = format!("{} answered, but is no Kinesis endpoint: {status} {first}", self.endpoint);
        // Every operation is a POST: no endpoint of the API finds the method wrong.
        let is_admin = matches!((status.as_u16(), first), (404, "not found") | (405, _));
        let hint = if is_admin {
            "That is the admin port. The data port is named in the server's first line, 4567 by default."
        } else {
            "Check --endpoint, and whether a proxy stands between."
        };
        Failure::unreachable(what, hint)
    }
}

/// An endpoint as a URL without a path.
pub(super) fn parse_endpoint(flag: &str, text: &str) -> Outcome<Uri> {
    let wrong = |why: &str| Failure::Usage(format!("{flag} {text:?} {why}, as in http://127.0.0.1:4567"));
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Uri = full.parse().map_err(|_| wrong("is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("has to begin with http:// or https://"));
    }
    let authority = uri.authority().ok_or_else(|| wrong("names no host"))?.clone();
    let builder = Uri::builder().scheme(uri.scheme_str().unwrap_or("http")).authority(authority);
    builder.path_and_query("/").build().map_err(|_| wrong("is no URL"))
}

fn credentials(connect: &Connect) -> Credentials {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let region = connect.region.clone().or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
    Credentials {
        access_key: set("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "fanlight".into()),
        secret: set("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "fanlight".into()),
        session_token: set("AWS_SESSION_TOKEN"),
        region: region.unwrap_or_else(|| "us-east-1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_lose_their_path_and_may_lack_their_scheme() {
        let told = |text| parse_endpoint("--endpoint", text).map(|uri| uri.to_string()).ok();
        assert_eq!(told("http://localhost:4567/x"), Some("http://localhost:4567/".into()));
        assert_eq!(told("127.0.0.1:4567"), Some("http://127.0.0.1:4567/".into()));
        assert_eq!(told("ftp://localhost"), None);
        assert_eq!(told("http://"), None);
    }
}
