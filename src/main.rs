//! The `fanlight` binary.
fn main() {}
