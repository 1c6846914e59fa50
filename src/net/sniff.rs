//! What a client speaks, told from its first bytes, which are then replayed to whoever serves it.
//!
//! ALPN is not asked: older Java SDKs speak HTTP/2 inside TLS without offering any, and on a plain port all
//! HTTP/2 clients of the service start with the preface (none uses `Upgrade: h2c`).

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::transport::Transport;

/// The connection preface of HTTP/2 (RFC 9113, 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The content type that opens every TLS record of a handshake (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What the first bytes said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// A TLS handshake.
    Tls,
    /// HTTP/2 by prior knowledge.
    Http2,
    /// Anything else is left to the HTTP/1.1 parser.
    Http1,
}

/// Reads as few bytes as tell the protocol, and gives the stream back with them put in front.
pub(super) async fn sniff<IO: AsyncRead + Unpin>(mut io: IO) -> io::Result<(Protocol, Prefixed<IO>)> {
    let mut first = [0; PREFACE.len()];
    let mut length = 0;
    loop {
        match io.read(&mut first[length..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => length += read,
        }
        if let Some(protocol) = classify(&first[..length]) {
            return Ok((protocol, Prefixed { first, next: 0, length, io }));
        }
    }
}

/// The protocol of a connection that begins so; `None` while more than one is possible.
fn classify(first: &[u8]) -> Option<Protocol> {
    match first {
        [] => None,
        [TLS_HANDSHAKE, ..] => Some(Protocol::Tls),
        _ if first == PREFACE => Some(Protocol::Http2),
        _ if PREFACE.starts_with(first) => None,
        _ => Some(Protocol::Http1),
    }
}

/// A byte stream whose first bytes were read already and are read again.
#[derive(Debug)]
pub(super) struct Prefixed<IO> {
    first: [u8; PREFACE.len()],
    next: usize,
    length: usize,
    io: IO,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefixed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.next == self.length {
            return Pin::new(&mut self.io).poll_read(cx, into);
        }
        let end = self.length.min(self.next + into.remaining());
        into.put_slice(&self.first[self.next..end]);
        self.next = end;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prefixed<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Sent bytes pass through.
impl<IO: Transport> Transport for Prefixed<IO> {
    fn socket(&self) -> Option<&(dyn AsFd + 'static)> {
        self.io.socket()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn tells_protocols_as_early_as_possible() {
        assert_eq!(classify(b""), None);
        assert_eq!(classify(b"\x16\x03"), Some(Protocol::Tls));
        assert_eq!(classify(b"POST / HTTP/1.1"), Some(Protocol::Http1), "P alone could be a preface, PO not");
        assert_eq!(classify(b"GET"), Some(Protocol::Http1));
        for cut in 1..PREFACE.len() {
            assert_eq!(classify(&PREFACE[..cut]), None);
        }
        assert_eq!(classify(PREFACE), Some(Protocol::Http2));
        assert_eq!(classify(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx"), Some(Protocol::Http1));
    }

    #[tokio::test]
    async fn replays_what_it_read() {
        let (mut client, server) = tokio::io::duplex(4);
        let sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand then frames";
        let sending = async {
            client.write_all(sent).await.unwrap();
            drop(client);
        };
        let reading = async {
            let (protocol, mut io) = sniff(server).await.unwrap();
            let mut all = vec![];
            io.read_to_end(&mut all).await.unwrap();
            (protocol, all)
        };
        let ((), (protocol, all)) = tokio::join!(sending, reading);
        assert_eq!((protocol, all.as_slice()), (Protocol::Http2, sent.as_slice()));
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_an_end_of_file() {
        let (client, server) = tokio::io::duplex(64);
        drop(client);
        assert_eq!(sniff(server).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
