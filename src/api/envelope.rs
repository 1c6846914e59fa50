//! What surrounds an operation: which encoding a request speaks, which operation it names, whether it
//! carries credentials at all, and the headers and bodies of every answer. In the service's order of checks.

use base64_simd::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::platform::random;
use crate::wire::{Codec, Value, error_body::error_body, event_stream, target};

use super::{ApiError, Body, Request};

const NO_OPERATION_XML: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name \
                                to be authorized</Message>\n</AccessDeniedException>\n";
const UNKNOWN_OPERATION_XML: &str = "<UnknownOperationException/>\n";
const UNKNOWN_OPERATION_LEGACY: &str =
    r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;

/// A request that names an operation and an encoding.
pub(super) struct Envelope {
    pub(super) codec: Codec,
    pub(super) operation: &'static str,
}

/// Reads the envelope, or tells the answer a request without a good one gets.
pub(super) fn open(request: &Request) -> Result<Envelope, Box<Response<Bytes>>> {
    let Parts { method, headers, .. } = &request.head;
    if headers.contains_key(header::ORIGIN) && method == Method::OPTIONS {
        return Err(Box::new(preflight(headers)));
    }
    if method != Method::POST {
        return Err(Box::new(xml(StatusCode::FORBIDDEN, NO_OPERATION_XML)));
    }
    let content_type = text(headers, &header::CONTENT_TYPE);
    let codec = Codec::from_content_type(content_type);
    let target = text(headers, &HeaderName::from_static("x-amz-target"));
    let operation = target::operation(target);
    if request.body.is_empty() {
        let code = if operation.is_some() { "SerializationException" } else { "UnknownOperationException" };
        return Err(refusal(codec.unwrap_or(Codec::Cbor), code));
    }
    let Some(codec) = codec else {
        return Err(Box::new(unsupported_content_type(content_type, target, &request.body)));
    };
    match operation {
        Some(operation) => Ok(Envelope { codec, operation }),
        None if codec.decode(&request.body).is_ok_and(|value| matches!(value, Value::Map(_))) => {
            Err(refusal(codec, "UnknownOperationException"))
        }
        None => Err(refusal(codec, "SerializationException")),
    }
}

/// An error that has no text.
fn refusal(codec: Codec, code: &'static str) -> Box<Response<Bytes>> {
    Box::new(error(codec, &ApiError::bare(code, None)))
}

fn unsupported_content_type(content_type: &str, target: &str, body: &Bytes) -> Response<Bytes> {
    let legacy = content_type.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    if target.is_empty() {
        xml(StatusCode::FORBIDDEN, NO_OPERATION_XML)
    } else if !legacy {
        xml(StatusCode::NOT_FOUND, UNKNOWN_OPERATION_XML)
    } else if Codec::Json.decode(body).is_ok_and(|value| matches!(value, Value::Map(_))) {
        answer(
            StatusCode::NOT_FOUND,
            "application/json",
            Bytes::from_static(UNKNOWN_OPERATION_LEGACY.as_bytes()),
        )
    } else {
        error(Codec::Json, &ApiError::bare("SerializationException", None))
    }
}

/// Whether the request carries a complete signature. What it signs is accepted as it is: this server has
/// no users of its own yet, and any credentials do.
pub(super) fn require_signature(head: &Parts) -> Result<(), ApiError> {
    let by_query = head.uri.query().is_some_and(|query| query.contains("X-Amz-Algorithm"));
    let by_header = head.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    match by_header {
        Some(_) if by_query => Err(ApiError::bare(
            "InvalidSignatureException",
            Some(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
                    .into(),
            ),
        )),
        None if !by_query => Err(ApiError::bare(
            "MissingAuthenticationTokenException",
            Some("Missing Authentication Token".into()),
        )),
        Some(authorization) => require_complete_header(head, authorization),
        None => require_complete_query(head.uri.query().unwrap_or_default()),
    }
}

fn require_complete_header(head: &Parts, authorization: &str) -> Result<(), ApiError> {
    let mut missing = String::new();
    for parameter in ["Credential", "Signature", "SignedHeaders"] {
        if !authorization.contains(&format!("{parameter}=")) {
            missing.push_str(&format!("Authorization header requires '{parameter}' parameter. "));
        }
    }
    if !head.headers.contains_key("x-amz-date") && !head.headers.contains_key(header::DATE) {
        missing.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!("{missing}Authorization={authorization}");
    Err(ApiError::bare("IncompleteSignatureException", Some(text)))
}

fn require_complete_query(query: &str) -> Result<(), ApiError> {
    let mut missing = String::new();
    for parameter in ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"] {
        if !query.contains(&format!("{parameter}=")) {
            missing.push_str(&format!("AWS query-string parameters must include '{parameter}'. "));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!("{missing}Re-examine the query-string parameters.");
    Err(ApiError::bare("IncompleteSignatureException", Some(text)))
}

/// A successful answer; no output shape means an empty body.
pub(super) fn success(codec: Codec, body: Body) -> Response<Body> {
    answer(StatusCode::OK, codec.content_type(), body)
}

/// An error in the request's encoding.
pub(super) fn error(codec: Codec, error: &ApiError) -> Response<Bytes> {
    let body = codec.to_bytes(&error_body(error.code, error.message.as_deref()));
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(status, codec.content_type(), body);
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error.code));
    response
}

/// The head of an event stream.
pub(super) fn events_head() -> Response<()> {
    let mut response = Response::new(());
    let content_type = HeaderValue::from_static(event_stream::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    identify(response.headers_mut());
    response
}

/// Lets browsers' scripts see an answer, if a browser asked.
pub(super) fn allow_origin(request_headers: &HeaderMap, response_headers: &mut HeaderMap) {
    if !request_headers.contains_key(header::ORIGIN) {
        return;
    }
    response_headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";
    response_headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}

fn preflight(request: &HeaderMap) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert("x-amzn-requestid", value(&random::uuid_v4()));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
    for (asked, allowed) in [
        (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
        (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
    ] {
        if let Some(asked) = request.get(asked) {
            headers.insert(allowed, asked.clone());
        }
    }
    response
}

fn xml(status: StatusCode, body: &'static str) -> Response<Bytes> {
    answer(status, "text/xml", Bytes::from_static(body.as_bytes()))
}

fn answer<B>(status: StatusCode, content_type: &'static str, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    identify(response.headers_mut());
    response
}

/// Two ids on every answer: SDKs show both.
fn identify(headers: &mut HeaderMap) {
    headers.insert("x-amzn-requestid", value(&random::uuid_v4()));
    headers.insert("x-amz-id-2", value(&STANDARD.encode_to_string(random::bytes::<72>())));
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
