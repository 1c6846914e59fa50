//! How few writes a busy connection makes.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::transport::Transport;

use super::{ask, h2_client, local, serve_pipe, with_feeds};

/// Counts the writes that go through it.
struct Counted<IO> {
    io: IO,
    writes: Rc<Cell<usize>>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.set(self.writes.get() + 1);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Transport for Counted<IO> {}

#[tokio::test]
async fn events_of_many_streams_leave_in_few_writes() {
    const STREAMS: usize = 100;
    local(async {
        let (handler, feeders) = with_feeds(STREAMS);
        let (near, far) = tokio::io::duplex(4 << 20);
        let writes = Rc::new(Cell::new(0));
        let _serving = serve_pipe(Counted { io: near, writes: Rc::clone(&writes) }, handler);
        let client = h2_client(far, 1 << 20).await;
        let mut bodies = Vec::new();
        for _ in 0..STREAMS {
            bodies.push(ask(&client, "/events", Bytes::new()).await.into_body());
        }
        let before = writes.get();
        for feeder in &feeders {
            feeder.send(vec![b'e'; 400]);
        }
        for body in &mut bodies {
            assert_eq!(body.data().await.unwrap().unwrap().len(), 400);
        }
        let writes = writes.get() - before;
        assert!(writes <= 4, "{writes} writes for {STREAMS} events");
    })
    .await;
}
