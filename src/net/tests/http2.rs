//! HTTP/2 with the `h2` crate as the client: prior knowledge, flow control, resets.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Ended, Scripted, ask, h2_client, local, pattern, read_all, start, with_feeds};
use crate::limits::{H2_RECEIVE_WINDOW_BYTES, REQUEST_BODY_BYTES_MAX};

const WINDOW: u32 = 1 << 20;

#[tokio::test]
async fn echoes_and_answers_with_length_and_date() {
    local(async {
        let server = start(Rc::default(), None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), WINDOW).await;
        let mut response = ask(&client, "/", "hello").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-length"], "23");
        assert!(response.headers()["date"].to_str().unwrap().ends_with("GMT"));
        assert_eq!(
            read_all(response.body_mut()).await,
            b"POST kinesis.test hello",
            "authority is in the URI"
        );
    })
    .await;
}

#[tokio::test]
async fn the_preface_may_come_in_pieces() {
    local(async {
        let server = start(Rc::default(), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
            socket.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        // An empty SETTINGS frame; the server's own comes back first, ten bytes or more.
        socket.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut frame = [0; 9];
        tokio::io::AsyncReadExt::read_exact(&mut socket, &mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "a SETTINGS frame");
    })
    .await;
}

#[tokio::test]
async fn large_bodies_pass_small_windows_both_ways() {
    local(async {
        let server = start(Rc::default(), None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), 65_535).await;
        let up = pattern(3 * H2_RECEIVE_WINDOW_BYTES as usize + 17);
        let mut response = ask(&client, "/", up.clone()).await;
        assert_eq!(read_all(response.body_mut()).await[18..], up);
        let mut response = ask(&client, "/bytes/3000000", Bytes::new()).await;
        assert_eq!(response.headers()["content-length"], "3000000");
        assert_eq!(read_all(response.body_mut()).await, pattern(3_000_000));
    })
    .await;
}

