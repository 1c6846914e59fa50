//! Fanlight: a durable, self-hosted Kinesis Data Streams server built around enhanced fan-out.
//!
//! Rooms, from the ground up; a room uses rooms of a lower rank only (`tests/tidy.rs` checks it).
//!
//! | rank | room | owns |
//! |---|---|---|
//! | 0 | [`limits`], [`seeded`] | every bound by name; bugs for tests |
//! | 1 | [`telemetry`], [`types`] | every metric by name, their registry; vocabulary: ids, numbers, times |
//! | 2 | [`platform`], [`wire`] | the outside world (clock, entropy, disk); bytes and messages |
//! | 3 | [`throttle`], [`shard_log`], [`catalog`], [`scaling`] | quotas, log formats, control plane, demand |
//! | 4 | [`storage`] | the log engine: group commit, segments, tail, recovery |
//! | 5 | [`pull`], [`push`], [`inspect`] | iterators and reads; subscriptions and fan-out; offline tools |
//! | 6 | [`api`] | the operations and the pipeline they pass through |
//! | 7 | [`console`], [`client`] | the page on the admin address; the command line that speaks to a server |
//! | 8 | [`net`] | listener, TLS, HTTP/1.1, HTTP/2, admin endpoint |
//! | 9 | [`config`] | flags and their environment twins |
//! | 10 | [`server`] | composition, start, drain |

pub mod api;
pub mod catalog;
pub mod client;
pub mod config;
pub mod console;
pub mod inspect;
pub mod limits;
pub mod net;
pub mod platform;
pub mod pull;
pub mod push;
pub mod scaling;
pub mod seeded;
pub mod server;
pub mod shard_log;
pub mod storage;
pub mod telemetry;
pub mod throttle;
pub mod types;
pub mod wire;
