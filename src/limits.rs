//! Every service quota and size bound, as a named number with its unit. Quotas follow the service's
//! published limits; bounds marked *own* are this server's, chosen so that memory stays bounded.

/// Bytes of a request body, beyond which the answer is 413 (10 MiB of data in base64, with overhead). Own.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 << 20;
/// Bytes of all header fields of a request. Own.
pub const REQUEST_HEADER_BYTES_MAX: u32 = 16 << 10;
/// Concurrent HTTP/2 streams a connection may open. Own.
pub const H2_STREAMS_MAX: u32 = 256;
/// Bytes an HTTP/2 stream may hold for sending beyond what the peer's window has taken. Own.
pub const H2_SEND_BUFFER_BYTES_MAX: usize = 256 << 10;
/// HTTP/2 receive windows, per stream and per connection. Own.
pub const H2_RECEIVE_WINDOW_BYTES: u32 = 1 << 20;
/// Seconds a connection may take for its TLS handshake, and for its first request's head. Own.
pub const HANDSHAKE_SECS_MAX: u64 = 10;
/// Connections open at once on the data port. Own.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Seconds an HTTP/1.1 connection may sit between requests, and a request's head may take. Longer than the
/// 60 s clients keep a pooled connection for, so that they, not the server, close it. Own.
pub const H1_IDLE_SECS_MAX: u64 = 75;
/// Bytes an HTTP/1.1 connection buffers for writing before it stops taking from its reply. Own.
pub const H1_WRITE_BUFFER_BYTES_MAX: usize = 64 << 10;
/// Bytes of an inbound HTTP/2 frame. Own.
pub const H2_FRAME_BYTES_MAX: u32 = 16 << 10;
/// Bytes one HTTP/2 connection gathers before the write that carries them pushes back. Own.
pub const H2_COALESCE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a reply body an HTTP/2 stream takes without waiting for the peer's window. Own.
pub const H2_REPLY_BYTES_AT_ONCE: usize = 16 << 10;
/// Seconds between HTTP/2 keep-alive pings. Own.
pub const H2_PING_SECS: u64 = 20;
/// Seconds after a keep-alive ping within which the peer must have sent something. Own.
pub const H2_PING_ANSWER_SECS_MAX: u64 = 10;
/// Seconds a peer may leave a whole reply standing without taking a byte of it. Own.
pub const REPLY_STALL_SECS_MAX: u64 = 30;
/// Seconds a request body may take whatever its pace; after them it owes [`REQUEST_BODY_BYTES_PER_SEC_MIN`].
/// Own.
pub const REQUEST_BODY_GRACE_SECS: u64 = 10;
/// Bytes per second a request body must bring after its grace period. Own.
pub const REQUEST_BODY_BYTES_PER_SEC_MIN: u64 = 1 << 10;
/// Bytes of request bodies held at once on one port, beyond which the answer is 503. Own.
pub const REQUEST_BODIES_BYTES_MAX: usize = 512 << 20;
/// Seconds a connection's sent bytes may stay unacknowledged by the peer's kernel (`TCP_USER_TIMEOUT`). Own.
pub const UNACKNOWLEDGED_SECS_MAX: u64 = 60;
/// Milliseconds the accept loop rests when the system has no descriptor or memory for a connection. Own.
pub const ACCEPT_REST_MS: u64 = 100;
/// Seconds open connections get to finish at shutdown. Own.
pub const DRAIN_SECS_MAX: u64 = 10;
/// Connections open at once on the admin port. Own.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
