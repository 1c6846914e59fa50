//! The console: one small page on the admin address, and what it is fed with. Knows no sockets.
//!
//! The page is a handful of files in the binary (`assets`). It asks under `/console/api/`, in JSON:
//!
//! | request | answer |
//! |---|---|
//! | `GET facts` | what the server was started with |
//! | `GET overview?q=&offset=` | totals, throttles, and a page of the streams whose names hold `q` |
//! | `GET stream?account=&name=` | a stream's shards with their ranges and lineage |
//! | `GET live?q=&offset=&account=&name=` | server-sent events: `overview` and `stream`, each once a second |
//! | `GET tail?account=&name=&shard=` | server-sent events: `records` as they are committed, from now on |
//! | `POST put` | puts one record: `{account, stream, key, hash_key, data, base64}` |
//!
//! A `stream` event has the figures of the named stream, its shards (in the order of `GET stream`) and its
//! consumers. An `account` is the twelve digits of another account than the server's own, else empty: the
//! console shows the streams of all. An error is `{"error": …, "message": …}`. Who may ask: see `gate`.
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
mod put;
mod query;
mod reply;
mod show;
mod tail;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use crate::limits;
use crate::platform::Clock;
use crate::telemetry::Exporter;

use board::Board;
pub use body::Body;
use desk::Ask;
pub use desk::{Desk, Rooms};
use gate::Gate;
use query::Query;
use reply::{Failure, Unanswered, json, not_found, redirect, refuse, refuse_method};

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
            "put" => put::put(self, head, &body).await,
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

    fn ask(&self, ask: Ask) -> Result<(), Unanswered> {
        self.asks.try_send(ask).map_err(|_| Unanswered)
    }
}
