//! The layers of the proof that run the log engine on a simulated disk, for `sim`, which wants them to find
//! nothing, and `seeded`, which wants them to find what was put in.

pub(crate) mod decay;
pub(crate) mod faults;
pub(crate) mod lanes;
pub(crate) mod model;
pub(crate) mod place;
pub(crate) mod reopen;
pub(crate) mod scenarios;
pub(crate) mod schedule;
pub(crate) mod world;
