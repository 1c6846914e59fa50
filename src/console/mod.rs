//! The console: one small page on the admin address, and what it is fed with. Knows no sockets.
//!
//! The page is a handful of files in the binary (`assets`). It asks under `/console/api/`, in JSON:
//!
//! | request | answer |
//! |---|---|
//! | `GET facts` | what the server was started with |
//! | `GET overview?q=&offset=` | totals, throttles, and a page of the streams whose names hold `q` |
//! | `GET stream?account=&name=` | a stream's shards with their ranges and lineage |
//! | `GET live?q=&offset=&account=&name=` | server-sent events, one of each a second: `overview` as above, and `stream` with the figures of the named stream's shards and consumers |
//! | `GET tail?account=&name=&shard=` | server-sent events: `records` as they are committed, from now on |
//! | `POST put` | puts one record: `{account, stream, key, hash_key, data, base64}` |
//!
//! An `account` is the twelve digits of another account than the server's own, else empty: the console shows
//! the streams of all. An error is `{"error": …, "message": …}`. Whoever may ask is decided in `gate`.
//!
//! The admin thread serves all of it. Figures come from the metrics registry, which any thread may read; the
//! catalog, positions and records are the data thread's, which is asked over a bounded channel (`desk`) and
//! hands out shared, immutable parts. The answers are kept for a second (`board`), however many look on.

mod assets;
mod board;
mod body;
mod desk;
mod figures;
mod gate;
mod live;
mod query;
mod show;
mod tail;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::limits;
use crate::platform::Clock;
use crate::telemetry::Exporter;

use board::Board;
pub use body::Body;
use desk::Ask;
pub use desk::{Desk, Rooms};
use gate::{Gate, Refused};
use query::Query;

/// What visitors may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everything: also see what records carry, and put records.
    Full,
    /// See names and figures.
    Figures,
}

/// Tells why the server takes no requests; `None` while it does.
pub type WhyNotReady = Box<dyn Fn() -> Option<&'static str> + Send + Sync>;

/// What the console is told before the server has opened its data.
pub struct Settings {
    /// What visitors may do.
    pub access: Access,
    /// Names by which browsers reach the page, beside localhost and IP addresses.
    pub hosts: Vec<String>,
    /// Where the figures come from.
    pub exporter: Exporter,
    /// Whether the server takes requests.
    pub why_not_ready: WhyNotReady,
}

/// What the server was started with, as the page's head shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The server's version.
    pub version: &'static str,
    /// Where clients find it.
    pub endpoint: String,
    /// The admin address.
    pub admin: String,
    /// The data directory.
    pub data_dir: String,
    /// When a put is acknowledged.
    pub durability: &'static str,
    /// How the disk is driven.
    pub backend: &'static str,
    /// The limits as the start-up line names them.
    pub limits: String,
    /// In ARNs.
    pub region: String,
    /// The server's own account.
    pub account: String,
    /// Seconds a subscription lasts.
    pub subscription_secs: u64,
    /// When it was started, in milliseconds since 1970.
    pub started_ms: u64,
}

/// The console as the admin endpoint sees it.
pub struct Console {
    gate: Gate,
    access: Access,
    why_not_ready: WhyNotReady,
    facts: Arc<OnceLock<Facts>>,
    board: Board,
    asks: mpsc::Sender<Ask>,
    viewers: Arc<Semaphore>,
}

/// A console, and the desk by which the data thread answers it.
pub fn console(settings: Settings) -> (Arc<Console>, Desk) {
    let (asks, asked) = mpsc::channel(limits::CONSOLE_ASKS_MAX);
    let facts = Arc::new(OnceLock::new());
    let desk = Desk::new(asked, Arc::clone(&facts));
    let console = Console {
        gate: Gate::new(settings.hosts),
        access: settings.access,
        why_not_ready: settings.why_not_ready,
        facts,
        board: Board::new(settings.exporter, Clock::system(), asks.clone()),
        asks,
        viewers: Arc::new(Semaphore::new(limits::CONSOLE_VIEWERS_MAX)),
    };
    (Arc::new(console), desk)
}

