//! Sends in batches, on real sockets.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;

use super::uring::SendBatch;

/// Two ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    (near, listener.accept().unwrap().0)
}

/// None where there is no ring to be had.
fn batch() -> Option<SendBatch> {
    SendBatch::new().map_err(|error| println!("NOT RUN: {error}")).ok()
}

#[test]
fn each_socket_gets_its_own_bytes() {
    let Some(mut batch) = batch() else { return };
    // More than one submission takes.
    let mut pairs: Vec<_> = (0..300).map(|_| pair()).collect();
    let messages: Vec<_> = (0..pairs.len()).map(|at| format!("message {at}")).collect();
    for _ in 0..3 {
        let sends: Vec<_> = pairs
            .iter()
            .zip(&messages)
            .map(|((near, _), message)| (near.as_fd(), message.as_bytes()))
            .collect();
        let sent: Vec<_> = batch.send(&sends).into_iter().map(Result::unwrap).collect();
        assert_eq!(sent, messages.iter().map(String::len).collect::<Vec<_>>());
        for ((_, far), message) in pairs.iter_mut().zip(&messages) {
            let mut read = vec![0; message.len()];
            far.read_exact(&mut read).unwrap();
            assert_eq!(read, message.as_bytes());
        }
    }
}

#[test]
fn a_full_socket_and_a_closed_one_hold_up_nobody() {
    let Some(mut batch) = batch() else { return };
    let ((full, _far_full), (well, mut far_well), (closed, far_closed)) = (pair(), pair(), pair());
    drop(far_closed);
    let much = vec![b'x'; 1 << 20];
    let fill = || (full.as_fd(), much.as_slice());
    let filled = (0..100).find(|_| batch.send(&[fill()])[0].is_err());
    assert!(filled.is_some(), "a socket nobody reads takes only so much");
    let sends = [fill(), (closed.as_fd(), b"lost".as_slice()), (well.as_fd(), b"heard".as_slice())];
    // The peer's refusal comes with the answer to the first send it gets.
    let errors: Vec<_> = (0..100).map(|_| batch.send(&sends)).take_while(|sent| sent[1].is_ok()).collect();
    let sent = batch.send(&sends);
    assert_eq!(sent[0].as_ref().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(errors.len() < 100 && sent[1].is_err());
    assert_eq!(*sent[2].as_ref().unwrap(), 5);
    let mut read = [0; 5];
    far_well.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"heard");
}
