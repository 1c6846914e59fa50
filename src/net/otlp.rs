//! Spans sent to an OpenTelemetry collector by OTLP over HTTP, from a thread of its own. The messages, the
//! retries and the standard variables (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES`, ...) are
//! OpenTelemetry's own crates'; the HTTP client is hyper, as everywhere here.

use std::env;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use metrics::counter;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::limits::{
    SPANS_ANSWER_BYTES_MAX, SPANS_AT_STOP_SECS_MAX, SPANS_EXPORT_SECS_MAX, SPANS_EXPORTED_MAX,
    SPANS_GATHER_MILLIS,
};
use crate::platform::Clock;
use crate::telemetry::names;
use crate::telemetry::spans::{self, Span};

/// The path of traces below a collector's address.
const TRACES: &str = "v1/traces";

/// The thread that exports.
pub struct Exporting(Receiver<()>);

impl Exporting {
    /// Has what is queued sent, and waits for it a bounded while.
    pub fn finish(self) {
        spans::end();
        // The thread drops its end when it is done.
        let _ = self.0.recv_timeout(Duration::from_secs(SPANS_AT_STOP_SECS_MAX));
    }
}

/// Sends what comes out of the queue to a collector. `None` leaves the address to the variables of
/// OpenTelemetry.
pub fn export(endpoint: Option<&str>, spans: Receiver<Span>) -> io::Result<Exporting> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut builder = SpanExporter::builder().with_http().with_http_client(Collector::new(&runtime)?);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(traces_of(endpoint));
    }
    let mut exporter = builder.build().map_err(io::Error::other)?;
    exporter.set_resource(&resource());
    let (running, done) = channel();
    thread::Builder::new().name("otlp".into()).spawn(move || {
        let _running: Sender<()> = running;
        while let Some(batch) = gather(&spans) {
            let count = batch.len() as u64;
            let outcome = runtime.block_on(exporter.export(batch));
            let result = if outcome.is_ok() { "exported" } else { "failed" };
            counter!(names::SPANS, "result" => result).increment(count);
            if let Err(error) = outcome {
                tracing::warn!(%error, spans = count, "spans were not exported");
            }
        }
    })?;
    Ok(Exporting(done))
}

/// A collector's address is the base its signals lie below, unless it has a path already.
fn traces_of(endpoint: &str) -> String {
    let path = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest).split_once('/');
    match path {
        None => format!("{endpoint}/{TRACES}"),
        Some((_, "")) => format!("{endpoint}{TRACES}"),
        Some(_) => endpoint.to_owned(),
    }
}

fn resource() -> Resource {
    let builder = Resource::builder();
    let builder = if env::var_os("OTEL_SERVICE_NAME").is_some() {
        builder
    } else {
        builder.with_service_name("fanlight")
    };
    builder.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build()
}

/// Waits for a span, and for what else comes within a moment; `None` at the end.
fn gather(spans: &Receiver<Span>) -> Option<Vec<SpanData>> {
    let mut batch = vec![spans.recv().ok().filter(|span| !span.is_end())?];
    let clock = Clock::system();
    let deadline = clock.now() + Duration::from_millis(SPANS_GATHER_MILLIS);
    while batch.len() < SPANS_EXPORTED_MAX {
        match spans.recv_timeout(deadline.since(clock.now())) {
            // What follows is the end again, and nothing after it.
            Ok(span) if span.is_end() => {
                spans::end();
                break;
            }
            Ok(span) => batch.push(span),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    // Nanoseconds of the monotonic clock, as the wall shows them now.
    let (wall, now) = (u128::from(clock.wall().as_millis()) * 1_000_000, u128::from(clock.now().as_nanos()));
    let epoch = Duration::from_nanos(u64::try_from(wall.saturating_sub(now)).unwrap_or_default());
    Some(batch.into_iter().map(|span| data(span, epoch)).collect())
}

fn data(span: Span, epoch: Duration) -> SpanData {
    let (trace, parent) =
        span.parent.as_deref().and_then(parent_of).unwrap_or((random_trace(), SpanId::INVALID));
    let start_time = std::time::UNIX_EPOCH + epoch + Duration::from_nanos(span.began_nanos);
    let texts = span.texts.into_iter().map(|(name, text)| KeyValue::new(name, text));
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let numbers = span.numbers.into_iter().map(|(name, value)| KeyValue::new(name, number(value)));
    let system = span.is_request.then(|| KeyValue::new("rpc.system.name", "aws-api"));
    SpanData {
        span_context: SpanContext::new(trace, random_span(), TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: parent,
        parent_span_is_remote: parent != SpanId::INVALID,
        span_kind: if span.is_request { SpanKind::Server } else { SpanKind::Internal },
        name: span.name.into(),
        start_time,
        end_time: start_time + span.took,
        attributes: system.into_iter().chain(texts).chain(numbers).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: span.error.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("fanlight").build(),
    }
}

/// The trace and span a client names in its `traceparent`.
fn parent_of(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.split('-').skip(1);
    let (trace, span) = (TraceId::from_hex(parts.next()?).ok()?, SpanId::from_hex(parts.next()?).ok()?);
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span))
}

fn random_trace() -> TraceId {
    TraceId::from_bytes(fastrand::u128(1..).to_be_bytes())
}

fn random_span() -> SpanId {
    SpanId::from_bytes(fastrand::u64(1..).to_be_bytes())
}

/// The connection to the collector.
#[derive(Debug)]
struct Collector(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Collector {
    fn new(runtime: &Runtime) -> io::Result<Self> {
        let _inside = runtime.enter();
        let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(default_provider())?;
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = async {
            let answer = self.0.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, SPANS_ANSWER_BYTES_MAX).collect().await?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        timeout(Duration::from_secs(SPANS_EXPORT_SECS_MAX), exchange).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_lie_below_the_collectors_address() {
        let told = ["http://c:4318", "http://c:4318/", "http://c/own/v1/traces"].map(traces_of);
        assert_eq!(told, ["http://c:4318/v1/traces", "http://c:4318/v1/traces", "http://c/own/v1/traces"]);
    }

    #[test]
    fn a_client_that_traces_is_the_parent() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let span = Span { name: "PutRecord", parent: Some(text.into()), ..Span::default() };
        let data = data(span, Duration::ZERO);
        assert_eq!(data.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(data.parent_span_id.to_string(), "b7ad6b7169203331");
        assert_eq!([parent_of("00-0-0-01"), parent_of("nonsense")], [None, None]);
    }
}
