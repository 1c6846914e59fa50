//! The console on the admin address, from outside: what it answers and whom, and how it looks and behaves
//! in a browser.

// Tests live outside the server's rooms: the system's files and clock are theirs to use.
#![allow(clippy::disallowed_methods)]

mod support;

#[path = "console/answers.rs"]
mod answers;
#[path = "console/browser.rs"]
mod browser;
#[path = "console/events.rs"]
mod events;
#[path = "console/load.rs"]
mod load;
#[path = "console/safety.rs"]
mod safety;
