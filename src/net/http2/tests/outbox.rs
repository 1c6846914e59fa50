//! The outbox: order, push-back, no flush lost.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::limits::{H2_OUTBOX_BYTES_BLOCKED, H2_OUTBOX_BYTES_MAX};
use crate::net::http2::outbox::{Outbox, outbox};

type Pipe = tokio::io::DuplexStream;

async fn flush(outbox: &Outbox<Pipe>) -> io::Result<()> {
    poll_fn(|cx| outbox.poll_flush(cx)).await
}

/// Bytes that show when they are out of order.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[tokio::test]
async fn what_is_copied_shared_and_written_leaves_in_order() {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mut codec, outbox) = outbox(near, Rc::default());
    let sent = Bytes::from(pattern(60_000));
    let mut rest = sent.clone();
    for (turn, length) in [5, 20_000, 100, 4096, 1, 9, 30_000, 700].into_iter().enumerate() {
        let piece = rest.split_to(length);
        match turn % 3 {
            0 => outbox.copy(&piece),
            1 => outbox.share(piece),
            _ => codec.write_all(&piece).await.unwrap(),
        }
    }
    outbox.share(rest);
    assert_eq!(outbox.backlog(), sent.len());
    flush(&outbox).await.unwrap();
    assert_eq!(outbox.backlog(), 0);
    let mut read = vec![0; sent.len()];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(read, sent);
}

#[tokio::test]
async fn a_full_pipe_takes_it_bit_by_bit() {
    let (near, mut far) = tokio::io::duplex(1000);
    let (_codec, outbox) = outbox(near, Rc::default());
    let sent = Bytes::from(pattern(100_000));
    for piece in 0..10 {
        outbox.share(sent.slice(piece * 10_000..(piece + 1) * 10_000));
        outbox.copy(b"|");
    }
    let sending = async {
        flush(&outbox).await.unwrap();
        poll_fn(|cx| outbox.poll_shutdown(cx)).await.unwrap();
    };
    let mut all = Vec::new();
    let ((), read) = tokio::join!(sending, far.read_to_end(&mut all));
    read.unwrap();
    assert_eq!(all.len(), 100_010);
    assert!(all.chunks(10_001).zip(sent.chunks(10_000)).all(|(got, sent)| got[..10_000] == *sent));
}

#[tokio::test]
async fn a_socket_that_takes_nothing_is_given_little() {
    let (near, mut far) = tokio::io::duplex(1000);
    let (_codec, outbox) = outbox(near, Rc::default());
    let quarter = Bytes::from(pattern(H2_OUTBOX_BYTES_MAX / 4));
    for _ in 0..4 {
        assert!(outbox.has_room(), "it only gathers");
        outbox.share(quarter.clone());
    }
    assert!(!outbox.has_room());
    let flush = poll_fn(|cx| outbox.poll_flush(cx));
    let reading = async {
        let mut left = 4 * quarter.len();
        while left > H2_OUTBOX_BYTES_BLOCKED {
            let mut read = [0; 1000];
            left -= far.read(&mut read).await.unwrap();
            tokio::task::yield_now().await;
            assert!(!outbox.has_room() || outbox.backlog() < H2_OUTBOX_BYTES_BLOCKED);
        }
        far.read_to_end(&mut Vec::new()).await.unwrap();
    };
    let flushing = async {
        flush.await.unwrap();
        assert!(outbox.has_room());
        poll_fn(|cx| outbox.poll_shutdown(cx)).await.unwrap();
    };
    tokio::join!(flushing, reading);
}

#[tokio::test]
async fn a_closed_peer_is_an_error_not_a_wait() {
    let (near, far) = tokio::io::duplex(10);
    let (_codec, outbox) = outbox(near, Rc::default());
    outbox.copy(b"into the void");
    drop(far);
    assert_eq!(flush(&outbox).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(flush(&outbox).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe, "and stays one");
}
