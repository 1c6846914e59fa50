//! The gathering byte stream: order, push-back, no flush lost, and how few writes a busy connection makes.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::task::spawn_local;

use super::{ask, h2_client, local, pattern, serve_pipe, with_feeds};
use crate::limits::H2_COALESCE_BYTES_MAX;
use crate::net::coalesce::{Flusher, coalesce};

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

async fn flush<IO: AsyncRead + AsyncWrite + Unpin>(flusher: &Flusher<IO>) -> io::Result<()> {
    poll_fn(|cx| flusher.poll_flush(cx)).await
}

#[tokio::test]
async fn gathers_in_order_and_leaves_in_one_write() {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let writes = Rc::new(Cell::new(0));
    let (mut io, flusher) = coalesce(Counted { io: near, writes: Rc::clone(&writes) });
    for piece in pattern(1000).chunks(7) {
        io.write_all(piece).await.unwrap();
        io.flush().await.unwrap();
    }
    let slices = [io::IoSlice::new(b"and "), io::IoSlice::new(b""), io::IoSlice::new(b"slices")];
    assert_eq!(io.write_vectored(&slices).await.unwrap(), 10);
    assert_eq!(writes.get(), 0, "nothing leaves before the driver says so");
    flush(&flusher).await.unwrap();
    assert_eq!(writes.get(), 1);
    let mut read = vec![0; 1010];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(read[..1000], pattern(1000));
    assert_eq!(&read[1000..], b"and slices");
}

#[tokio::test]
async fn pushes_back_when_full_and_goes_on_when_not() {
    local(async {
        // A pipe far smaller than the buffer: every write to it is partial.
        let (near, mut far) = tokio::io::duplex(1000);
        let (mut io, flusher) = coalesce(near);
        let sent = pattern(3 * H2_COALESCE_BYTES_MAX + 321);
        let expected = sent.clone();
        let reading = spawn_local(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            all == expected
        });
        // As a connection does: writes until pushed back, then parks; the driver flushes before parking.
        let mut rest = sent;
        poll_fn(|cx| {
            while !rest.is_empty() {
                let Poll::Ready(taken) = Pin::new(&mut io).poll_write(cx, &rest) else {
                    return flusher.poll_flush(cx).map(Result::unwrap);
                };
                rest = rest.slice(taken.unwrap()..);
            }
            flusher.poll_flush(cx).map(Result::unwrap)
        })
        .await;
        assert!(rest.is_empty());
        drop((io, flusher));
        assert!(reading.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn shutdown_flushes_first() {
    local(async {
        let (near, mut far) = tokio::io::duplex(3);
        let (mut io, _flusher) = coalesce(near);
        io.write_all(b"the last words").await.unwrap();
        let reading = spawn_local(async move {
            let mut all = String::new();
            far.read_to_string(&mut all).await.unwrap();
            all
        });
        io.shutdown().await.unwrap();
        assert_eq!(reading.await.unwrap(), "the last words");
    })
    .await;
}

#[tokio::test]
async fn a_closed_peer_is_an_error_not_a_wait() {
    let (near, far) = tokio::io::duplex(10);
    let (mut io, flusher) = coalesce(near);
    io.write_all(b"into the void").await.unwrap();
    drop(far);
    assert_eq!(flush(&flusher).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

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
