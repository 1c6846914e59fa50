//! Tests of the room: real sockets on the loopback, and pipes in memory where time has to move. The handler
//! is scripted: it echoes, answers with bodies of a given size, and streams what a test feeds it.

mod admin;
mod coalescing;
mod deadlines;
mod draining;
mod http1;
mod http2;
mod tls;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::timeout;

use super::connection::Port;
use super::transport::Transport;
use super::{Answer, Drive, Handler, ShutdownTrigger, Tls, listener, shutdown};
use crate::api::Request;
use crate::push::EventSink;

/// Runs a test inside a `LocalSet`, for at most half a minute.
async fn local<F: Future>(test: F) -> F::Output {
    let test = timeout(Duration::from_secs(30), test);
    LocalSet::new().run_until(test).await.expect("the test ends in time")
}

/// Answers by path: `/events` streams the next feed, `/bytes/<n>` answers n bytes, `/stuck` never answers,
/// and all else echoes method, authority or host, and body.
#[derive(Default)]
struct Scripted {
    feeds: RefCell<VecDeque<Feed>>,
    stuck: RefCell<Option<oneshot::Sender<()>>>,
}

impl Handler for Scripted {
    type Events = Feed;

    async fn call(self: Rc<Self>, request: Request) -> Answer<Feed> {
        let path = request.head.uri.path();
        if path == "/events" {
            let feed = self.feeds.borrow_mut().pop_front().expect("a feed for each subscription");
            return Answer::Events(Response::new(()), feed);
        }
        if path == "/stuck" {
            // Held by this future, so that the test hears when it is dropped.
            let _held = self.stuck.borrow_mut().take();
            std::future::pending::<()>().await;
        }
        if let Some(length) = path.strip_prefix("/bytes/") {
            return Answer::Whole(Response::new(pattern(length.parse().unwrap()).into()));
        }
        let authority = request.head.uri.authority().map(ToString::to_string);
        let host = request.head.headers.get("host").map(|host| host.to_str().unwrap().to_owned());
        let mut echo = format!("{} {} ", request.head.method, authority.or(host).unwrap()).into_bytes();
        if request.head.method != Method::HEAD {
            echo.extend_from_slice(&request.body);
        }
        Answer::Whole(Response::new(Bytes::from(echo).into()))
    }
}

/// Bytes that show when they are out of order.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// How a feed ended.
#[derive(Debug, PartialEq)]
enum Ended {
    Finished,
    Gone,
    Abandoned,
}

/// What a feed asks room for, whatever it has to send.
const WANTED: usize = 64 << 10;

/// An event stream in a test's hands.
struct Feed {
    messages: mpsc::UnboundedReceiver<Bytes>,
    /// Every answer to `capacity`, in order.
    grants: mpsc::UnboundedSender<usize>,
    ended: oneshot::Sender<Ended>,
}

/// The test's end of a [`Feed`].
struct Feeder {
    messages: mpsc::UnboundedSender<Bytes>,
    grants: mpsc::UnboundedReceiver<usize>,
    ended: oneshot::Receiver<Ended>,
}

fn feed() -> (Feeder, Feed) {
    let (message_sender, messages) = mpsc::unbounded_channel();
    let (grants, grant_receiver) = mpsc::unbounded_channel();
    let (ended, ended_receiver) = oneshot::channel();
    let feeder = Feeder { messages: message_sender, grants: grant_receiver, ended: ended_receiver };
    (feeder, Feed { messages, grants, ended })
}

impl Feeder {
    fn send(&self, message: impl Into<Bytes>) {
        self.messages.send(message.into()).unwrap();
    }

    /// Has the stream drop its sink without finishing it.
    fn abandon(&self) {
        self.send(Bytes::new());
    }

    async fn granted(&mut self) -> usize {
        self.grants.recv().await.unwrap()
    }
}

impl Feed {
    async fn next(&mut self, sink: &mut impl EventSink) -> Result<Option<Bytes>, crate::push::Gone> {
        poll_fn(|cx| match sink.poll_gone(cx) {
            Poll::Ready(()) => Poll::Ready(Err(crate::push::Gone)),
            Poll::Pending => self.messages.poll_recv(cx).map(Ok),
        })
        .await
    }

