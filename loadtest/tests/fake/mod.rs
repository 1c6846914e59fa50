//! A service that speaks just enough of the API to be driven, and lies on request.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::LocalSet;

/// What the fake does wrong; each test program wants some of it.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    Never,
    /// Keeps one acknowledged record from its consumers.
    Lose,
    /// Hands one record out twice.
    Double,
    /// Swaps two records, numbers and all.
    Reorder,
    /// Swaps the payloads of two records, so that the numbers still rise.
    Misplace,
    /// Changes one byte of a payload.
    Corrupt,
    /// Throttles every third put.
    Throttle,
    /// Ends each subscription after a few events, as the service does after five minutes.
    Hurry,
}

/// Records after which the lie is told.
const LIE_AT: usize = 10;
/// Events per subscription of a service in a hurry.
const HURRIED_EVENTS: usize = 7;

#[derive(Clone)]
struct Record {
    number: usize,
    key: String,
    data: String,
}

struct Service {
    lie: Lie,
    /// As consumers see them.
    records: RefCell<Vec<Record>>,
    arrived: watch::Sender<usize>,
    puts: RefCell<usize>,
    acked: RefCell<usize>,
}

/// Starts the fake on a thread of its own that lives as long as the test's process.
pub(crate) fn start(lie: Lie) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (records, arrived) = (RefCell::default(), watch::channel(0).0);
            let service =
                Service { lie, records, arrived, puts: RefCell::default(), acked: RefCell::default() };
            serve(listener, Rc::new(service)).await;
        });
    });
    told.recv().unwrap()
}

async fn serve(listener: TcpListener, service: Rc<Service>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let service = Rc::clone(&service);
        tokio::task::spawn_local(async move {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            while let Some(Ok((request, reply))) = connection.accept().await {
                tokio::task::spawn_local(answer(Rc::clone(&service), request, reply));
            }
        });
    }
}

async fn answer(
    service: Rc<Service>,
    request: http::Request<h2::RecvStream>,
    mut reply: SendResponse<Bytes>,
) {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend_from_slice(&piece);
    }
    let input: Value = serde_json::from_slice(&bytes).unwrap();
    let operation = target.strip_prefix("Kinesis_20131202.").unwrap();
    if operation == "SubscribeToShard" {
        let head = http::Response::builder().status(200).body(()).unwrap();
        let stream = reply.send_response(head, false).unwrap();
        return service.push(&input, stream).await;
    }
    let (status, output) = match service.call(operation, &input) {
        Ok(output) => (200, output),
        Err(kind) => (400, json!({"__type": kind, "message": "said the fake"})),
    };
    let head = http::Response::builder().status(status).body(()).unwrap();
    let mut stream = reply.send_response(head, false).unwrap();
    let _ = stream.send_data(output.to_string().into(), true);
}

fn number(n: usize) -> String {
    format!("49{n:054}")
}

