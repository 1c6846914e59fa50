//! HTTP/1.1 with kept-alive connections: one request in flight on each, as many connections as calls at once.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use crate::client::Protocol;
use crate::route::{Route, Socket};
use crate::signature;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MAX_HEAD_BYTES: usize = 32 << 10;
const MAX_REPLY_BYTES: usize = 32 << 20;
const READ_BYTES: usize = 16 << 10;

/// The connections at rest; a call takes one or opens one.
pub(crate) struct H1Pool {
    route: Route,
    idle: RefCell<Vec<Socket>>,
}

impl H1Pool {
    /// A pool that opens its first connection at the first call.
    pub(crate) fn new(route: Route) -> Self {
        Self { route, idle: RefCell::new(Vec::new()) }
    }

    /// One request, one reply: its status and body.
    pub(crate) async fn call(&self, operation: &str, body: &[u8]) -> io::Result<(u16, Bytes)> {
        let kept = self.idle.borrow_mut().pop();
        let mut socket = match kept {
            Some(socket) => socket,
            None => self.route.connect(Protocol::H1).await?,
        };
        socket.write_all(&request(self.route.address, operation, body)).await?;
        // TLS may hold some of it back else.
        socket.flush().await?;
        let reply = read_reply(&mut socket).await?;
        if reply.keep {
            self.idle.borrow_mut().push(socket);
        }
        Ok((reply.status, reply.body))
    }
}

fn request(address: SocketAddr, operation: &str, body: &[u8]) -> Vec<u8> {
    let size = body.len();
    let mut head = format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-length: {size}\r\n");
    for (name, value) in signature::HEADERS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("{}: Kinesis_20131202.{operation}\r\n\r\n", signature::TARGET));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

struct Reply {
    status: u16,
    body: Bytes,
    keep: bool,
}

async fn read_reply(socket: &mut Socket) -> io::Result<Reply> {
    let mut bytes = Vec::with_capacity(READ_BYTES);
    let head_end = loop {
        if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break at;
        }
        read_some(socket, &mut bytes, MAX_HEAD_BYTES).await?;
    };
    let head = read_head(&bytes[..head_end]).ok_or_else(|| bad("a reply head we cannot read"))?;
    let body_start = head_end + 4;
    let end = body_start + head.content_length;
    while bytes.len() < end {
        read_some(socket, &mut bytes, MAX_REPLY_BYTES).await?;
    }
    let body = Bytes::from(bytes).slice(body_start..end);
    Ok(Reply { status: head.status, body, keep: head.keep })
}

async fn read_some(socket: &mut Socket, bytes: &mut Vec<u8>, most: usize) -> io::Result<()> {
    if bytes.len() > most {
        return Err(bad("a reply too long"));
    }
    bytes.reserve(READ_BYTES);
    match socket.read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

struct Head {
    status: u16,
    content_length: usize,
    keep: bool,
}

/// The service always states a length; a reply without one is refused rather than guessed.
fn read_head(head: &[u8]) -> Option<Head> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (mut content_length, mut keep) = (None, true);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            content_length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            keep = !value.trim().eq_ignore_ascii_case("close");
        }
    }
    content_length.filter(|n| *n <= MAX_REPLY_BYTES).map(|content_length| Head {
        status,
        content_length,
        keep,
    })
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_status_length_and_fate_of_the_connection() {
        let head = read_head(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\nConnection: close").unwrap();
        assert_eq!((head.status, head.content_length, head.keep), (400, 12, false));
        assert!(read_head(b"HTTP/1.1 200 OK\r\nserver: x").is_none());
    }

    #[tokio::test]
    async fn two_calls_share_a_kept_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = H1Pool::new(Route::plain(listener.local_addr().unwrap()));
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            for reply in [
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n",
            ] {
                let mut request = Vec::new();
                while !request.ends_with(b"{}") {
                    socket.read_buf(&mut request).await.unwrap();
                }
                assert!(request.starts_with(b"POST / HTTP/1.1\r\n"));
                socket.write_all(reply.as_bytes()).await.unwrap();
            }
        };
        let calls = async {
            assert_eq!(pool.call("ListShards", b"{}").await.unwrap(), (200, Bytes::from("ok")));
            assert_eq!(pool.call("ListShards", b"{}").await.unwrap(), (400, Bytes::new()));
        };
        tokio::join!(server, calls);
        assert_eq!(pool.idle.borrow().len(), 1);
    }
}
