//! The drain: no new connections, open requests and streams finish, idle connections close.

use std::rc::Rc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Ended, ask, h2_client, local, read_all, read_until, start, with_feeds};

#[tokio::test]
async fn idle_connections_close_and_nothing_is_accepted() {
    local(async {
        let server = start(Rc::default(), None).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"POST h ").await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), 1 << 20).await;
        ask(&client, "/", "hello").await;

        server.trigger.begin();
        server.trigger.begin();
        assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
        server.task.await.unwrap();
        TcpStream::connect(server.address).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn open_streams_finish_and_new_ones_are_turned_away() {
    local(async {
        let (handler, mut feeders) = with_feeds(2);
        let server = start(handler, None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), 1 << 20).await;
        let mut events = ask(&client, "/events", Bytes::new()).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"POST /events HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        read_until(&mut socket, b"\r\n\r\n").await;

        server.trigger.begin();
        for feeder in feeders.drain(..) {
            feeder.send("still here");
            drop(feeder.messages);
            assert_eq!(feeder.ended.await.unwrap(), Ended::Finished);
        }
        assert_eq!(read_all(events.body_mut()).await, b"still here", "and a clean end");
        read_until(&mut socket, b"A\r\nstill here\r\n0\r\n\r\n").await;
        server.task.await.unwrap();
        // GOAWAY has reached the client.
        assert!(client.ready().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_does_not_finish_is_dropped_in_bounded_time() {
    local(async {
        let (handler, mut feeders) = with_feeds(1);
        let server = start(handler, None).await;
        let client = h2_client(TcpStream::connect(server.address).await.unwrap(), 1 << 20).await;
        let _events = ask(&client, "/events", Bytes::new()).await;
        // Only now: paused, the clock would not wait for sockets either.
        tokio::time::pause();
        server.trigger.begin();
        server.task.await.unwrap();
        assert_eq!(feeders.remove(0).ended.await.unwrap(), Ended::Gone);
    })
    .await;
}
