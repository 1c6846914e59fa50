//! An event stream over HTTP/2: a sink over one stream's flow control. It holds nothing itself; what it
//! accepts lies in the stream's send buffer, and no more than the peer's window and that buffer grant.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;

use crate::limits::H2_SEND_BUFFER_BYTES_MAX;
use crate::push::{EventSink, Gone};

/// The sending half of one HTTP/2 stream. Dropped unfinished, it resets the stream.
pub(super) struct FrameSink {
    stream: SendStream<Bytes>,
    /// The grant last told. A caller that polls again wants more than that.
    told: usize,
}

impl FrameSink {
    /// Takes a stream whose response headers are sent.
    pub(super) fn new(stream: SendStream<Bytes>) -> Self {
        Self { stream, told: 0 }
    }

    fn reserve(&mut self, wanted: usize) -> usize {
        self.stream.reserve_capacity(wanted);
        self.stream.capacity()
    }
}

impl EventSink for FrameSink {
    fn capacity(&mut self, wanted: usize) -> usize {
        self.told = self.reserve(wanted.min(H2_SEND_BUFFER_BYTES_MAX));
        self.told
    }

    fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.told = 0;
        self.stream.send_data(bytes, false).map_err(|_| Gone)?;
        // What was granted beyond these bytes goes back: it is taken from the window all streams of the
        // connection share, and an idle subscription must not sit on it.
        self.stream.reserve_capacity(0);
        Ok(())
    }

    fn poll_capacity(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Gone>> {
        // No grant exceeds the send buffer, so waiting for more would be for ever.
        let wanted = wanted.min(H2_SEND_BUFFER_BYTES_MAX);
        loop {
            let granted = self.reserve(wanted);
            if granted > self.told || granted >= wanted {
                self.told = granted;
                return Poll::Ready(Ok(granted));
            }
            match self.stream.poll_capacity(cx) {
                // It may tell of a change already counted above; then the next turn finds it pending.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return Poll::Ready(Err(Gone)),
                Poll::Pending => {
                    self.told = granted;
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_reset(cx).map(|_| ())
    }

    fn finish(&mut self) {
        // An error means that the peer has reset the stream: then it is over as well.
        let _ = self.stream.send_data(Bytes::new(), true);
    }
}
