//! The pipeline: envelope, credentials, decoding, the operation, the answer. Every request passes through
//! it once; errors are answers too.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use metrics::{Counter, Histogram, counter, histogram};

use crate::telemetry::names;
use crate::wire::{Codec, target};

use super::accounts::Accounts;
use super::envelope::{self, Envelope};
use super::trace::{self, Trace};
use super::{Answer, ApiError, Body, Context, Entry, Reply, Request};

/// Answers requests; one per core, shared by its connections.
pub struct Service {
    accounts: Accounts,
    operations: HashMap<&'static str, Metered>,
}

/// An operation's entry with its metric handles.
struct Metered {
    /// `None` until it is built.
    entry: Option<&'static Entry>,
    ok: Counter,
    client_error: Counter,
    server_error: Counter,
    latency: Histogram,
}

impl Service {
    /// A service over the context's rooms; `accounts` are those of access keys that have one of their own.
    pub fn new(context: Rc<Context>, accounts: HashMap<String, String>) -> Rc<Self> {
        let built: HashMap<_, _> = super::operations().map(|entry| (entry.name, entry)).collect();
        // The counters of refusals begin at 0: a rate can then be told of the first.
        built.keys().for_each(|name| drop(context.gates.calls_throttled(name)));
        let metered = |&name: &&'static str| (name, Metered::new(name, built.get(name).copied()));
        let operations = target::OPERATION_NAMES.iter().map(metered).collect();
        Rc::new(Self { accounts: Accounts::new(context, accounts), operations })
    }

    /// Answers one request. Never fails: errors are replies too.
    pub async fn call(self: Rc<Self>, request: Request) -> Reply {
        let envelope = match envelope::open(&request) {
            Ok(envelope) => envelope,
            Err(answer) => return finish(&request, Reply::Whole(answer.map(Body::from))),
        };
        let metered = &self.operations[envelope.operation];
        let clock = &self.accounts.own().clock;
        let began = clock.now();
        let mut trace = Trace::begin(&request.head, began);
        let outcome = self.perform(&request, &envelope, metered, trace.as_mut()).await;
        metered.latency.record(clock.now().since(began));
        metered.count(&outcome);
        let traced = trace.map(|trace| (trace, trace::Outcome::of(&outcome)));
        let codec = envelope.codec;
        let reply = match outcome {
            Ok(Answer::Empty) => Reply::Whole(envelope::success(codec, Bytes::new().into())),
            Ok(Answer::Output(output)) => {
                Reply::Whole(envelope::success(codec, codec.to_bytes(&output).into()))
            }
            Ok(Answer::Records(identity, records, rest)) => {
                Reply::Whole(envelope::success(codec, Body::page(codec, identity, records, &rest)))
            }
            Ok(Answer::Events(events)) => Reply::Events(envelope::events_head(), events),
            Err(error) => Reply::Whole(envelope::error(codec, &error).map(Body::from)),
        };
        if let Some((trace, outcome)) = traced {
            trace.end(envelope.operation, &request, &outcome, &reply, clock.now());
        }
        finish(&request, reply)
    }

    /// Puts one record for the server's own pages, which bring no signature: the input and the output are
    /// those of `PutRecord` in JSON, and so is all between them. No account is the server's own.
    pub async fn put_unsigned(&self, account: Option<&str>, input: &[u8]) -> Result<Bytes, ApiError> {
        let metered = &self.operations["PutRecord"];
        let clock = &self.accounts.own().clock;
        let began = clock.now();
        let outcome = self.put_json(account, input, metered).await;
        metered.latency.record(clock.now().since(began));
        metered.count(&outcome);
        match outcome? {
            Answer::Output(output) => Ok(Codec::Json.to_bytes(&output)),
            Answer::Empty | Answer::Records(..) | Answer::Events(_) => Err(ApiError::internal()),
        }
    }

    async fn put_json(
        &self,
        account: Option<&str>,
        input: &[u8],
        metered: &Metered,
    ) -> Result<Answer, ApiError> {
        let bytes = Bytes::copy_from_slice(input);
        let unreadable = |_| ApiError::bare("SerializationException", None);
        let body = Codec::Json.decode(&bytes).map_err(unreadable)?;
        let entry = metered.entry.ok_or_else(ApiError::internal)?;
        (entry.call)(&body, Codec::Json, &self.accounts.named(account)?).await
    }

    async fn perform(
        &self,
        request: &Request,
        envelope: &Envelope,
        metered: &Metered,
        trace: Option<&mut Trace>,
    ) -> Result<Answer, ApiError> {
        let unreadable = |_| ApiError::bare("SerializationException", None);
        let body = envelope.codec.decode(&request.body).map_err(unreadable)?;
        if let Some(trace) = trace {
            trace.read(&body);
        }
        envelope::require_signature(&request.head)?;
        let Some(entry) = metered.entry else {
            let text = format!("{} is not supported by this server yet.", envelope.operation);
            return Err(ApiError::invalid_argument(text));
        };
        // The service answers events in JSON whatever the request's encoding; no client asks in CBOR.
        if envelope.operation == "SubscribeToShard" && envelope.codec == Codec::Cbor {
            return Err(ApiError::bare("SerializationException", None));
        }
        let context = self.accounts.of(&request.head)?;
        (entry.call)(&body, envelope.codec, &context).await
    }
}

fn finish(request: &Request, mut reply: Reply) -> Reply {
    let headers = match &mut reply {
        Reply::Whole(response) => response.headers_mut(),
        Reply::Events(head, _) => head.headers_mut(),
    };
    envelope::allow_origin(&request.head.headers, headers);
    reply
}

impl Metered {
    fn new(name: &'static str, entry: Option<&'static Entry>) -> Self {
        let answered =
            |status: &'static str| counter!(names::REQUESTS, "operation" => name, "status" => status);
        Self {
            entry,
            ok: answered("ok"),
            client_error: answered("client_error"),
            server_error: answered("server_error"),
            latency: histogram!(names::REQUEST_LATENCY, "operation" => name),
        }
    }

    fn count(&self, outcome: &Result<Answer, ApiError>) {
        match outcome {
            Ok(_) => &self.ok,
            Err(error) if error.status < 500 => &self.client_error,
            Err(_) => &self.server_error,
        }
        .increment(1);
    }
}
