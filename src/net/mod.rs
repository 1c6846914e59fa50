//! Sockets: the listener, TLS, HTTP/1.1 and HTTP/2 connections, the admin endpoint. Knows no operation.
//!
//! One port speaks everything clients speak: [`serve`] accepts, `sniff` looks at the first bytes,
//! `connection` puts TLS in between where it is due, and `http1` or `http2` carries requests to a
//! [`Handler`]. All of it runs on one thread inside a `LocalSet`; nothing here is shared between cores except
//! [`Shutdown`], [`Readiness`] and the TLS configuration.

mod admin;
mod body;
mod connection;
mod date;
mod event_body;
mod gathered;
mod handler;
mod http1;
mod http2;
mod listener;
#[cfg(feature = "otel")]
mod otlp;
mod outgoing;
mod shutdown;
mod sniff;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use admin::{Admin, Readiness, serve_admin};
pub use handler::{Answer, Drive, Handler};
pub use listener::serve;
#[cfg(feature = "otel")]
pub use otlp::{Exporting, export as export_spans};
pub use outgoing::Outgoing;
pub use shutdown::{Shutdown, ShutdownTrigger, shutdown};
pub use tls::{SelfSigned, Tls, TlsError};
