//! HTTP/1.1 connections, by hyper: requests in turn, replies whole or as chunked event streams.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::{spawn_local, yield_now};
use tokio::time::timeout;

use super::body::Rejected;
use super::connection::Port;
use super::event_body::{EventBody, event_body};
use super::gathered::Gathered;
use super::transport::Transport;
use super::{Answer, Drive, Handler};
use crate::limits::{
    H1_IDLE_SECS_MAX, H1_WRITE_BUFFER_BYTES_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_BODY_GRACE_SECS,
    REQUEST_HEADER_BYTES_MAX,
};
use crate::push::EventSink as _;

/// Serves requests until the client closes, falls silent for too long, or the server drains.
pub(super) async fn serve<IO, H>(io: IO, port: Rc<Port<H>>) -> hyper::Result<()>
where
    IO: Transport + 'static,
    H: Handler,
{
    let draining = port.shutdown().begun();
    let io = Gathered::new(io, port.outgoing());
    let service = service_fn(move |request| answer(Rc::clone(&port), request));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(H1_IDLE_SECS_MAX))
            .max_header_size(REQUEST_HEADER_BYTES_MAX as usize)
            .max_buf_size(H1_WRITE_BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(io), service)
    );
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = draining => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

async fn answer<H: Handler>(
    port: Rc<Port<H>>,
    request: http::Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (head, mut body) = request.into_parts();
    let (declared, expects) = (body.size_hint().upper(), head.headers.contains_key(EXPECT));
    Ok(match port.answer(head, declared, &mut body).await {
        Ok(Answer::Whole(response)) => response.map(|body| ReplyBody::Whole(body, false)),
        Ok(Answer::Events(head, events)) => {
            let (sink, body) = event_body();
            spawn_local(events.drive(sink));
            head.map(|()| ReplyBody::Events(body))
        }
        Err(rejected) => {
            // A client that waits for `100 Continue` sends nothing more; others are still sending.
            if !expects {
                spawn_local(discard(body));
            }
            reject(rejected)
        }
    })
}

/// An empty reply in chunked coding, as the service sends it, on a connection that then closes.
fn reject(rejected: Rejected) -> Response<ReplyBody> {
    let (mut sink, body) = event_body();
    sink.finish();
    let mut response = Response::new(ReplyBody::Events(body));
    // Nobody reads the answer to a body that broke off.
    *response.status_mut() = rejected.status().unwrap_or(http::StatusCode::BAD_REQUEST);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Reads on for a while after a rejection: closing with bytes unread would reset the connection, and the
/// client might lose the reply it has not read yet.
async fn discard(mut body: Incoming) {
    let reading = async {
        let mut left = REQUEST_BODY_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = timeout(Duration::from_secs(REQUEST_BODY_GRACE_SECS), reading).await;
}

/// The body of a reply. A whole one tells its length; an event stream does not, so hyper writes it in chunks.
enum ReplyBody {
    /// Whether the last thing it gave was a piece: then others have a turn first.
    Whole(crate::api::Body, bool),
    Events(EventBody),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(body, _) if body.is_empty() => Poll::Ready(None),
            Self::Whole(_, has_given @ true) => {
                *has_given = false;
                // Its first poll always waits.
                pin!(yield_now()).poll(cx).map(|()| None)
            }
            Self::Whole(body, has_given) => {
                *has_given = true;
                Poll::Ready(Some(Ok(Frame::data(body.next_piece()))))
            }
            Self::Events(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body, _) => body.is_empty(),
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body, _) => SizeHint::with_exact(body.len() as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