impl Service {
    fn call(&self, operation: &str, input: &Value) -> Result<Value, &'static str> {
        let stream_arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
        let consumer_arn =
            format!("{stream_arn}/consumer/{}:1", input["ConsumerName"].as_str().unwrap_or("?"));
        match operation {
            "CreateStream" | "DeleteStream" => Ok(json!({})),
            "DescribeStreamSummary" => {
                Ok(json!({"StreamDescriptionSummary": {"StreamARN": stream_arn, "StreamStatus": "ACTIVE"}}))
            }
            "ListShards" => {
                let range = json!({"StartingHashKey": "0", "EndingHashKey": "340282366920938463463374607431768211455"});
                Ok(json!({"Shards": [{"ShardId": "shardId-000000000000", "HashKeyRange": range}]}))
            }
            "RegisterStreamConsumer" => {
                Ok(json!({"Consumer": {"ConsumerARN": consumer_arn, "ConsumerStatus": "CREATING"}}))
            }
            "DescribeStreamConsumer" => {
                let arn = &input["ConsumerARN"];
                Ok(json!({"ConsumerDescription": {"ConsumerARN": arn, "ConsumerStatus": "ACTIVE"}}))
            }
            "PutRecord" => self.put(input).ok_or("ProvisionedThroughputExceededException"),
            "PutRecords" => {
                let refused =
                    json!({"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"});
                let entries = input["Records"].as_array().unwrap();
                let results: Vec<_> =
                    entries.iter().map(|e| self.put(e).unwrap_or(refused.clone())).collect();
                Ok(json!({"FailedRecordCount": 0, "Records": results}))
            }
            "GetShardIterator" => Ok(json!({"ShardIterator": self.records.borrow().len().to_string()})),
            "GetRecords" => {
                let from: usize = input["ShardIterator"].as_str().unwrap().parse().unwrap();
                let records = self.records.borrow();
                let page: Vec<_> = records[from..].iter().map(Record::json).collect();
                let next = records.len().to_string();
                Ok(json!({"Records": page, "NextShardIterator": next, "MillisBehindLatest": 0}))
            }
            _ => Err("UnknownOperationException"),
        }
    }

    fn put(&self, input: &Value) -> Option<Value> {
        *self.puts.borrow_mut() += 1;
        if self.lie == Lie::Throttle && self.puts.borrow().is_multiple_of(3) {
            return None;
        }
        *self.acked.borrow_mut() += 1;
        let text = |name: &str| input[name].as_str().unwrap().to_owned();
        let record = Record { number: *self.acked.borrow(), key: text("PartitionKey"), data: text("Data") };
        let place = json!({"ShardId": "shardId-000000000000", "SequenceNumber": number(record.number)});
        self.show(record);
        Some(place)
    }

    /// Makes a record visible, with the lie where it is due.
    fn show(&self, mut record: Record) {
        let mut records = self.records.borrow_mut();
        let due = record.number == LIE_AT;
        match self.lie {
            Lie::Lose if due => return,
            Lie::Double if due => records.push(record.clone()),
            // The swapped pair must show together, so the first waits for the second.
            Lie::Reorder | Lie::Misplace if due => return records.push(record),
            Lie::Reorder if record.number == LIE_AT + 1 => records.insert(LIE_AT - 1, record.clone()),
            Lie::Misplace if record.number == LIE_AT + 1 => {
                std::mem::swap(&mut record.data, &mut records[LIE_AT - 1].data)
            }
            Lie::Corrupt if due => {
                let at = record.data.len() / 2;
                let other = if &record.data[at..=at] == "A" { "B" } else { "A" };
                record.data.replace_range(at..=at, other);
            }
            _ => {}
        }
        if !(self.lie == Lie::Reorder && record.number == LIE_AT + 1) {
            records.push(record);
        }
        self.arrived.send_replace(records.len());
    }

    async fn push(&self, input: &Value, mut stream: SendStream<Bytes>) {
        let position = &input["StartingPosition"];
        let mut next = match position["Type"].as_str().unwrap() {
            "LATEST" => self.records.borrow().len(),
            "TRIM_HORIZON" => 0,
            // The continuation number of this fake is the count of what was shown.
            _ => position["SequenceNumber"].as_str().unwrap()[2..].parse().unwrap(),
        };
        let mut arrived = self.arrived.subscribe();
        if stream.send_data(message("initial-response", b"{}"), false).is_err() {
            return;
        }
        for sent in 0.. {
            if self.lie == Lie::Hurry && sent == HURRIED_EVENTS {
                let _ = stream.send_data(Bytes::new(), true);
                return;
            }
            // No further than what is shown: the first of a swapped pair is there before its partner.
            let shown = *arrived.wait_for(|shown| *shown > next).await.unwrap();
            let page: Vec<_> = self.records.borrow()[next..shown].iter().map(Record::json).collect();
            next += page.len();
            let event =
                json!({"Records": page, "ContinuationSequenceNumber": number(next), "MillisBehindLatest": 0});
            if stream
                .send_data(message("SubscribeToShardEvent", event.to_string().as_bytes()), false)
                .is_err()
            {
                return;
            }
        }
    }
}

impl Record {
    fn json(&self) -> Value {
        let (key, data, number) = (&self.key, &self.data, number(self.number));
        json!({"PartitionKey": key, "Data": data, "SequenceNumber": number, "ApproximateArrivalTimestamp": 1.5})
    }
}

/// One event-stream message.
fn message(kind: &str, payload: &[u8]) -> Bytes {
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", "event"), (":event-type", kind)] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let mut out = u32::try_from(16 + headers.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.into()
}
