//! The operations, and the one pipeline every request passes through. Knows no socket and no TLS.

mod exchange;

pub use exchange::{Reply, Request, Service};
