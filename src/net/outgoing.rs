//! What a commit sends on many connections, sent in one system call.
//!
//! A send wakes its reader, and a reader woken on the sender's core takes that core at once: twenty sends in
//! turn are twenty switches there and back. Handed to the kernel together, all bytes are on their way before
//! the first reader runs.

use std::cell::{Cell, Ref, RefCell};
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use bytes::Bytes;
use tokio::task::spawn_local;

use crate::platform::SendBatch;
use crate::storage::Tap;

/// The connections that have something to send with the present commit.
pub struct Outgoing {
    posted: RefCell<Vec<Rc<dyn Post>>>,
    /// A task will send them.
    is_due: Cell<bool>,
    /// Bytes that wait for sockets in all outboxes.
    unsent: Rc<Cell<usize>>,
    /// None where the kernel allows no ring: then each connection sends for itself.
    batch: RefCell<Option<SendBatch>>,
}

/// A connection that takes part.
pub(super) trait Post {
    /// The socket, if it can be written to directly.
    fn socket(&self) -> Option<Ref<'_, dyn AsFd + 'static>>;

    /// Takes what waits out of the outbox, if it is in one piece; it is to come back by [`Self::sent`].
    fn take_piece(&self) -> Option<Bytes>;

    /// The kernel took so much of the piece.
    fn sent(&self, piece: Bytes, taken: io::Result<usize>);

    /// Sends what waits by itself.
    fn flush_now(&self);
}

impl Outgoing {
    /// Nothing posted yet.
    pub fn new() -> Self {
        let batch = SendBatch::new();
        if let Err(error) = &batch {
            tracing::info!(%error, "no ring for sends: each connection sends for itself");
        }
        let (posted, is_due, unsent) = (RefCell::default(), Cell::new(false), Rc::default());
        Self { posted, is_due, unsent, batch: RefCell::new(batch.ok()) }
    }

    /// The count of bytes that wait for sockets, to be kept by those that hold them.
    pub(super) fn unsent(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.unsent)
    }

    /// Bytes that wait for sockets in all outboxes.
    pub fn unsent_bytes(&self) -> usize {
        self.unsent.get()
    }

    /// Has a connection's outbox leave once the tasks that are due now have had their turn, with what they
    /// post. Inside a `LocalSet`.
    pub(super) fn post_soon(self: &Rc<Self>, connection: Rc<dyn Post>) {
        self.post(connection);
        if !self.is_due.replace(true) {
            let outgoing = Rc::clone(self);
            spawn_local(async move {
                outgoing.is_due.set(false);
                outgoing.flush();
            });
        }
    }

    /// Has a connection's outbox leave with the next [`Tap::flush`].
    pub(super) fn post(&self, connection: Rc<dyn Post>) {
        self.posted.borrow_mut().push(connection);
    }

    fn send(posted: &[Rc<dyn Post>], batch: &mut SendBatch) {
        let mut pieces = Vec::with_capacity(posted.len());
        for connection in posted {
            match connection.take_piece() {
                Some(piece) => pieces.push((connection, piece)),
                None => connection.flush_now(),
            }
        }
        let sockets: Vec<_> = pieces.iter().filter_map(|(connection, _)| connection.socket()).collect();
        debug_assert_eq!(sockets.len(), pieces.len(), "a connection without a socket gives no piece");
        let sends: Vec<_> =
            sockets.iter().zip(&pieces).map(|(to, (_, piece))| (to.as_fd(), &piece[..])).collect();
        let taken = batch.send(&sends);
        drop(sends);
        drop(sockets);
        for ((connection, piece), taken) in pieces.into_iter().zip(taken) {
            connection.sent(piece, taken);
        }
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::new()
    }
}

impl Tap for Outgoing {
    fn flush(&self) {
        let posted = self.posted.take();
        match &mut *self.batch.borrow_mut() {
            Some(batch) if posted.len() > 1 => Self::send(&posted, batch),
            _ => posted.iter().for_each(|connection| connection.flush_now()),
        }
        // Nothing is posted while sending: the list is empty, and its memory serves the next commit.
        let mut spent = posted;
        spent.clear();
        *self.posted.borrow_mut() = spent;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A connection with one piece to send.
    struct Posted {
        socket: Option<RefCell<TcpStream>>,
        piece: Cell<Option<Bytes>>,
        flushed: Cell<bool>,
        taken: Cell<Option<usize>>,
    }

    impl Post for Posted {
        fn socket(&self) -> Option<Ref<'_, dyn AsFd + 'static>> {
            let socket = self.socket.as_ref()?;
            Some(Ref::map(socket.borrow(), |socket| socket as &(dyn AsFd + 'static)))
        }

        fn take_piece(&self) -> Option<Bytes> {
            self.socket.as_ref().and_then(|_| self.piece.take())
        }

        fn sent(&self, _piece: Bytes, taken: io::Result<usize>) {
            self.taken.set(taken.ok());
        }

        fn flush_now(&self) {
            self.flushed.set(true);
        }
    }

    fn posted(socket: Option<TcpStream>) -> Rc<Posted> {
        let piece = Cell::new(Some(Bytes::from_static(b"an event")));
        Rc::new(Posted {
            socket: socket.map(RefCell::new),
            piece,
            flushed: Cell::new(false),
            taken: Cell::new(None),
        })
    }

    #[test]
    fn what_can_leaves_together_and_the_rest_by_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = || Some(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let outgoing = Outgoing::new();
        let all = [posted(socket()), posted(None), posted(socket())];
        for connection in &all {
            outgoing.post(connection.clone());
        }
        outgoing.flush();
        let has_ring = outgoing.batch.borrow().is_some();
        let taken = has_ring.then_some(8);
        assert_eq!(all.each_ref().map(|one| one.taken.get()), [taken, None, taken]);
        assert_eq!(all.each_ref().map(|one| one.flushed.get()), [!has_ring, true, !has_ring]);
        outgoing.flush();
        assert!(outgoing.posted.borrow().is_empty());
    }

    #[test]
    fn one_alone_sends_for_itself() {
        let outgoing = Outgoing::new();
        let alone = posted(None);
        outgoing.post(alone.clone());
        outgoing.flush();
        assert!(alone.flushed.get());
    }
}
