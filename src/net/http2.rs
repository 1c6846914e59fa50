//! HTTP/2 connections, the `h2` crate driven directly: event streams need its flow control in sight, and one
//! write per wake-up needs the byte stream beneath it.
//!
//! One task drives the connection; each request is a task of its own, which ends with its stream.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, DATE, HeaderMap};
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::coalesce::{Coalesced, Flusher, coalesce};
use super::connection::Port;
use super::date::date;
use super::event_frames::FrameSink;
use super::liveness::{Liveness, Pulse};
use super::{Answer, Drive, Handler};
use crate::limits::{
    H2_FRAME_BYTES_MAX, H2_RECEIVE_WINDOW_BYTES, H2_REPLY_BYTES_AT_ONCE, H2_SEND_BUFFER_BYTES_MAX,
    H2_STREAMS_MAX, HANDSHAKE_SECS_MAX, REPLY_STALL_SECS_MAX, REQUEST_HEADER_BYTES_MAX,
};

/// Why a connection ended other than by agreement.
#[derive(Debug, Error)]
pub(super) enum Broken {
    #[error("protocol: {0}")]
    Protocol(#[from] h2::Error),
    #[error("writing: {0}")]
    Writing(#[from] io::Error),
    #[error("no handshake in time")]
    Handshake,
    #[error("no answer to a ping in time")]
    Unanswered,
}

/// Serves streams until the client closes, stops answering pings, or the server has drained.
pub(super) async fn serve<IO, H>(io: IO, port: Rc<Port<H>>) -> Result<(), Broken>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
    H: Handler,
{
    let (io, flusher) = coalesce(io);
    let mut handshake = pin!(settings().handshake(io));
    let handshake = poll_fn(|cx| {
        let shaken = handshake.as_mut().poll(cx);
        // A failed flush shows in the handshake's next read or write.
        let _ = flusher.poll_flush(cx);
        shaken
    });
    let connection = match timeout(Duration::from_secs(HANDSHAKE_SECS_MAX), handshake).await {
        Ok(shaken) => shaken?,
        Err(_) => return Err(Broken::Handshake),
    };
    let mut driver = Driver::new(connection, flusher, port);
    poll_fn(|cx| driver.poll(cx)).await
}

fn settings() -> Builder {
    let mut settings = Builder::new();
    settings
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(REQUEST_HEADER_BYTES_MAX)
        .max_frame_size(H2_FRAME_BYTES_MAX)
        .initial_window_size(H2_RECEIVE_WINDOW_BYTES)
        .initial_connection_window_size(H2_RECEIVE_WINDOW_BYTES)
        .max_send_buffer_size(H2_SEND_BUFFER_BYTES_MAX);
    settings
}

/// The connection's task: frames in and out, keep-alive, drain.
struct Driver<IO, H: Handler>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    connection: Connection<Coalesced<IO>, Bytes>,
    flusher: Flusher<IO>,
    liveness: Option<Liveness>,
    draining: Option<Pin<Box<dyn Future<Output = ()>>>>,
    port: Rc<Port<H>>,
}

impl<IO, H> Driver<IO, H>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    fn new(
        mut connection: Connection<Coalesced<IO>, Bytes>,
        flusher: Flusher<IO>,
        port: Rc<Port<H>>,
    ) -> Self {
        let liveness = connection.ping_pong().map(Liveness::new);
        let draining: Pin<Box<dyn Future<Output = ()>>> = Box::pin(port.shutdown().begun());
        Self { connection, flusher, liveness, draining: Some(draining), port }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self.poll_liveness(cx) {
            Pulse::Dead => return Poll::Ready(Err(Broken::Unanswered)),
            Pulse::Answered => self.flusher.trim(),
            Pulse::Resting => {}
        }
        self.poll_draining(cx);
        // The end of the connection has flushed already, on its way through `poll_shutdown`.
        if let Poll::Ready(ended) = self.poll_requests(cx) {
            return Poll::Ready(Ok(ended?));
        }
        match self.flusher.poll_flush(cx)? {
            Poll::Ready(()) | Poll::Pending => Poll::Pending,
        }
    }

