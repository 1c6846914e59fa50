//! Are inputs refused as the model says? Every fault of every member, and several at once, in both encodings,
//! on the wire.

use crate::cbor_value::{Item, text};
use crate::encoding::Encoding;
use crate::exceptions::{self, speaks_cbor};
use crate::model::{Model, Operation, model};
use crate::reference::{Verdict, judge};
use crate::said::Said;
use crate::samples::{self, Extent};
use crate::support::http::{Answer, Client};
use crate::support::server::{Options, Server};
use crate::variants::{self, Variant};

/// So many cases there are to be at least, for a model that lost half its members to be noticed.
const CASES_MIN: usize = 1500;
/// Disagreements told before the test gives up.
const TOLD_MAX: usize = 40;

fn said(answer: &Answer, encoding: Encoding) -> Said {
    let header = answer.header("x-amzn-errortype").unwrap_or_default();
    Said::read((answer.status, header, &answer.body), encoding)
}

/// What was done to an input, the input, and its verdict.
type Case = (String, Item, Verdict);

/// Inputs of an operation that are wrong in this encoding, each with its verdict.
fn cases(model: &Model, operation: &Operation, encoding: Encoding) -> Vec<Case> {
    let valid = samples::input(model, operation, Extent::Most, &samples::imaginary());
    let judged = |(what, input): Variant| {
        let verdict = judge(model, operation, &encoding.seen(&input), encoding);
        (what, input, verdict)
    };
    assert_eq!(judged((String::new(), valid.clone())).2, Verdict::Accepted, "{}: {valid:?}", operation.name);
    let mut cases: Vec<_> = variants::of_input(model, operation, &valid).into_iter().map(judged).collect();
    cases.retain(|(_, _, verdict)| *verdict != Verdict::Accepted);
    for kind in
        [|it: &Verdict| matches!(it, Verdict::Violates(_)), |it: &Verdict| matches!(it, Verdict::Mistyped(_))]
    {
        let joined = variants::joined(&first_faults(&cases, &valid, kind), &valid);
        cases.extend(joined.into_iter().map(judged));
    }
    cases
}

/// The first fault of a kind of each member: its name and its value.
fn first_faults(cases: &[Case], valid: &Item, is_meant: fn(&Verdict) -> bool) -> Vec<(String, Item)> {
    let mut faults: Vec<(String, Item)> = Vec::new();
    for (what, input, verdict) in cases {
        let name = what.split(':').next().expect("a member");
        let is_new = faults.iter().all(|(known, _)| known != name);
        if is_new && is_meant(verdict) && input != valid {
            let Item::Map(members) = input else { panic!("an input is a structure") };
            faults.push((name.to_owned(), members.get(name).cloned().unwrap_or(Item::Null)));
        }
    }
    faults
}

#[test]
fn is_every_fault_of_every_member_refused_in_the_services_words() {
    let Some(model) = model() else { return };
    assert!(exceptions::fit(model), "an exception is made for what is not in the model");
    let server = Server::start(Options { limits: "off", ..Options::default() });
    let mut client = Client::connect(server.address()).expect("the server listens");
    let (mut count, mut wrong) = (0, Vec::new());
    for encoding in Encoding::ALL {
        for operation in model.own().filter(|it| encoding == Encoding::Json || speaks_cbor(it)) {
            for (what, input, verdict) in cases(model, operation, encoding) {
                let body = encoding.write(&input);
                let answer = client.post(&operation.name, encoding.content_type(), &body).expect("an answer");
                assert_eq!(answer.header("content-type"), Some(encoding.content_type()), "{what}");
                let (said, expected) = (said(&answer, encoding), Said::expected(&verdict));
                if Some(&said) != expected.as_ref() {
                    wrong
                        .push(format!("{encoding:?} {} {what}:\n  {said:?}\n  {expected:?}", operation.name));
                }
                count += 1;
            }
        }
    }
    let told = wrong.iter().take(TOLD_MAX).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {count} cases:\n{told}", wrong.len());
    println!("{count} faulty inputs were refused as the model says");
    assert!(count >= CASES_MIN, "only {count} cases");
}

#[test]
fn are_operations_of_queues_and_channels_refused_with_an_error_of_their_own_model() {
    let Some(model) = model() else { return };
    let server = Server::start(Options::default());
    let mut client = Client::connect(server.address()).expect("the server listens");
    assert_eq!(model.foreign().count(), 17);
    for operation in model.foreign() {
        for encoding in Encoding::ALL {
            let body = encoding.write(&Item::Map([("QueueName".to_owned(), text("q"))].into()));
            let answer = client.post(&operation.name, encoding.content_type(), &body).expect("an answer");
            let kind = "InvalidArgumentException".to_owned();
            assert!(operation.errors.contains(&kind), "{} knows no {kind}", operation.name);
            let told = format!("{} is not supported by this server yet.", operation.name);
            let expected = Said { status: 400, header: kind.clone(), kind, text: Some(told) };
            assert_eq!(said(&answer, encoding), expected);
        }
    }
}
