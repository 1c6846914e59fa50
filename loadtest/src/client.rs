//! Requests and their answers, over HTTP/2 or HTTP/1.1. Subscriptions do not come this way.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use serde::Deserialize;

use crate::h1::H1Pool;
use crate::route::Route;
use crate::signature;

/// Larger than any reply the service gives (10 MiB of records, base64, JSON).
const WINDOW_BYTES: u32 = 32 << 20;
const MAX_REPLY_BYTES: usize = 32 << 20;

/// Which protocol puts and pulls speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    /// HTTP/1.1, kept alive.
    H1,
    /// HTTP/2 with prior knowledge.
    H2,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service answered with an error.
    Service {
        /// Its exception's name.
        kind: String,
        /// Its words.
        message: String,
    },
    /// No answer: the request may have been carried out.
    Connection(String),
}

impl Failure {
    /// Whether this is the named exception.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Service { kind, .. } if kind == name)
    }

    /// Whether the service surely did not carry the request out; after an internal failure nobody knows.
    pub(crate) fn is_refusal(&self) -> bool {
        let unsure = |kind: &str| kind.starts_with("Internal") || kind.starts_with("HTTP 5");
        matches!(self, Self::Service { kind, .. } if !unsure(kind))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { kind, message } => write!(f, "{kind}: {message}"),
            Self::Connection(why) => write!(f, "connection: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// One connection to the service (HTTP/1.1: as many as calls are in flight), renewed when it breaks.
#[derive(Clone)]
pub(crate) struct Client(Road);

#[derive(Clone)]
enum Road {
    H1(Rc<H1Pool>),
    H2(Rc<H2>),
}

impl Client {
    /// A client that connects at its first call.
    pub(crate) fn new(route: Route, protocol: Protocol) -> Self {
        Self(match protocol {
            Protocol::H1 => Road::H1(Rc::new(H1Pool::new(route))),
            Protocol::H2 => Road::H2(Rc::new(H2::new(route))),
        })
    }

    /// Calls an operation with a JSON body; returns the JSON of its success.
    pub(crate) async fn call(&self, operation: &str, body: impl Into<Bytes>) -> Result<Bytes, Failure> {
        let (status, reply) = match &self.0 {
            Road::H1(pool) => pool.call(operation, &body.into()).await,
            Road::H2(h2) => h2.call(operation, body.into()).await,
        }
        .map_err(|error| Failure::Connection(error.to_string()))?;
        if status == 200 { Ok(reply) } else { Err(failure(status, &reply)) }
    }
}

fn failure(status: u16, body: &[u8]) -> Failure {
    #[derive(Default, Deserialize)]
    struct Error {
        #[serde(rename = "__type")]
        kind: String,
        #[serde(default, alias = "Message")]
        message: String,
    }
    let unreadable = || Error { kind: format!("HTTP {status}"), message: String::new() };
    let error: Error = serde_json::from_slice(body).unwrap_or_else(|_| unreadable());
    Failure::Service { kind: error.kind, message: error.message }
}

struct H2 {
    route: Route,
    uri: http::Uri,
    sender: tokio::sync::Mutex<Option<SendRequest<Bytes>>>,
    generation: Cell<u64>,
}

impl H2 {
    fn new(route: Route) -> Self {
        let uri = format!("http://{}/", route.address).parse().expect("an address makes a valid URI");
        Self { route, uri, sender: tokio::sync::Mutex::new(None), generation: Cell::new(0) }
    }

    async fn call(&self, operation: &str, body: Bytes) -> io::Result<(u16, Bytes)> {
        let (sender, generation) = self.sender().await?;
        let answer = exchange(sender, self.request(operation), body).await.map_err(io::Error::other);
        if answer.is_err() && self.generation.get() == generation {
            *self.sender.lock().await = None;
        }
        answer
    }

    /// The open connection, or a new one. The lock keeps concurrent callers from opening one each.
    async fn sender(&self) -> io::Result<(SendRequest<Bytes>, u64)> {
        let mut slot = self.sender.lock().await;
        if slot.is_none() {
            let socket = self.route.connect(Protocol::H2).await?;
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
            builder.enable_push(false).max_concurrent_reset_streams(1024);
            let (sender, connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
            tokio::task::spawn_local(connection);
            self.generation.set(self.generation.get() + 1);
            *slot = Some(sender);
        }
        Ok((slot.clone().expect("just filled"), self.generation.get()))
    }

    fn request(&self, operation: &str) -> http::Request<()> {
        let mut request = http::Request::post(self.uri.clone()).version(http::Version::HTTP_2);
        for (name, value) in signature::HEADERS {
            request = request.header(name, value);
        }
        request = request.header(signature::TARGET, format!("Kinesis_20131202.{operation}"));
        request.body(()).expect("all parts are valid")
    }
}

async fn exchange(
    sender: SendRequest<Bytes>,
    request: http::Request<()>,
    body: Bytes,
) -> Result<(u16, Bytes), h2::Error> {
    let (answer, mut upload) = sender.ready().await?.send_request(request, false)?;
    upload.send_data(body, true)?;
    let (head, mut stream) = answer.await?.into_parts();
    let mut whole = BytesMut::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        if whole.len() + piece.len() > MAX_REPLY_BYTES {
            return Err(h2::Reason::ENHANCE_YOUR_CALM.into());
        }
        whole.extend_from_slice(&piece);
    }
    Ok((head.status.as_u16(), whole.freeze()))
}