    /// Sends a message as it is granted.
    async fn send(&self, mut message: Bytes, sink: &mut impl EventSink) -> Result<(), crate::push::Gone> {
        while !message.is_empty() {
            let granted = sink.capacity(WANTED);
            let _ = self.grants.send(granted);
            if granted == 0 {
                poll_fn(|cx| sink.poll_capacity(cx)).await?;
            } else {
                sink.send(message.split_to(granted.min(message.len())))?;
                sink.flush();
            }
        }
        Ok(())
    }

    async fn forward(&mut self, sink: &mut impl EventSink) -> Result<Ended, crate::push::Gone> {
        while let Some(message) = self.next(sink).await? {
            if message.is_empty() {
                return Ok(Ended::Abandoned);
            }
            self.send(message, sink).await?;
        }
        sink.finish();
        Ok(Ended::Finished)
    }
}

impl Drive for Feed {
    async fn drive(mut self, mut sink: impl EventSink + 'static) {
        let ended = self.forward(&mut sink).await.unwrap_or(Ended::Gone);
        drop(sink);
        let _ = self.ended.send(ended);
    }
}

/// A handler with `count` feeds lined up, and the ends to feed them by.
fn with_feeds(count: usize) -> (Rc<Scripted>, Vec<Feeder>) {
    let (feeders, feeds): (Vec<_>, VecDeque<_>) = (0..count).map(|_| feed()).unzip();
    (Rc::new(Scripted { feeds: RefCell::new(feeds), ..Scripted::default() }), feeders)
}

/// A server on the loopback.
struct Serving {
    address: SocketAddr,
    trigger: ShutdownTrigger,
    task: JoinHandle<()>,
}

async fn start(handler: Rc<Scripted>, tls: Option<Tls>) -> Serving {
    start_at_most(1000, handler, tls).await
}

async fn start_at_most(connections_max: usize, handler: Rc<Scripted>, tls: Option<Tls>) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, ear) = shutdown();
    let port = Rc::new(Port::new(handler, tls, ear, Rc::default()));
    let task = spawn_local(listener::serve_at_most(connections_max, listener, port));
    Serving { address, trigger, task }
}

/// Serves one end of a pipe; the trigger has to be kept.
fn serve_pipe<IO>(io: IO, handler: Rc<Scripted>) -> (ShutdownTrigger, JoinHandle<()>)
where
    IO: Transport + 'static,
{
    let (trigger, ear) = shutdown();
    let port = Rc::new(Port::new(handler, None, ear, Rc::default()));
    (trigger, spawn_local(super::connection::serve(io, port)))
}

/// Reads until what came ends with `end`.
async fn read_until<IO: AsyncRead + Unpin>(io: &mut IO, end: &[u8]) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end) {
        match io.read_u8().await {
            Ok(byte) => all.push(byte),
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8(all).unwrap()
}

/// An HTTP/2 client on any byte stream, its connection driven in the background.
async fn h2_client<IO>(io: IO, window: u32) -> h2::client::SendRequest<Bytes>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let handshake = h2::client::Builder::new().initial_window_size(window).handshake(io);
    let (client, connection) = handshake.await.unwrap();
    spawn_local(connection);
    client
}

/// Sends a request and waits for the response's head.
async fn ask(
    client: &h2::client::SendRequest<Bytes>,
    path: &str,
    body: impl Into<Bytes>,
) -> Response<h2::RecvStream> {
    let body = body.into();
    let mut client = client.clone().ready().await.unwrap();
    let request = http::Request::post(format!("http://kinesis.test{path}")).body(()).unwrap();
    let (response, mut stream) = client.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        // The answer may come before all of the body was taken; then the rest is not wanted.
        let _ = stream.send_data(body, true);
    }
    response.await.unwrap()
}

/// Reads a body to its end, giving the window back as it goes.
async fn read_all(body: &mut h2::RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        all.extend_from_slice(&piece);
    }
    all
}
