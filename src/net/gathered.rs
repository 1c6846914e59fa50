//! A byte stream whose small writes leave together with those of other connections: the replies to all puts
//! of a commit are one system call, and none of their readers takes the core before the last is on its way.
//!
//! A write is taken into memory and posted; what is large, or does not fit what waits already, goes to the
//! stream itself. What the socket does not take is sent by the connection's task, which comes by to read.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::outgoing::{Outgoing, Post};
use super::transport::Transport;
use crate::limits::H1_GATHERED_BYTES_MAX;

/// See the module's words.
pub(super) struct Gathered<IO>(Rc<Shared<IO>>);

struct Shared<IO> {
    io: RefCell<IO>,
    waiting: RefCell<BytesMut>,
    is_posted: Cell<bool>,
    /// The connection's task, as it last came by: what is posted uses the socket for it, and has it woken.
    task: RefCell<Waker>,
    outgoing: Rc<Outgoing>,
}

impl<IO: Transport + 'static> Gathered<IO> {
    /// Gathers what is written to `io`.
    pub(super) fn new(io: IO, outgoing: Rc<Outgoing>) -> Self {
        Self(Rc::new(Shared {
            io: RefCell::new(io),
            waiting: RefCell::default(),
            is_posted: Cell::new(false),
            task: RefCell::new(Waker::noop().clone()),
            outgoing,
        }))
    }

    /// Takes a write into memory, if it may wait there.
    fn gather<'s>(&self, bytes: usize, slices: impl Iterator<Item = &'s [u8]>) -> bool {
        let mut waiting = self.0.waiting.borrow_mut();
        let fits = waiting.len() + bytes <= H1_GATHERED_BYTES_MAX;
        if fits {
            slices.for_each(|slice| waiting.extend_from_slice(slice));
            drop(waiting);
            self.post();
        }
        fits
    }

    fn post(&self) {
        if !self.0.is_posted.replace(true) {
            self.0.outgoing.post_soon(Rc::<Shared<IO>>::clone(&self.0));
        }
    }
}

impl<IO: AsyncWrite + Unpin> Shared<IO> {
    fn io(&self) -> RefMut<'_, IO> {
        self.io.borrow_mut()
    }

    /// Who waits for the socket. It remembers one waker only: what is sent for this task must not have it
    /// forgotten.
    fn remember(&self, cx: &Context<'_>) {
        self.task.borrow_mut().clone_from(cx.waker());
    }

    /// Sends what waits. Pending while the socket takes nothing.
    fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut waiting = self.waiting.borrow_mut();
        while !waiting.is_empty() {
            match ready!(Pin::new(&mut *self.io()).poll_write(cx, &waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => waiting.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: Transport> Post for Shared<IO> {
    fn socket(&self) -> Option<Ref<'_, dyn AsFd + 'static>> {
        Ref::filter_map(self.io.borrow(), |io| io.socket()).ok()
    }

    fn take_piece(&self) -> Option<Bytes> {
        self.is_posted.set(false);
        self.socket()?;
        let mut waiting = self.waiting.borrow_mut();
        (!waiting.is_empty()).then(|| waiting.split().freeze())
    }

    /// What was not taken, for whatever reason, is the connection's task's to send: it waits for the socket,
    /// or meets the same error.
    fn sent(&self, mut piece: Bytes, taken: io::Result<usize>) {
        let taken = taken.unwrap_or(0);
        if taken < piece.len() {
            piece.advance(taken);
            let mut rest = BytesMut::from(piece);
            let mut waiting = self.waiting.borrow_mut();
            rest.unsplit(waiting.split());
            *waiting = rest;
            self.task.borrow().wake_by_ref();
        }
    }

    fn flush_now(&self) {
        self.is_posted.set(false);
        let task = self.task.borrow().clone();
        let mut cx = Context::from_waker(&task);
        let drained = self.poll_drain(&mut cx);
        let flushed = drained.map_ok(|()| Pin::new(&mut *self.io()).poll_flush(&mut cx));
        if let Poll::Ready(Err(_) | Ok(Poll::Ready(Err(_)))) = flushed {
            // It meets the same error and ends the connection.
            task.wake();
        }
    }
}

impl<IO: Transport> AsyncRead for Gathered<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let shared = &self.0;
        shared.remember(cx);
        if !shared.is_posted.get()
            && let Poll::Ready(Err(error)) = shared.poll_drain(cx)
        {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut *shared.io()).poll_read(cx, into)
    }
}

impl<IO: Transport + 'static> AsyncWrite for Gathered<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.gather(bytes.len(), [bytes].into_iter()) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.0.remember(cx);
        ready!(self.0.poll_drain(cx))?;
        Pin::new(&mut *self.0.io()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        if self.gather(bytes, slices.iter().map(|slice| &**slice)) {
            return Poll::Ready(Ok(bytes));
        }
        self.0.remember(cx);
        ready!(self.0.poll_drain(cx))?;
        Pin::new(&mut *self.0.io()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.io.borrow().is_write_vectored()
    }

    /// What was posted is on its way; the rest is asked for here.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.remember(cx);
        if !self.0.is_posted.get() {
            ready!(self.0.poll_drain(cx))?;
        }
        Pin::new(&mut *self.0.io()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.remember(cx);
        ready!(self.0.poll_drain(cx))?;
        Pin::new(&mut *self.0.io()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    const REPLY: [u8; 1000] = [7; 1000];

    #[tokio::test]
    async fn what_the_stream_does_not_take_at_once_follows_while_its_task_reads() {
        let serving = async {
            let (mut client, server) = duplex(64);
            let mut gathered = Gathered::new(server, Rc::new(Outgoing::new()));
            gathered.write_all(&REPLY).await.unwrap();
            gathered.flush().await.unwrap();
            let reading = spawn_local(async move { gathered.read_u8().await });
            let mut received = [0; REPLY.len()];
            client.read_exact(&mut received).await.unwrap();
            assert_eq!(received, REPLY);
            client.write_u8(9).await.unwrap();
            assert_eq!(reading.await.unwrap().unwrap(), 9);
        };
        LocalSet::new().run_until(serving).await;
    }

    #[tokio::test]
    async fn a_full_socket_holds_the_writer_back_and_loses_nothing() {
        let serving = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            let mut gathered = Gathered::new(socket, Rc::new(Outgoing::new()));
            let writing = spawn_local(async move {
                let mut taken = 0u64;
                for round in 0..64u64 {
                    let piece = vec![round.to_le_bytes()[0]; 100_003];
                    gathered.write_all(&piece).await.unwrap();
                    gathered.write_all(b"and a little more").await.unwrap();
                    taken += 100_003 + 17;
                }
                gathered.shutdown().await.unwrap();
                taken
            });
            let mut received = Vec::new();
            client.read_to_end(&mut received).await.unwrap();
            assert_eq!(received.len() as u64, writing.await.unwrap());
            for (round, part) in received.chunks(100_020).enumerate() {
                assert!(part[..100_003].iter().all(|&byte| usize::from(byte) == round));
                assert_eq!(&part[100_003..], b"and a little more");
            }
        };
        LocalSet::new().run_until(serving).await;
    }
}
