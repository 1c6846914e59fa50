//! The real binary under attack: killed while it writes, fed nonsense, read by clients that stall, held to
//! its quotas, restarted. What is asked here is what a user would ask; the clients speak plain HTTP.

// Tests live outside the server's rooms: they measure it by the system's clock.
#![allow(clippy::disallowed_methods)]

mod support;

#[path = "serve/accounts.rs"]
mod accounts;
#[path = "serve/auto_distribution.rs"]
mod auto_distribution;
#[path = "serve/bad_envelope.rs"]
mod bad_envelope;
#[path = "serve/bad_references.rs"]
mod bad_references;
#[path = "serve/bad_values.rs"]
mod bad_values;
#[path = "serve/call_rates.rs"]
mod call_rates;
#[path = "serve/catalog_decay.rs"]
mod catalog_decay;
#[path = "serve/days.rs"]
mod days;
#[path = "serve/encryption.rs"]
mod encryption;
#[path = "serve/failing_disk.rs"]
mod failing_disk;
#[path = "serve/fan_out.rs"]
mod fan_out;
#[path = "serve/fan_out_ends.rs"]
mod fan_out_ends;
#[path = "serve/forgetful.rs"]
mod forgetful;
#[path = "serve/forgetful_mount.rs"]
mod forgetful_mount;
#[path = "serve/forgotten.rs"]
mod forgotten;
#[path = "serve/going.rs"]
mod going;
#[path = "serve/histories.rs"]
mod histories;
#[path = "serve/history.rs"]
mod history;
#[path = "serve/hopper.rs"]
mod hopper;
#[path = "serve/kill.rs"]
mod kill;
#[path = "serve/kill_load.rs"]
mod kill_load;
#[path = "sim/lanes.rs"]
mod lanes;
#[path = "serve/ledger.rs"]
mod ledger;
#[path = "serve/lineage.rs"]
mod lineage;
#[path = "serve/metrics.rs"]
mod metrics;
#[path = "serve/on_demand.rs"]
mod on_demand;
#[path = "sim/place.rs"]
mod place;
#[path = "serve/policies.rs"]
mod policies;
#[path = "serve/power_cut.rs"]
mod power_cut;
#[path = "serve/refusal.rs"]
mod refusal;
#[path = "serve/restart.rs"]
mod restart;
#[path = "serve/retention.rs"]
mod retention;
#[path = "serve/scaling.rs"]
mod scaling;
#[path = "serve/shard_end.rs"]
mod shard_end;
#[path = "serve/simulated.rs"]
mod simulated;
#[path = "serve/simulated_server.rs"]
mod simulated_server;
#[path = "serve/slow_reader.rs"]
mod slow_reader;
#[path = "serve/stage.rs"]
mod stage;
#[path = "serve/stream_settings.rs"]
mod stream_settings;
#[path = "serve/subscribers.rs"]
mod subscribers;
#[path = "serve/tags.rs"]
mod tags;
#[path = "serve/throttles.rs"]
mod throttles;
#[path = "serve/warm_throughput.rs"]
mod warm_throughput;
#[path = "serve/witness.rs"]
mod witness;
