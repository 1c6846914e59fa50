//! Deadlines, in paused time: it moves on by itself whenever everything waits.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use super::{Ended, ask, h2_client, read_until, serve_pipe, with_feeds};
use crate::limits::{
    H1_IDLE_SECS_MAX, H2_PING_ANSWER_SECS_MAX, H2_PING_SECS, HANDSHAKE_SECS_MAX, REPLY_STALL_SECS_MAX,
    REQUEST_BODY_GRACE_SECS,
};

/// Runs a test in paused time and tells how many seconds it took.
async fn timed<F: Future>(test: F) -> (u64, F::Output) {
    LocalSet::new()
        .run_until(async {
            let started = now();
            let output = test.await;
            (started.elapsed().as_secs(), output)
        })
        .await
}

/// The paused clock: the one these tests move.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

async fn closed(mut io: DuplexStream) {
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_closed() {
    let silent = timed(async {
        let (near, far) = duplex(1 << 16);
        let _serving = serve_pipe(near, Rc::default());
        closed(far).await;
    });
    assert_eq!(silent.await.0, HANDSHAKE_SECS_MAX);
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_closed() {
    let slow = timed(async {
        let (near, mut far) = duplex(1 << 16);
        let _serving = serve_pipe(near, Rc::default());
        far.write_all(b"POST / HTTP/1.1\r\nhos").await.unwrap();
        closed(far).await;
    });
    assert_eq!(slow.await.0, H1_IDLE_SECS_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_is_refused() {
    let slow = timed(async {
        let (near, mut far) = duplex(1 << 16);
        let _serving = serve_pipe(near, Rc::default());
        far.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nten bytes.").await.unwrap();
        read_until(&mut far, b"\r\n\r\n").await
    });
    let (took, reply) = slow.await;
    assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
    assert_eq!(took, REQUEST_BODY_GRACE_SECS);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_the_pace_may_take_its_time() {
    let steady = timed(async {
        let (near, mut far) = duplex(1 << 16);
        let _serving = serve_pipe(near, Rc::default());
        far.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 102400\r\n\r\n").await.unwrap();
        for _ in 0..50 {
            sleep(Duration::from_secs(2)).await;
            far.write_all(&[b'x'; 2048]).await.unwrap();
        }
        read_until(&mut far, b"POST h ").await
    });
    let (took, reply) = steady.await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert_eq!(took, 100);
}

/// Carries bytes between two pipes until told to stop; then the client's end stays open and silent, as if the
/// cable were cut.
async fn cable(near: DuplexStream, far: DuplexStream, cut: tokio::sync::oneshot::Receiver<()>) {
    let (mut near, mut far) = (near, far);
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = cut => closed(near).await,
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_cable_is_noticed_by_pings() {
    let cut = timed(async {
        let (handler, mut feeders) = with_feeds(1);
        let (near, middle_near) = duplex(1 << 16);
        let (middle_far, far) = duplex(1 << 16);
        let (cut, cutting) = tokio::sync::oneshot::channel();
        let _serving = serve_pipe(near, handler);
        tokio::task::spawn_local(cable(middle_near, middle_far, cutting));
        let client = h2_client(far, 1 << 20).await;
        let _events = ask(&client, "/events", Bytes::new()).await;
        let feeder = feeders.remove(0);
        // Idle for long, but alive: its pongs keep it.
        sleep(Duration::from_secs(3600)).await;
        assert!(!feeder.messages.is_closed());
        let cut_at = now();
        cut.send(()).unwrap();
        assert_eq!(feeder.ended.await.unwrap(), Ended::Gone);
        cut_at.elapsed()
    });
    let (_, noticed) = cut.await;
    assert!(noticed <= Duration::from_secs(H2_PING_SECS + H2_PING_ANSWER_SECS_MAX), "{noticed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_nobody_takes_is_reset() {
    let stalled = timed(async {
        let (near, far) = duplex(1 << 16);
        let _serving = serve_pipe(near, Rc::default());
        let client = h2_client(far, 1000).await;
        let mut response = ask(&client, "/bytes/100000", Bytes::new()).await;
        // The window is never given back, so the reset comes instead of the rest.
        let body = response.body_mut();
        loop {
            if let Err(error) = body.data().await.unwrap() {
                break error.reason();
            }
        }
    });
    let (took, reason) = stalled.await;
    assert_eq!(reason, Some(h2::Reason::CANCEL));
    assert_eq!(took, REPLY_STALL_SECS_MAX);
}
