//! The real binary under attack: killed while it writes, fed nonsense, read by clients that stall, held to its
//! quotas, restarted. What is asked here is what a user would ask; the clients speak plain HTTP.

mod support;

#[path = "serve/bad_input.rs"]
mod bad_input;
#[path = "serve/kill.rs"]
mod kill;
#[path = "serve/kill_load.rs"]
mod kill_load;
