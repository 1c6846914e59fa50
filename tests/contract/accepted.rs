//! Are valid inputs accepted, with the least and with everything, and are outputs what the model says? A real
//! server, both encodings, every operation of streams.

use std::collections::{BTreeMap, BTreeSet};

use crate::cbor_value::{Item, text};
use crate::encoding::Encoding;
use crate::events::first_events;
use crate::exceptions::speaks_cbor;
use crate::model::{Model, Operation, model};
use crate::output::{faults, faults_of};
use crate::samples::{self, Extent, Fixtures, literal};
use crate::steps::{Outcome, STEPS, Step};
use crate::support::http::{Answer, Client};
use crate::support::server::{Options, Server};
use crate::support::wait_for;

/// How long streams stay in a state of transition here: short, as each step waits for the end of it.
const TRANSITION_MILLIS: &str = "5";
const ACCOUNT: &str = "arn:aws:kinesis:us-east-1:000000000000";

/// A client of one server in one encoding, and what it has learnt.
struct Pass<'m> {
    model: &'m Model,
    encoding: Encoding,
    extent: Extent,
    server: Server,
    client: Client,
    fixtures: Fixtures,
    answers: usize,
}

impl<'m> Pass<'m> {
    fn new(model: &'m Model, encoding: Encoding, extent: Extent) -> Pass<'m> {
        let extra = vec!["--transition-millis".to_owned(), TRANSITION_MILLIS.to_owned()];
        let server = Server::start(Options { limits: "off", extra, ..Options::default() });
        let client = Client::connect(server.address()).expect("the server listens");
        Pass { model, encoding, extent, server, client, fixtures: samples::imaginary(), answers: 0 }
    }

    fn post(&mut self, operation: &str, input: &Item) -> Answer {
        let body = self.encoding.write(input);
        self.client.post(operation, self.encoding.content_type(), &body).expect("an answer")
    }

    /// A call that must succeed, with an output as the model says.
    fn done(&mut self, operation: &str, input: &Item) -> Item {
        let what = || format!("{:?} {:?} {operation} {input:?}", self.encoding, self.extent);
        let what = what();
        let answer = self.post(operation, input);
        let read = || String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{what}: {}", read());
        assert_eq!(answer.header("content-type"), Some(self.encoding.content_type()), "{what}");
        let output = self.model.operation(operation).output.as_deref();
        let faults = faults(self.model, output, &answer.body, self.encoding);
        assert!(faults.is_empty(), "{what}: {faults:#?} in {}", read());
        self.answers += 1;
        self.encoding.read(&answer.body)
    }

    fn input(&self, step: &Step, operation: &Operation) -> Item {
        let sample = samples::input(self.model, operation, self.extent, &self.fixtures);
        let Item::Map(mut members) = sample else { panic!("an input is a structure") };
        for &(name, written) in step.changed {
            match (written, written.strip_prefix('!')) {
                ("-", _) if self.extent == Extent::Nulls => drop(members.insert(name.into(), Item::Null)),
                ("-", _) => drop(members.remove(name)),
                (_, Some(written)) => drop(members.insert(name.into(), literal(written, &self.fixtures))),
                _ if members.get(name).is_some_and(|it| *it != Item::Null) => {
                    members.insert(name.into(), literal(written, &self.fixtures));
                }
                _ => {}
            }
        }
        Item::Map(members)
    }

    fn take(&mut self, step: &Step) {
        self.about(step.stream);
        let operation = self.model.operation(step.operation);
        let input = self.input(step, operation);
        match (step.outcome, step.operation) {
            (Outcome::DryRun, _) => self.dry_run(operation, &input),
            (Outcome::Done, "SubscribeToShard") => self.subscribe(operation, &input),
            (Outcome::Done, name) => {
                let output = self.done(name, &input);
                self.learn(name, &output);
                self.settle(step.stream);
            }
        }
    }

    /// Has the fixtures stand for this stream.
    fn about(&mut self, stream: &str) {
        let arn = format!("{ACCOUNT}:stream/{stream}");
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*",
                "Action": "kinesis:PutRecord", "Resource": "{arn}"}}]}}"#
        );
        self.fixtures.extend([("stream", text(stream)), ("arn", text(&arn)), ("policy", text(&policy))]);
    }

    /// Waits until the stream, if there is one, is active.
    fn settle(&mut self, stream: &str) {
        let (name, input) =
            ("DescribeStreamSummary", Item::Map([("StreamName".into(), text(stream))].into()));
        let active = || {
            let answer = self.post(name, &input);
            if answer.status != 200 {
                return Some(None);
            }
            let output = self.encoding.read(&answer.body);
            let summary = output.get("StreamDescriptionSummary");
            let is_active = summary.get("StreamStatus").text() == "ACTIVE";
            is_active.then(|| Some(summary.get("StreamCreationTimestamp").clone()))
        };
        let created = wait_for("an active stream", active);
        self.fixtures.extend(created.map(|created| ("created", created)));
    }

    /// Keeps what later steps need.
    fn learn(&mut self, operation: &str, output: &Item) {
        let mut keep = |name, item: &Item| drop(self.fixtures.insert(name, item.clone()));
        match (operation, output) {
            ("PutRecord", _) => keep("sequence", output.get("SequenceNumber")),
            ("GetShardIterator", _) => keep("iterator", output.get("ShardIterator")),
            ("RegisterStreamConsumer", _) => {
                keep("consumer", output.get("Consumer").get("ConsumerARN"));
                self.wait_for_consumer();
            }
            (_, Item::Map(members)) if members.contains_key("NextToken") => {
                keep("token", output.get("NextToken"));
            }
            _ => {}
        }
    }

    fn wait_for_consumer(&mut self) {
        let input = Item::Map([("ConsumerARN".into(), self.fixtures["consumer"].clone())].into());
        let active = || {
            let output = self.done("DescribeStreamConsumer", &input);
            (output.get("ConsumerDescription").get("ConsumerStatus").text() == "ACTIVE").then_some(())
        };
        wait_for("an active consumer", active);
    }

    fn dry_run(&mut self, operation: &Operation, input: &Item) {
        let answer = self.post(&operation.name, input);
        let body = self.encoding.read(&answer.body);
        let speaks = self.encoding == Encoding::Json || speaks_cbor(operation);
        let expected = if speaks { "DryRunOperationException" } else { "SerializationException" };
        assert_eq!((answer.status, body.get("__type").text()), (400, expected), "{input:?}: {body:?}");
    }

    fn subscribe(&mut self, operation: &Operation, input: &Item) {
        if self.encoding == Encoding::Cbor && !speaks_cbor(operation) {
            let answer = self.post(&operation.name, input);
            let body = self.encoding.read(&answer.body);
            assert_eq!((answer.status, body.get("__type").text()), (400, "SerializationException"));
            return;
        }
        let events = first_events(self.server.address(), &self.encoding.write(input), 2);
        assert_eq!(events[0], ("initial-response".to_owned(), b"{}".to_vec()));
        let (kind, payload) = &events[1];
        let event = self.encoding.read(payload);
        assert!(!event.get("Records").list().is_empty(), "{event:?}");
        let faults = faults_of(self.model, kind, &event, self.encoding);
        assert!(faults.is_empty(), "{faults:#?} in {event:?}");
        self.answers += 1;
    }
}

