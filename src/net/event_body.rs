//! An event stream over HTTP/1.1: what the sink is handed becomes one chunk per message, each flushed at
//! once. Clients built on urllib3 see nothing of a message until its chunk is whole.
//!
//! Between the sink and the connection lies one hand-over: the sink grants room only while nothing waits in
//! it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::push::{EventSink, Gone};

/// A sink and the response body it feeds.
pub(super) fn event_body() -> (ChunkSink, EventBody) {
    let handover = Rc::new(RefCell::new(Handover::default()));
    (ChunkSink(Rc::clone(&handover)), EventBody(handover))
}

/// The push room's half.
pub(super) struct ChunkSink(Rc<RefCell<Handover>>);

/// The connection's half.
pub(super) struct EventBody(Rc<RefCell<Handover>>);

#[derive(Default)]
struct Handover {
    /// Messages of the last grant, which bounds them: none is accepted beyond it while any waits.
    messages: VecDeque<Bytes>,
    end: Option<End>,
    body_gone: bool,
    body: Option<Waker>,
    sink: Option<Waker>,
}

/// How the sink ended.
#[derive(Clone, Copy)]
enum End {
    Finished,
    /// Dropped without a word: the client must not take the stream for complete.
    Dropped,
}

impl Handover {
    fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.wake_body();
    }

    fn wake_body(&mut self) {
        if let Some(waker) = self.body.take() {
            waker.wake();
        }
    }

    fn wake_sink(&mut self) {
        if let Some(waker) = self.sink.take() {
            waker.wake();
        }
    }

    fn wait_in_sink(&mut self, cx: &Context<'_>) {
        if !self.sink.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.sink = Some(cx.waker().clone());
        }
    }
}

impl EventSink for ChunkSink {
    fn capacity(&mut self, wanted: usize) -> usize {
        if self.0.borrow().messages.is_empty() { wanted } else { 0 }
    }

    fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        let mut handover = self.0.borrow_mut();
        if handover.body_gone || handover.end.is_some() {
            return Err(Gone);
        }
        // An empty chunk would end the body.
        if !bytes.is_empty() {
            handover.messages.push_back(bytes);
            handover.wake_body();
        }
        Ok(())
    }

    /// Each message is flushed by itself.
    fn flush(&mut self) {}

    fn poll_capacity(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut handover = self.0.borrow_mut();
        if handover.body_gone {
            return Poll::Ready(Err(Gone));
        }
        if handover.messages.is_empty() {
            return Poll::Ready(Ok(()));
        }
        handover.wait_in_sink(cx);
        Poll::Pending
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut handover = self.0.borrow_mut();
        if handover.body_gone {
            return Poll::Ready(());
        }
        handover.wait_in_sink(cx);
        Poll::Pending
    }

    fn finish(&mut self) {
        self.0.borrow_mut().end(End::Finished);
    }
}

impl Drop for ChunkSink {
    fn drop(&mut self) {
        self.0.borrow_mut().end(End::Dropped);
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut handover = self.0.borrow_mut();
        if let Some(message) = handover.messages.pop_front() {
            if handover.messages.is_empty() {
                handover.wake_sink();
            }
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        match handover.end {
            Some(End::Finished) => Poll::Ready(None),
            Some(End::Dropped) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            None => {
                handover.body = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        let mut handover = self.0.borrow_mut();
        handover.body_gone = true;
        handover.messages.clear();
        handover.wake_sink();
    }
}
