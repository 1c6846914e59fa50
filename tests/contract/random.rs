//! Is there a request that brings the server down, or to an answer that is none? Random ones, a hundred
//! thousand, in this process and in simulated time: valid ones, wrong ones, and such as are hardly requests.
//!
//! `FANLIGHT_CONTRACT_SEED` runs one round of them, `FANLIGHT_CONTRACT_ROUNDS` so many.

use std::collections::BTreeMap;
use std::env;

use fanlight::api::{Reply, Request};
use fastrand::Rng;
use http::StatusCode;
use serde_json::json;

use crate::cbor_value::Item;
use crate::dice::{Dice, Head};
use crate::encoding::Encoding;
use crate::exceptions::{COMMON_ERRORS, speaks_cbor};
use crate::model::{Model, Operation, model};
use crate::output::faults;
use crate::reference::{Verdict, judge};
use crate::said::Said;
use crate::samples;
use crate::simulated_server::{Received, Simulated, simulated, whole};

const ROUNDS: u64 = 20;
const REQUESTS: usize = 5_000;

/// Answers by status, and how often operations were carried out.
#[derive(Default)]
struct Tally {
    statuses: BTreeMap<u16, usize>,
    done: BTreeMap<String, usize>,
}

impl Tally {
    fn count(&mut self, operation: &Operation, status: StatusCode) {
        *self.statuses.entry(status.as_u16()).or_default() += 1;
        if status == StatusCode::OK {
            *self.done.entry(operation.name.clone()).or_default() += 1;
        }
    }
}

/// A request, and what it was made of.
struct Shot<'m> {
    operation: &'m Operation,
    encoding: Encoding,
    /// What it asks for, unless head or body were damaged.
    input: Option<Item>,
    head: Head,
    body: Vec<u8>,
}