#[test]
fn is_every_operation_accepted_with_the_least_and_with_everything() {
    let Some(model) = model() else { return };
    let tried: BTreeSet<_> = STEPS.iter().map(|step| step.operation).collect();
    assert!(model.own().all(|operation| tried.contains(operation.name.as_str())));
    assert_eq!(tried.len(), 40);
    let mut answers = 0;
    for encoding in Encoding::ALL {
        for extent in [Extent::Least, Extent::Nulls, Extent::Most] {
            let mut pass = Pass::new(model, encoding, extent);
            STEPS.iter().for_each(|step| pass.take(step));
            answers += pass.answers;
        }
    }
    println!("{answers} outputs were what the model says");
}

#[test]
fn are_members_nobody_knows_ignored() {
    let Some(model) = model() else { return };
    for encoding in Encoding::ALL {
        let mut pass = Pass::new(model, encoding, Extent::Least);
        let strangers =
            [("Stranger", text("x")), ("StreamId", Item::Integer(7)), ("streamName", Item::Bool(true))];
        let with = |members: &[(&str, Item)]| {
            let all = members.iter().chain(&strangers).map(|(name, item)| ((*name).to_owned(), item.clone()));
            Item::Map(all.collect::<BTreeMap<_, _>>())
        };
        pass.done("CreateStream", &with(&[("StreamName", text("s")), ("ShardCount", Item::Integer(1))]));
        pass.settle("s");
        pass.done("DescribeStream", &with(&[("StreamName", text("s"))]));
        let record = with(&[("Data", Item::Bytes(vec![1])), ("PartitionKey", text("k"))]);
        pass.done("PutRecords", &with(&[("StreamName", text("s")), ("Records", Item::List(vec![record]))]));
        pass.done("DescribeLimits", &with(&[]));
    }
}
