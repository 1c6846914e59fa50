//! HTTP/1.1 over raw sockets, so that every byte of the framing is in sight.

use std::rc::Rc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Ended, Scripted, WANTED, local, read_until, start, start_at_most, with_feeds};

#[tokio::test]
async fn keeps_the_connection_and_echoes_each_body() {
    local(async {
        let server = start(Rc::default(), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        for body in ["first", "", "the third"] {
            let length = body.len();
            let request = format!("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {length}\r\n\r\n{body}");
            socket.write_all(request.as_bytes()).await.unwrap();
            let head = read_until(&mut socket, b"\r\n\r\n").await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(head.contains(&format!("content-length: {}\r\n", "POST here ".len() + length)), "{head}");
            assert!(head.contains("date: "), "{head}");
            read_until(&mut socket, format!("POST here {body}").as_bytes()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn takes_chunked_bodies_and_other_methods() {
    local(async {
        let server = start(Rc::default(), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        socket.write_all(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"POST h abcde").await;
        socket.write_all(b"OPTIONS / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"OPTIONS h ").await;
        socket.write_all(b"HEAD / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        assert!(read_until(&mut socket, b"\r\n\r\n").await.contains("content-length: 7\r\n"));
    })
    .await;
}

#[tokio::test]
async fn answers_expect_with_continue() {
    local(async {
        let server = start(Rc::default(), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        read_until(&mut socket, b"HTTP/1.1 100 Continue\r\n\r\n").await;
        socket.write_all(b"ok").await.unwrap();
        read_until(&mut socket, b"POST h ok").await;
    })
    .await;
}

#[tokio::test]
async fn a_body_declared_too_large_is_refused_before_it_is_sent() {
    local(async {
        let server = start(Rc::default(), None).await;
        for expect in ["", "expect: 100-continue\r\n"] {
            let mut socket = TcpStream::connect(server.address).await.unwrap();
            let head = format!("POST / HTTP/1.1\r\nhost: h\r\n{expect}content-length: 16777217\r\n\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            let reply = read_until(&mut socket, b"0\r\n\r\n").await;
            assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
            assert!(reply.contains("transfer-encoding: chunked\r\n"), "{reply}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_sends_a_body_too_large_still_reads_the_refusal() {
    local(async {
        let server = start(Rc::default(), None).await;
        let socket = TcpStream::connect(server.address).await.unwrap();
        let (mut reading, mut writing) = socket.into_split();
        let sending = async {
            writing
                .write_all(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
                .await
                .unwrap();
            let mut chunk = b"100000\r\n".to_vec();
            chunk.resize(chunk.len() + (1 << 20), b'x');
            chunk.extend_from_slice(b"\r\n");
            for _ in 0..20 {
                writing.write_all(&chunk).await.unwrap();
            }
            writing.write_all(b"0\r\n\r\n").await.unwrap();
        };
        let reply = async { read_until(&mut reading, b"0\r\n\r\n").await };
        let ((), reply) = tokio::join!(sending, reply);
        assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    })
    .await;
}

#[tokio::test]
async fn headers_too_large_are_refused() {
    local(async {
        let server = start(Rc::default(), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: h\r\nx-long: {}\r\n\r\n", "x".repeat(17 << 10));
        socket.write_all(head.as_bytes()).await.unwrap();
        let reply = read_until(&mut socket, b"\r\n\r\n").await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
    })
    .await;
}

#[tokio::test]
async fn each_event_is_a_chunk_sent_at_once() {
    local(async {
        let (handler, mut feeders) = with_feeds(1);
        let server = start(handler, None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST /events HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        // The head comes before there is any event.
        let head = read_until(&mut socket, b"\r\n\r\n").await;
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        let mut feeder = feeders.remove(0);
        feeder.send("one");
        assert_eq!(read_until(&mut socket, b"3\r\none\r\n").await, "3\r\none\r\n");
        feeder.send("second");
        assert_eq!(read_until(&mut socket, b"6\r\nsecond\r\n").await, "6\r\nsecond\r\n");
        assert_eq!((feeder.granted().await, feeder.granted().await), (WANTED, WANTED));
        drop(feeder.messages);
        assert_eq!(feeder.ended.await.unwrap(), Ended::Finished);
        assert_eq!(read_until(&mut socket, b"0\r\n\r\n").await, "0\r\n\r\n");
    })
    .await;
}

#[tokio::test]
async fn an_abandoned_stream_is_cut_off_not_ended() {
    local(async {
        let (handler, feeders) = with_feeds(1);
        let server = start(handler, None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST /events HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"\r\n\r\n").await;
        feeders[0].abandon();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "no last chunk: {rest:?}");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_stalls_its_sink_and_no_more() {
    local(async {
        let (handler, mut feeders) = with_feeds(1);
        let server = start(handler, None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST /events HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"\r\n\r\n").await;
        let mut feeder = feeders.remove(0);
        let message = bytes::Bytes::from(vec![b'm'; 1 << 20]);
        let mut sent = 0;
        // Fills the socket's buffers, whatever their size.
        loop {
            feeder.send(message.clone());
            sent += 1;
            if feeder.granted().await == 0 {
                break;
            }
        }
        drop(feeder.messages);
        let mut all = Vec::new();
        while !all.ends_with(b"\r\n0\r\n\r\n") {
            socket.read_buf(&mut all).await.unwrap();
        }
        assert_eq!(all.iter().filter(|byte| **byte == b'm').count(), sent * message.len());
        assert_eq!(feeder.ended.await.unwrap(), Ended::Finished);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_sink() {
    local(async {
        let (handler, mut feeders) = with_feeds(1);
        let server = start(handler, None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST /events HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"\r\n\r\n").await;
        drop(socket);
        assert_eq!(feeders.remove(0).ended.await.unwrap(), Ended::Gone);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_call() {
    local(async {
        let (held, dropped) = tokio::sync::oneshot::channel();
        let server = start(Rc::new(Scripted { stuck: Some(held).into(), ..Scripted::default() }), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST /stuck HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        drop(socket);
        dropped.await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn beyond_the_cap_a_connection_waits_for_another_to_end() {
    local(async {
        let server = start_at_most(1, Rc::default(), None).await;
        let mut first = TcpStream::connect(server.address).await.unwrap();
        let mut second = TcpStream::connect(server.address).await.unwrap();
        second.write_all(b"POST / HTTP/1.1\r\nhost: second\r\n\r\n").await.unwrap();
        first.write_all(b"POST / HTTP/1.1\r\nhost: first\r\n\r\n").await.unwrap();
        read_until(&mut first, b"POST first ").await;
        let nothing = second.try_read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
        drop(first);
        read_until(&mut second, b"POST second ").await;
    })
    .await;
}
