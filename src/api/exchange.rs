//! What the connection hands in and gets back: one request, one reply.

use bytes::Bytes;

use crate::push::EventStream;

use super::Body;

/// One HTTP request, its body collected.
pub struct Request {
    /// Method, URI, headers.
    pub head: http::request::Parts,
    /// The whole body, at most [`crate::limits::REQUEST_BODY_BYTES_MAX`] bytes.
    pub body: Bytes,
}

/// What to answer.
pub enum Reply {
    /// A complete response. `Content-Length` and `Date` are the connection's to add.
    Whole(http::Response<Body>),
    /// Response headers to send at once, then events until the subscription ends.
    Events(http::Response<()>, Box<EventStream>),
}