/// A refusal: status, a word for programs, and what to do.
struct Failure(StatusCode, &'static str, String);

/// The data thread did not answer.
struct Unanswered;

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

fn not_found(what: &str) -> Failure {
    Failure(StatusCode::NOT_FOUND, "NotFound", format!("there is no such {what}"))
}

/// What `POST put` takes.
#[derive(Deserialize)]
struct Put {
    #[serde(default)]
    account: String,
    stream: String,
    key: String,
    #[serde(default)]
    hash_key: String,
    data: String,
    /// The data is in base64, else it is text.
    #[serde(default)]
    base64: bool,
}

impl Console {
    /// Whether a path is the console's to answer.
    pub fn owns(path: &str) -> bool {
        path == "/" || path == "/console" || path.starts_with("/console/")
    }

    /// Answers one request.
    pub async fn answer(self: &Arc<Self>, head: &Parts, body: Bytes) -> Response<Body> {
        let answered = match head.uri.path().strip_prefix("/console/api/") {
            Some(name) => self.answer_api(head, name, body).await,
            None => self.answer_page(head),
        };
        let mut response = answered.unwrap_or_else(refuse);
        gate::harden(response.headers_mut());
        response
    }

    fn answer_page(&self, head: &Parts) -> Result<Response<Body>, Failure> {
        self.gate.admit(head)?;
        if head.method != Method::GET && head.method != Method::HEAD {
            return Ok(refuse_method("GET, HEAD"));
        }
        match head.uri.path() {
            "/" | "/console/" => Ok(redirect()),
            path => assets::answer(path, &head.headers).ok_or_else(|| not_found("page")),
        }
    }

    async fn answer_api(
        self: &Arc<Self>,
        head: &Parts,
        name: &str,
        body: Bytes,
    ) -> Result<Response<Body>, Failure> {
        self.gate.admit_own_page(head)?;
        let wanted = if name == "put" { Method::POST } else { Method::GET };
        if head.method != wanted {
            return Ok(refuse_method(if name == "put" { "POST" } else { "GET" }));
        }
        let query = Query::read(head.uri.query().unwrap_or_default());
        match name {
            "facts" => self.facts().map(|facts| json(&facts)),
            "overview" => self.overview(&query).await.map(|it| json(&it)),
            "stream" => self.board.stream(&query.key()?).await.map(|it| json(&show::lineage(&it))),
            "live" => live::begin(Arc::clone(self), query),
            "tail" => tail::begin(self, &query).await,
            "put" => self.put(head, &body).await,
            _ => Err(not_found("question")),
        }
    }

    fn facts(&self) -> Result<Value, Failure> {
        let facts = self.facts.get().ok_or(Unanswered)?;
        let mut value = json!(facts);
        value["access"] = json!(self.access);
        Ok(value)
    }

    async fn overview(&self, query: &Query) -> Result<Value, Failure> {
        let overview = self.board.overview().await?;
        Ok(show::overview(&overview, query, (self.why_not_ready)()))
    }

    /// Refuses what shows or makes records, where visitors may see figures only.
    fn require_full(&self) -> Result<(), Failure> {
        if self.access == Access::Full {
            return Ok(());
        }
        let text = "this console shows no records and puts none: start the server with --console on";
        Err(Failure(StatusCode::FORBIDDEN, "ReadOnly", text.to_owned()))
    }

    async fn put(&self, head: &Parts, body: &[u8]) -> Result<Response<Body>, Failure> {
        self.require_full()?;
        gate::require_json(head)?;
        let put: Put = serde_json::from_slice(body).map_err(|error| {
            let text = format!("not {{account, stream, key, hash_key, data, base64}}: {error}");
            Failure(StatusCode::BAD_REQUEST, "BadRequest", text)
        })?;
        let (account, input) = (put.account()?, put.input());
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::Put { account, input, reply })?;
        match answer.await.map_err(|_| Unanswered)? {
            Ok(output) => Ok(with_body(StatusCode::OK, "application/json", output)),
            Err(error) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                Err(Failure(status, error.code, error.message.unwrap_or_default()))
            }
        }
    }

    fn ask(&self, ask: Ask) -> Result<(), Unanswered> {
        self.asks.try_send(ask).map_err(|_| Unanswered)
    }
}

impl Put {
    fn account(&self) -> Result<Option<String>, Failure> {
        Ok(query::account(&self.account)?.map(str::to_owned))
    }

    /// The input of `PutRecord`.
    fn input(&self) -> Vec<u8> {
        let data = match self.base64 {
            true => self.data.clone(),
            false => base64_simd::STANDARD.encode_to_string(self.data.as_bytes()),
        };
        let mut input = json!({"StreamName": self.stream, "PartitionKey": self.key, "Data": data});
        if !self.hash_key.is_empty() {
            input["ExplicitHashKey"] = json!(self.hash_key);
        }
        input.to_string().into_bytes()
    }
}

fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn json(value: &Value) -> Response<Body> {
    with_body(StatusCode::OK, "application/json", value.to_string())
}

fn refuse(Failure(status, error, message): Failure) -> Response<Body> {
    with_body(status, "application/json", json!({"error": error, "message": message}).to_string())
}

fn refuse_method(allowed: &'static str) -> Response<Body> {
    let text = format!("only {allowed} here");
    let mut response = refuse(Failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", text));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn redirect() -> Response<Body> {
    let mut response = with_body(StatusCode::TEMPORARY_REDIRECT, "text/plain; charset=utf-8", "/console\n");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/console"));
    response
}
