//! A subscription over HTTP/1.1, for any input: its head, and its first messages as they come.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use fanlight::wire::event_stream::Message;

use crate::support::PATIENCE;
use crate::support::http::{AUTHORIZATION, JSON};

/// One message: what it is (its event or exception type), and its payload.
pub(crate) type Event = (String, Vec<u8>);

/// Subscribes; answers the first `count` messages.
pub(crate) fn first_events(address: SocketAddr, input: &[u8], count: usize) -> Vec<Event> {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: {JSON}\r\n\
         X-Amz-Target: Kinesis_20131202.SubscribeToShard\r\nX-Amz-Date: 20261101T000000Z\r\n\
         Authorization: {AUTHORIZATION}\r\nContent-Length: {}\r\n\r\n",
        input.len()
    );
    stream.write_all(&[head.as_bytes(), input].concat()).expect("an open connection");
    let mut answer = BufReader::new(stream);
    require_events(&mut answer);
    let (mut events, mut buffer) = (Vec::new(), Vec::new());
    while events.len() < count {
        buffer.extend(chunk(&mut answer));
        while let Some((message, bytes)) = Message::decode(&buffer).expect("well-formed messages") {
            events.push(event(&message));
            buffer.drain(..bytes);
        }
    }
    events
}

fn line(answer: &mut impl BufRead) -> String {
    let mut line = String::new();
    answer.read_line(&mut line).expect("an open connection");
    line.trim_end().to_ascii_lowercase()
}

fn require_events(answer: &mut impl BufRead) {
    assert_eq!(line(answer), "http/1.1 200 ok");
    let fields: Vec<String> =
        std::iter::repeat_with(|| line(answer)).take_while(|it| !it.is_empty()).collect();
    for field in ["content-type: application/vnd.amazon.eventstream", "transfer-encoding: chunked"] {
        assert!(fields.iter().any(|it| it == field), "no {field} in {fields:?}");
    }
}

fn chunk(answer: &mut impl BufRead) -> Vec<u8> {
    let bytes = usize::from_str_radix(&line(answer), 16).expect("a chunk's length");
    let mut chunk = vec![0; bytes];
    answer.read_exact(&mut chunk).expect("a whole chunk");
    assert_eq!(line(answer), "");
    chunk
}

fn event(message: &Message<'_>) -> Event {
    let kind = message.header(":event-type").or(message.header(":exception-type")).expect("a type");
    (kind.to_owned(), message.payload.to_vec())
}