    fn poll_liveness(&mut self, cx: &mut Context<'_>) -> Pulse {
        let bytes_read = self.flusher.bytes_read();
        self.liveness.as_mut().map_or(Pulse::Resting, |liveness| liveness.poll(cx, bytes_read))
    }

    fn poll_draining(&mut self, cx: &mut Context<'_>) {
        let begun = self.draining.as_mut().is_some_and(|draining| draining.as_mut().poll(cx).is_ready());
        if begun {
            self.draining = None;
            self.connection.graceful_shutdown();
        }
    }

    /// Moves the connection on and starts a task for each request that came in.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        while let Some(accepted) = ready!(self.connection.poll_accept(cx)) {
            let (request, respond) = accepted?;
            spawn_local(answer(Rc::clone(&self.port), request, respond));
        }
        Poll::Ready(Ok(()))
    }
}

async fn answer<H: Handler>(
    port: Rc<Port<H>>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (head, body) = request.into_parts();
    let declared = content_length(&head.headers);
    let head_only = head.method == Method::HEAD;
    let answered = unless_reset(&mut respond, port.answer(head, declared, RequestBody(body))).await;
    match answered {
        Some(Ok(Answer::Whole(response))) => send_whole(respond, response, head_only).await,
        Some(Ok(Answer::Events(head, events))) => send_events(respond, head, events).await,
        Some(Err(rejected)) => {
            if let Some(status) = rejected.status() {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = status;
                send_whole(respond, response, head_only).await;
            }
        }
        None => {}
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The future's output, or `None` (and the future dropped) once the client resets the stream or is gone.
async fn unless_reset<F: Future>(respond: &mut SendResponse<Bytes>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    })
    .await
}

async fn send_events<E: Drive>(mut respond: SendResponse<Bytes>, mut head: Response<()>, events: E) {
    head.headers_mut().entry(DATE).or_insert_with(date);
    if let Ok(stream) = respond.send_response(head, false) {
        // Only the sink may keep the stream alive, or dropping it would not reset it.
        drop(respond);
        events.drive(FrameSink::new(stream)).await;
    }
}

async fn send_whole(mut respond: SendResponse<Bytes>, response: Response<Bytes>, head_only: bool) {
    let (mut head, body) = response.into_parts();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    head.headers.entry(DATE).or_insert_with(date);
    let ends = head_only || body.is_empty();
    // Errors mean that the client has gone meanwhile: there is nobody to tell.
    if let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), ends)
        && !ends
    {
        let _ = send_body(&mut stream, body).await;
    }
}

/// Sends a body in pieces as the client's window takes them; the last piece ends the stream.
async fn send_body(stream: &mut SendStream<Bytes>, mut body: Bytes) -> Result<(), h2::Error> {
    while body.len() > H2_REPLY_BYTES_AT_ONCE {
        stream.reserve_capacity(body.len().min(H2_SEND_BUFFER_BYTES_MAX));
        let granted = match stream.capacity() {
            0 => wait_for_capacity(stream).await?,
            granted => granted,
        };
        let piece = body.split_to(granted.min(body.len()));
        stream.send_data(piece, body.is_empty())?;
    }
    match body.is_empty() {
        true => Ok(()),
        false => stream.send_data(body, true),
    }
}

async fn wait_for_capacity(stream: &mut SendStream<Bytes>) -> Result<usize, h2::Error> {
    let granting = poll_fn(|cx| stream.poll_capacity(cx));
    match timeout(Duration::from_secs(REPLY_STALL_SECS_MAX), granting).await {
        Ok(Some(granted)) => granted,
        Ok(None) => Err(Reason::CANCEL.into()),
        Err(_) => {
            stream.send_reset(Reason::CANCEL);
            Err(Reason::CANCEL.into())
        }
    }
}

/// A request's body as it comes in; what is read is released to the client's window at once, as the collector
/// bounds the whole.
struct RequestBody(RecvStream);

impl Body for RequestBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(piece) = ready!(self.0.poll_data(cx)?) else { return Poll::Ready(None) };
        self.0.flow_control().release_capacity(piece.len())?;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
