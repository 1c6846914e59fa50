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
