//! Event-stream messages against recorded bytes, and decoding against damage.

use proptest::prelude::*;

use super::*;

/// What clients wait for.
const INITIAL: &str = "0000007200000060ab820d9e0b3a6576656e742d74797065070010696e697469616c2d726573706f6e7365\
    0d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e310d3a6d65737361\
    67652d747970650700056576656e747b7dacae6b7d";
/// An event without records: 242 bytes, like the service's.
const IDLE: &str = "000000f2000000656a0e49830b3a6576656e742d74797065070015537562736372696265546f53686172644576656e\
    740d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e310d3a6d657373\
    6167652d747970650700056576656e747b22436f6e74696e756174696f6e53657175656e63654e756d626572223a22343936\
    3734303236303032383530313838323138353736323239323539343733343736343439343239323938353634323233323534\
    353934222c224d696c6c6973426568696e644c6174657374223a302c225265636f726473223a5b5d7d7db7a1b1";
/// A `ResourceInUseException` with the text `x`.
const EXCEPTION: &str = "0000008d0000006e865ee7150f3a657863657074696f6e2d747970650700165265736f75726365496e557365\
    457863657074696f6e0d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d31\
    2e310d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765223a2278227dcef16312";
const IDLE_PAYLOAD: &[u8] = b"{\"ContinuationSequenceNumber\":\
    \"49674026002850188218576229259473476449429298564223254594\",\"MillisBehindLatest\":0,\"Records\":[]}";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn messages_are_the_recorded_bytes() {
    assert_eq!(hex(&initial_response()), INITIAL);
    assert_eq!(hex(&event(IDLE_PAYLOAD)), IDLE);
    assert_eq!(hex(&exception("ResourceInUseException", "x")), EXCEPTION);
}

#[test]
fn the_initial_response_is_built_once() {
    assert_eq!(initial_response().as_ptr(), initial_response().as_ptr());
}

#[test]
fn a_payload_written_in_place_gives_the_same_message() {
    let mut writer = MessageWriter::event(IDLE_PAYLOAD.len());
    let start = writer.payload().as_ptr();
    writer.payload().extend_from_slice(IDLE_PAYLOAD);
    let message = writer.finish();
    assert_eq!((message.as_ptr(), hex(&message)), (start, IDLE.to_owned()));
}

#[test]
fn exceptions_escape_their_text() {
    let message = exception("InternalFailureException", "a \"b\"");
    let (message, _) = Message::decode(&message).unwrap().unwrap();
    assert_eq!(message.payload, br#"{"message":"a \"b\""}"#);
    assert_eq!(message.header(":exception-type"), Some("InternalFailureException"));
    assert_eq!(message.header(":message-type"), Some("exception"));
    assert_eq!(message.header(":event-type"), None);
}

#[test]
fn messages_are_cut_from_a_stream() {
    let stream = [initial_response(), event(b"{}"), event(b"")].concat();
    let mut rest = &stream[..];
    let mut kinds = Vec::new();
    while let Some((message, length)) = Message::decode(rest).unwrap() {
        kinds.push((message.header(":event-type").unwrap(), message.payload));
        rest = &rest[length..];
    }
    let event = "SubscribeToShardEvent";
    assert_eq!(kinds, [("initial-response", &b"{}"[..]), (event, b"{}"), (event, b"")]);
    assert!(rest.is_empty());
}

#[test]
fn a_part_of_a_message_asks_for_more() {
    let whole = event(IDLE_PAYLOAD);
    for end in 0..whole.len() {
        assert_eq!(Message::decode(&whole[..end]), Ok(None));
    }
}

#[test]
fn any_flipped_byte_is_noticed() {
    let whole = event(b"{\"Records\":[]}");
    for at in 0..whole.len() {
        let mut damaged = whole.to_vec();
        damaged[at] ^= 0x10;
        assert_eq!(Message::decode(&damaged), Err(Malformed), "byte {at}");
    }
}

proptest! {
    #[test]
    fn messages_read_back(
        headers in prop::collection::vec(("[a-z:-]{0,20}", "\\PC{0,40}"), 0..5),
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let bytes = message(&headers, &payload);
        let (read, length) = Message::decode(&bytes).unwrap().unwrap();
        prop_assert_eq!((read.headers, read.payload, length), (headers, &payload[..], bytes.len()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), total in 0_u32..80) {
        let mut bytes = bytes;
        if bytes.len() >= 12 {
            // A prelude that is intact, so that what follows is looked at.
            bytes[..4].copy_from_slice(&total.to_be_bytes());
            let crc = crc32fast::hash(&bytes[..8]);
            bytes[8..12].copy_from_slice(&crc.to_be_bytes());
        }
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn any_headers_are_read_or_refused(bytes in prop::collection::vec(0_u8..16, 0..64)) {
        let _ = read_headers(&bytes);
    }
}
