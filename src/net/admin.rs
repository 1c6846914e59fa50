//! The admin endpoint: `/metrics`, `/healthz`, `/readyz`, and the console's pages. It has a thread and a
//! small runtime of its own, so that a slow scrape never stands before a record.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::{Shutdown, listener};
use crate::console::{Body, Console};
use crate::limits::{
    ACCEPT_REST_MS, ADMIN_CONNECTIONS_MAX, CONSOLE_BODY_BYTES_MAX, CONSOLE_BODY_SECS_MAX, HANDSHAKE_SECS_MAX,
};
use crate::telemetry::names;

const TEXT: &str = "text/plain; charset=utf-8";
/// The Prometheus text format.
const METRICS: &str = "text/plain; version=0.0.4";

/// Whether the server takes requests, and if not, why not. Shared by all threads.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<Option<&'static str>>>);

impl Readiness {
    /// Not ready yet, for a reason.
    pub fn pending(reason: &'static str) -> Self {
        gauge!(names::READY).set(0.0);
        Self(Arc::new(watch::Sender::new(Some(reason))))
    }

    /// From now on, ready.
    pub fn ready(&self) {
        gauge!(names::READY).set(1.0);
        self.0.send_replace(None);
    }

    /// From now on, not ready, for a reason.
    pub fn not_ready(&self, reason: &'static str) {
        gauge!(names::READY).set(0.0);
        self.0.send_replace(Some(reason));
    }

    /// The reason against it, if there is one.
    pub fn why_not(&self) -> Option<&'static str> {
        *self.0.borrow()
    }
}

/// What the endpoint tells.
pub struct Admin {
    /// Renders all metrics as text.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// What `/readyz` answers.
    pub readiness: Readiness,
    /// The page for people, unless there is none.
    pub console: Option<Arc<Console>>,
}

/// Serves the endpoint from a thread of its own until the shutdown begins; the handle joins that thread.
pub fn serve_admin(
    listener: std::net::TcpListener,
    admin: Admin,
    shutdown: Shutdown,
) -> io::Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("admin".into()).spawn(move || {
        let serving = async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => accept(listener, Rc::new(admin), shutdown).await,
                Err(error) => warn!(%error, "admin endpoint not served"),
            }
        };
        LocalSet::new().block_on(&runtime, serving);
    })
}

async fn accept(listener: TcpListener, admin: Rc<Admin>, shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    let mut ended = Box::pin(shutdown.begun());
    loop {
        tokio::select! {
            biased;
            () = ended.as_mut() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < ADMIN_CONNECTIONS_MAX => match accepted {
                Ok((socket, _peer)) => drop(connections.spawn_local(serve(socket, Rc::clone(&admin)))),
                Err(error) => {
                    warn!(%error, "admin endpoint cannot accept, resting");
                    sleep(Duration::from_millis(ACCEPT_REST_MS)).await;
                }
            },
        }
    }
}

async fn serve(socket: TcpStream, admin: Rc<Admin>) {
    listener::prepare(&socket);
    let service = service_fn(move |request: Request<Incoming>| {
        let admin = Rc::clone(&admin);
        async move { Ok::<_, Infallible>(admin.respond(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HANDSHAKE_SECS_MAX))
        .serve_connection(TokioIo::new(socket), service);
    // How a scraper's connection ends concerns nobody.
    let _ = connection.await;
}

impl Admin {
    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        match &self.console {
            Some(console) if Console::owns(path) => ask_console(console, request).await,
            _ => self.answer(request.method(), path),
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let known = matches!(path, "/metrics" | "/healthz" | "/readyz");
        match (path, method) {
            _ if !known => text(StatusCode::NOT_FOUND, TEXT, "not found\n"),
            (_, method) if method != Method::GET && method != Method::HEAD => refuse_method(),
            ("/metrics", _) => text(StatusCode::OK, METRICS, (self.metrics)()),
            ("/healthz", _) => text(StatusCode::OK, TEXT, "ok\n"),
            _ => match self.readiness.why_not() {
                None => text(StatusCode::OK, TEXT, "ready\n"),
                Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{reason}\n")),
            },
        }
    }
}

async fn ask_console(console: &Arc<Console>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let patience = Duration::from_secs(CONSOLE_BODY_SECS_MAX);
    let collected = timeout(patience, Limited::new(body, CONSOLE_BODY_BYTES_MAX).collect()).await;
    match collected {
        Ok(Ok(body)) => console.answer(&head, body.to_bytes()).await,
        Ok(Err(_)) => {
            let words = format!("the body is cut short, or larger than {CONSOLE_BODY_BYTES_MAX} bytes\n");
            text(StatusCode::PAYLOAD_TOO_LARGE, TEXT, words)
        }
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, TEXT, "the body did not come in time\n"),
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn refuse_method() -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "method not allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
