//! One connection of the data port, from its first byte: what it speaks, TLS in between where it is due, and
//! then HTTP/1.1 or HTTP/2 until it ends. Serves any byte stream, so that a pipe in memory is a network too.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::body::{Budget, Rejected, collect};
use super::sniff::{Prefixed, Protocol, sniff};
use super::transport::Transport;
use super::{Answer, Handler, Outgoing, Shutdown, Tls, http1, http2};
use crate::api::Request;
use crate::limits::{HANDSHAKE_SECS_MAX, REQUEST_BODIES_BYTES_MAX};

/// What the connections of one port share.
pub(super) struct Port<H> {
    handler: Rc<H>,
    tls: Option<Tls>,
    budget: Budget,
    shutdown: Shutdown,
    outgoing: Rc<Outgoing>,
}

impl<H: Handler> Port<H> {
    /// A port that speaks TLS if it has a certificate.
    pub(super) fn new(handler: Rc<H>, tls: Option<Tls>, shutdown: Shutdown, outgoing: Rc<Outgoing>) -> Self {
        Self { handler, tls, budget: Budget::new(REQUEST_BODIES_BYTES_MAX), shutdown, outgoing }
    }

    /// Where connections post what leaves with a commit.
    pub(super) fn outgoing(&self) -> Rc<Outgoing> {
        Rc::clone(&self.outgoing)
    }

    /// Hears when connections are to finish.
    pub(super) fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Collects a request's body and has it answered.
    pub(super) async fn answer<B>(
        &self,
        head: http::request::Parts,
        declared: Option<u64>,
        body: B,
    ) -> Result<Answer<H::Events>, Rejected>
    where
        B: Body<Data = Bytes>,
    {
        let (body, _permit) = collect(body, declared, &self.budget).await?;
        Ok(Rc::clone(&self.handler).call(Request { head, body }).await)
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<IO, H>(io: IO, port: Rc<Port<H>>)
where
    IO: Transport + 'static,
    H: Handler,
{
    let opening = timeout(Duration::from_secs(HANDSHAKE_SECS_MAX), open(io, port.tls.as_ref()));
    match opening.await {
        Ok(Ok(Opened::Plain(protocol, io))) => speak(protocol, io, port).await,
        Ok(Ok(Opened::Secured(protocol, io))) => speak(protocol, io, port).await,
        Ok(Err(error)) => debug!(%error, "connection not opened"),
        Err(_) => debug!("connection not opened in time"),
    }
}

enum Opened<IO> {
    Plain(Protocol, Prefixed<IO>),
    Secured(Protocol, Prefixed<Box<SecuredStream<IO>>>),
}

type SecuredStream<IO> = tokio_rustls::server::TlsStream<Prefixed<IO>>;

async fn open<IO>(io: IO, tls: Option<&Tls>) -> io::Result<Opened<IO>>
where
    IO: Transport,
{
    match (sniff(io).await?, tls) {
        ((Protocol::Tls, io), Some(tls)) => {
            let secured = TlsAcceptor::from(tls.config()).accept(io).await?;
            let (protocol, io) = sniff(Box::new(secured)).await?;
            Ok(Opened::Secured(protocol, io))
        }
        (_, Some(tls)) if !tls.plain_allowed() => Err(refused("plain text on a port that speaks TLS")),
        ((Protocol::Tls, _), None) => Err(refused("TLS on a port that speaks plain text")),
        ((protocol, io), _) => Ok(Opened::Plain(protocol, io)),
    }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

async fn speak<IO, H>(protocol: Protocol, io: IO, port: Rc<Port<H>>)
where
    IO: Transport + 'static,
    H: Handler,
{
    match protocol {
        Protocol::Http2 => {
            if let Err(error) = http2::serve(io, port).await {
                debug!(%error, "HTTP/2 connection ended");
            }
        }
        // TLS inside TLS is nothing anyone speaks; the HTTP/1.1 parser says so.
        Protocol::Http1 | Protocol::Tls => {
            if let Err(error) = http1::serve(io, port).await {
                debug!(%error, "HTTP/1.1 connection ended");
            }
        }
    }
}
