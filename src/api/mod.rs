//! The operations, and the one pipeline every request passes through. One file per resource; adding an
//! operation edits one of them. Knows no socket and no TLS.

mod account;
mod accounts;
mod body;
mod consumers;
mod context;
mod control;
mod encryption;
mod envelope;
mod error;
mod exchange;
mod gates;
mod meters;
mod monitoring;
mod on_demand;
mod operation;
mod page_token;
mod policies;
mod policy_document;
mod policy_syntax;
mod position;
mod reads;
mod records;
mod resharding;
mod resource_ref;
mod retention;
mod scaling;
mod service;
mod shards;
mod stream_settings;
mod streams;
mod tagged;
mod tags;
mod trace;
mod warm_throughput;

pub use body::Body;
pub use context::{Context, Identity};
pub use control::Control;
pub use error::ApiError;
pub use exchange::{Reply, Request};
pub use operation::{Answer, Entry};
pub use service::Service;

/// Every operation that is built.
pub fn operations() -> impl Iterator<Item = &'static Entry> {
    [
        streams::OPERATIONS,
        shards::OPERATIONS,
        resharding::OPERATIONS,
        retention::OPERATIONS,
        records::OPERATIONS,
        reads::OPERATIONS,
        consumers::OPERATIONS,
        stream_settings::OPERATIONS,
        account::OPERATIONS,
        scaling::OPERATIONS,
        monitoring::OPERATIONS,
        encryption::OPERATIONS,
        warm_throughput::OPERATIONS,
        tags::OPERATIONS,
        policies::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}
