//! Answers that are not files: JSON, and refusals with what to do about them.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::Body;
use super::gate::Refused;

/// A refusal: status, a word for programs, and what to do.
pub(super) struct Failure(pub(super) StatusCode, pub(super) &'static str, pub(super) String);

/// The data thread did not answer.
pub(super) struct Unanswered;

impl From<Unanswered> for Failure {
    fn from(Unanswered: Unanswered) -> Self {
        let text = "the server is starting, stopping or busy: try again in a second";
        Self(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", text.to_owned())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self(StatusCode::FORBIDDEN, "Forbidden", refused.to_string())
    }
}

pub(super) fn not_found(what: &str) -> Failure {
    Failure(StatusCode::NOT_FOUND, "NotFound", format!("there is no such {what}"))
}

pub(super) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn json(value: &Value) -> Response<Body> {
    with_body(StatusCode::OK, "application/json", value.to_string())
}

pub(super) fn refuse(Failure(status, error, message): Failure) -> Response<Body> {
    with_body(status, "application/json", json!({"error": error, "message": message}).to_string())
}

pub(super) fn refuse_method(allowed: &'static str) -> Response<Body> {
    let text = format!("only {allowed} here");
    let mut response = refuse(Failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", text));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(super) fn redirect() -> Response<Body> {
    let mut response = with_body(StatusCode::TEMPORARY_REDIRECT, "text/plain; charset=utf-8", "/console\n");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/console"));
    response
}