fn shoot<'m>(dice: &mut Dice<'m>, operations: &[&'m Operation]) -> Shot<'m> {
    let operation = operations[dice.rng.usize(..operations.len())];
    let encoding = Encoding::ALL[dice.rng.usize(..2)];
    let input = dice.input(operation);
    let (mut head, mut body) = (dice.head(&operation.name, encoding), encoding.write(&input));
    let (is_bent, is_broken) = (dice.once_in(12), dice.once_in(12));
    if is_bent {
        head = dice.bent(head);
    }
    if is_broken {
        body = dice.broken(body);
    }
    Shot { operation, encoding, input: (!is_bent && !is_broken).then_some(input), head, body }
}

/// What is wrong with an answer; fixtures for later requests are taken from it.
fn judged(
    dice: &mut Dice<'_>,
    shot: &Shot<'_>,
    (status, header, body): (StatusCode, &str, &[u8]),
) -> Vec<String> {
    if !(status == StatusCode::OK || status.is_client_error()) {
        return vec!["neither done nor refused".to_owned()];
    }
    let (Some(input), Shot { operation, encoding, .. }) = (&shot.input, shot) else { return Vec::new() };
    if operation.is_foreign() || (*encoding == Encoding::Cbor && !speaks_cbor(operation)) {
        return if status == StatusCode::BAD_REQUEST { Vec::new() } else { vec!["accepted".to_owned()] };
    }
    if status == StatusCode::OK {
        learn(dice, operation, &encoding.read(body));
        return faults(dice.model, operation.output.as_deref(), body, *encoding);
    }
    let said = Said::read((status.as_u16(), header, body), *encoding);
    let verdict = judge(dice.model, operation, &encoding.seen(input), *encoding);
    match Said::expected(&verdict) {
        Some(expected) if said != expected => vec![format!("not as expected: {expected:?}")],
        None if !may_answer(operation, &said.kind) => vec!["an error the operation does not have".to_owned()],
        _ => Vec::new(),
    }
}

/// Whether the model lets an operation answer so to an input without faults.
fn may_answer(operation: &Operation, error: &str) -> bool {
    operation.errors.iter().any(|it| it == error) || COMMON_ERRORS.contains(&error)
}

/// An input that violates something must not have been carried out.
fn is_accepted(dice: &Dice<'_>, shot: &Shot<'_>) -> bool {
    let is_accepted = |input| {
        let seen = shot.encoding.seen(input);
        judge(dice.model, shot.operation, &seen, shot.encoding) == Verdict::Accepted
    };
    shot.operation.is_foreign() || shot.input.as_ref().is_none_or(is_accepted)
}

/// Keeps what other requests can use.
fn learn(dice: &mut Dice<'_>, operation: &Operation, output: &Item) {
    let Item::Map(members) = output else { return };
    for (name, member) in
        [("iterator", "ShardIterator"), ("token", "NextToken"), ("sequence", "SequenceNumber")]
    {
        dice.fixtures.extend(members.get(member).map(|item| (name, item.clone())));
    }
    if operation.name == "RegisterStreamConsumer" {
        dice.fixtures.insert("consumer", output.get("Consumer").get("ConsumerARN").clone());
    }
}

async fn fire(server: &Simulated, dice: &mut Dice<'_>, shot: &Shot<'_>, tally: &mut Tally) -> Vec<String> {
    let request = Request { head: shot.head.clone(), body: shot.body.clone().into() };
    match server.exchange(request).await {
        Reply::Events(head, events) => {
            tally.count(shot.operation, head.status());
            drop(Received::of(*events));
            if is_accepted(dice, shot) { Vec::new() } else { vec!["subscribed".to_owned()] }
        }
        Reply::Whole(response) => {
            let (head, body) = response.into_parts();
            tally.count(shot.operation, head.status);
            let header = head.headers.get("x-amzn-errortype").map(|it| it.to_str().expect("text"));
            let body = whole(body);
            let mut wrong = judged(dice, shot, (head.status, header.unwrap_or_default(), &body));
            if head.status == StatusCode::OK && !is_accepted(dice, shot) {
                wrong.push("carried out".to_owned());
            }
            if !wrong.is_empty() {
                wrong.push(format!("{} {}", head.status, String::from_utf8_lossy(&body)));
            }
            wrong
        }
    }
}

/// One server under random requests; it works afterwards as before.
fn round(model: &Model, seed: u64, tally: &mut Tally) {
    fastrand::seed(seed);
    simulated(async |server| {
        let mut dice = Dice { model, rng: Rng::with_seed(seed), fixtures: samples::imaginary() };
        let operations: Vec<&Operation> = model.own().chain(model.own()).chain(model.foreign()).collect();
        for number in 0..REQUESTS {
            let shot = shoot(&mut dice, &operations);
            let wrong = fire(&server, &mut dice, &shot, tally).await;
            let Shot { operation, encoding, input, head, .. } = &shot;
            assert!(
                wrong.is_empty(),
                "FANLIGHT_CONTRACT_SEED={seed}, request {number}: {} in {encoding:?}, {input:?}, {head:?}:\n{wrong:#?}",
                operation.name
            );
            if number % 100 == 0 {
                server.maintain();
            }
        }
        let arn = server.create("afterwards").await;
        let put = json!({"StreamARN": arn, "PartitionKey": "k", "Data": "YQ=="});
        server.ok("PutRecord", put).await;
        server.ok("ListShards", json!({"StreamName": "afterwards"})).await;
    });
}

#[test]
fn does_any_of_a_hundred_thousand_random_requests_get_no_proper_answer() {
    let Some(model) = model() else { return };
    let mut tally = Tally::default();
    if let Some(seed) = env::var("FANLIGHT_CONTRACT_SEED").ok().and_then(|it| it.parse().ok()) {
        return round(model, seed, &mut tally);
    }
    let rounds = env::var("FANLIGHT_CONTRACT_ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(ROUNDS);
    (0..rounds).for_each(|seed| round(model, seed, &mut tally));
    let Tally { statuses, done } = tally;
    println!("seeds 0..{rounds}: answers by status: {statuses:?}; carried out: {done:?}");
    assert!(model.own().all(|it| done.contains_key(&it.name)), "not carried out even once: {done:?}");
}