#[tokio::test]
async fn a_head_request_gets_no_body() {
    local(async {
        let server = start(Rc::default(), None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), WINDOW).await;
        let request = http::Request::head("http://kinesis.test/").body(()).unwrap();
        let (response, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
        let mut response = response.await.unwrap();
        assert_eq!(response.headers()["content-length"], "18");
        assert!(read_all(response.body_mut()).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn bodies_too_large_are_refused_declared_or_not() {
    local(async {
        let server = start(Rc::default(), None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), WINDOW).await;
        let mut ready = client.clone().ready().await.unwrap();
        let declared = http::Request::post("http://kinesis.test/")
            .header("content-length", REQUEST_BODY_BYTES_MAX + 1)
            .body(())
            .unwrap();
        let (response, _stream) = ready.send_request(declared, false).unwrap();
        assert_eq!(response.await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);

        let response = ask(&client, "/", vec![0; REQUEST_BODY_BYTES_MAX + 1]).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        // The connection lives on.
        assert_eq!(ask(&client, "/", "next").await.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn events_wait_for_a_small_window_while_other_streams_go_on() {
    local(async {
        let (handler, mut feeders) = with_feeds(1);
        let server = start(handler, None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), 16 << 10).await;
        let mut events = ask(&client, "/events", Bytes::new()).await;
        let mut feeder = feeders.remove(0);
        // One message larger than the window: as much of it as fits, and then nothing more is granted.
        feeder.send(pattern(20 << 10));
        assert_eq!(feeder.granted().await, 16 << 10);
        assert_eq!(feeder.granted().await, 0);
        feeder.send("after");
        let mut other = ask(&client, "/", "hello").await;
        assert_eq!(read_all(other.body_mut()).await, b"POST kinesis.test hello");
        drop(feeder.messages);
        let all = read_all(events.body_mut()).await;
        assert_eq!(all[..20 << 10], pattern(20 << 10));
        assert_eq!(&all[20 << 10..], b"after");
        assert_eq!(feeder.ended.await.unwrap(), Ended::Finished);
    })
    .await;
}

#[tokio::test]
async fn an_idle_stream_does_not_hold_the_window_of_its_connection() {
    local(async {
        let (handler, mut feeders) = with_feeds(2);
        let server = start(handler, None).await;
        // Streams may take more than the whole connection's 65,535 bytes.
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), WINDOW).await;
        for feeder in &mut feeders {
            let mut events = ask(&client, "/events", Bytes::new()).await;
            feeder.send("small");
            assert!(feeder.granted().await > 65_000);
            assert_eq!(events.body_mut().data().await.unwrap().unwrap(), "small");
            std::mem::forget(events);
        }
    })
    .await;
}

#[tokio::test]
async fn a_zero_window_grants_nothing_until_it_opens() {
    local(async {
        let (handler, mut feeders) = with_feeds(2);
        let server = start(handler, None).await;
        let io = TcpStream::connect(server.address).await.unwrap();
        let handshake = h2::client::Builder::new().initial_window_size(0).handshake::<_, Bytes>(io);
        let (client, mut connection) = handshake.await.unwrap();
        let (open, opened) = tokio::sync::oneshot::channel::<()>();
        tokio::task::spawn_local(async move {
            tokio::select! {
                _ = &mut connection => return,
                _ = opened => connection.set_initial_window_size(1000).unwrap(),
            }
            let _ = connection.await;
        });
        let mut first = ask(&client, "/events", Bytes::new()).await;
        let mut second = ask(&client, "/events", Bytes::new()).await;
        for (feeder, message) in feeders.iter_mut().zip(["one", "two"]) {
            feeder.send(message);
            assert_eq!(feeder.granted().await, 0);
        }
        open.send(()).unwrap();
        for (body, message) in [(first.body_mut(), "one"), (second.body_mut(), "two")] {
            assert_eq!(body.data().await.unwrap().unwrap(), message);
        }
    })
    .await;
}

#[tokio::test]
async fn a_reset_ends_the_sink_and_drops_the_call() {
    local(async {
        let (held, dropped) = tokio::sync::oneshot::channel();
        let (feeder, feed) = super::feed();
        let feeds = std::cell::RefCell::new([feed].into());
        let handler = Rc::new(Scripted { feeds, stuck: Some(held).into() });
        let server = start(handler, None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), WINDOW).await;
        let events = ask(&client, "/events", Bytes::new()).await;
        // Dropping the body resets its stream.
        drop(events);
        assert_eq!(feeder.ended.await.unwrap(), Ended::Gone);

        let request = http::Request::post("http://kinesis.test/stuck").body(()).unwrap();
        let mut ready = client.clone().ready().await.unwrap();
        let (_response, mut stream) = ready.send_request(request, true).unwrap();
        ask(&client, "/", "the call before this one has begun").await;
        stream.send_reset(h2::Reason::CANCEL);
        dropped.await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn a_closed_connection_ends_all_its_sinks() {
    local(async {
        let (handler, feeders) = with_feeds(3);
        let server = start(handler, None).await;
        let io = TcpStream::connect(server.address).await.unwrap();
        let (client, connection) = h2::client::handshake(io).await.unwrap();
        let connection = tokio::task::spawn_local(connection);
        for _ in 0..3 {
            ask(&client, "/events", Bytes::new()).await;
        }
        connection.abort();
        for feeder in feeders {
            assert_eq!(feeder.ended.await.unwrap(), Ended::Gone);
        }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_sink_resets_its_stream() {
    local(async {
        let (handler, mut feeders) = with_feeds(1);
        let server = start(Rc::clone(&handler), None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), WINDOW).await;
        let mut events = ask(&client, "/events", Bytes::new()).await;
        let feeder = feeders.remove(0);
        feeder.send("a message");
        assert_eq!(events.body_mut().data().await.unwrap().unwrap(), "a message");
        feeder.abandon();
        let error = events.body_mut().data().await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    })
    .await;
}
