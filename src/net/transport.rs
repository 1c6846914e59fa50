//! The byte streams connections are served on: sockets, TLS over them, pipes in memory.

use std::os::fd::AsFd;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A byte stream in both directions.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// The socket, if bytes written to it are the same as bytes written here.
    fn socket(&self) -> Option<&(dyn AsFd + 'static)> {
        None
    }
}

impl Transport for TcpStream {
    fn socket(&self) -> Option<&(dyn AsFd + 'static)> {
        Some(self)
    }
}

/// What is written here leaves encrypted.
impl<IO: Transport> Transport for TlsStream<IO> {}

impl<IO: Transport> Transport for Box<IO> {
    fn socket(&self) -> Option<&(dyn AsFd + 'static)> {
        IO::socket(self)
    }
}

#[cfg(test)]
impl Transport for tokio::io::DuplexStream {}
