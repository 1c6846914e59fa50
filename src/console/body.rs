//! A reply's body: in one piece, or events as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// What follows a reply's head.
pub enum Body {
    /// All of it; `None` once it was taken.
    Whole(Option<Bytes>),
    /// Pieces, until their sender is dropped.
    Events(mpsc::Receiver<Bytes>),
}

impl From<Bytes> for Body {
    fn from(whole: Bytes) -> Self {
        Self::Whole(Some(whole).filter(|whole| !whole.is_empty()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Self::Whole(whole) => Poll::Ready(whole.take()),
            Self::Events(events) => events.poll_recv(cx),
        };
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.as_ref().map_or(0, |it| it.len() as u64)),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
