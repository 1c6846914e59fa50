//! Tests of the parts: the books of a connection told frames, the outbox on a pipe.

mod outbox;
mod streams;
