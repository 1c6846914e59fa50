//! Answers one HTTP/2 request: its head checked, its body collected, the handler's answer sent as the
//! client's windows take it.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderValue, Method, Response, StatusCode, request};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::exchange::Exchange;
use super::request_head::request_head;
use super::sink::FrameSink;
use super::streams::content_length;
use crate::api::Body;
use crate::limits::REPLY_STALL_SECS_MAX;
use crate::net::connection::Port;
use crate::net::date::date;
use crate::net::transport::Transport;
use crate::net::{Answer, Drive, Handler};
use crate::push::Gone;

/// Answers the request these headers begin.
pub(super) async fn answer<IO, H>(port: Rc<Port<H>>, exchange: Exchange<IO>, headers: h2::frame::Headers)
where
    IO: Transport + 'static,
    H: Handler,
{
    if headers.is_over_size() {
        return send_status(exchange, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).await;
    }
    match request_head(headers) {
        Some(head) => answer_request(port, exchange, head).await,
        None => exchange.refuse(Reason::PROTOCOL_ERROR),
    }
}

async fn answer_request<IO, H>(port: Rc<Port<H>>, exchange: Exchange<IO>, head: request::Parts)
where
    IO: Transport + 'static,
    H: Handler,
{
    let declared = content_length(&head.headers);
    let head_only = head.method == Method::HEAD;
    match unless_gone(&exchange, port.answer(head, declared, exchange.body())).await {
        Some(Ok(Answer::Whole(response))) => send_whole(exchange, response, head_only).await,
        Some(Ok(Answer::Events(head, events))) => send_events(exchange, head, events).await,
        Some(Err(rejected)) => {
            if let Some(status) = rejected.status() {
                send_status(exchange, status).await;
            }
        }
        None => {}
    }
}

/// The future's output, or `None` (and the future dropped) once the client has gone.
async fn unless_gone<IO, F>(exchange: &Exchange<IO>, future: F) -> Option<F::Output>
where
    IO: Transport,
    F: Future,
{
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => exchange.poll_gone(cx).map(|()| None),
    })
    .await
}

async fn send_events<IO, E>(exchange: Exchange<IO>, mut head: Response<()>, events: E)
where
    IO: Transport + 'static,
    E: Drive,
{
    head.headers_mut().entry(DATE).or_insert_with(date);
    if exchange.send_head(head, false).is_ok() {
        exchange.flush_soon();
        events.drive(FrameSink::new(exchange)).await;
    }
}

async fn send_status<IO>(exchange: Exchange<IO>, status: StatusCode)
where
    IO: Transport,
{
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    send_whole(exchange, response, false).await;
}

async fn send_whole<IO>(exchange: Exchange<IO>, response: Response<Body>, head_only: bool)
where
    IO: Transport,
{
    let (mut head, body) = response.into_parts();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    head.headers.entry(DATE).or_insert_with(date);
    let ends = head_only || body.is_empty();
    // Errors mean that the client has gone meanwhile: there is nobody to tell.
    if exchange.send_head(Response::from_parts(head, ()), ends).is_ok() && !ends {
        let _ = send_body(&exchange, body).await;
    }
    exchange.flush_soon();
}

/// Sends a body piece by piece; the last one ends the stream.
async fn send_body<IO>(exchange: &Exchange<IO>, mut body: Body) -> Result<(), Gone>
where
    IO: Transport,
{
    while !body.is_empty() {
        let piece = body.next_piece();
        send_piece(exchange, piece, body.is_empty()).await?;
        if !body.is_empty() {
            // What is made of the answer can leave, and commits come before what is not.
            exchange.flush_soon();
            yield_now().await;
        }
    }
    Ok(())
}

/// Sends a piece as the client's windows take it.
async fn send_piece<IO>(exchange: &Exchange<IO>, mut piece: Bytes, ends: bool) -> Result<(), Gone>
where
    IO: Transport,
{
    while !piece.is_empty() {
        let room = match exchange.room() {
            0 => wait_for_room(exchange).await?,
            room => room,
        };
        let part = piece.split_to(room.min(piece.len()));
        exchange.send_data(part, ends && piece.is_empty())?;
    }
    Ok(())
}

/// A client that takes nothing of its answer for too long is given up.
async fn wait_for_room<IO>(exchange: &Exchange<IO>) -> Result<usize, Gone>
where
    IO: Transport,
{
    exchange.flush_soon();
    let granting = poll_fn(|cx| exchange.poll_room(cx));
    timeout(Duration::from_secs(REPLY_STALL_SECS_MAX), granting).await.unwrap_or(Err(Gone))
}
