//! How many shards a stream on demand has, and where their borders lie: told of every write, it says once a
//! second what to split and what to merge. Pure integer arithmetic; knows neither catalog nor timers.

mod history;
mod load;
mod scaler;
mod settings;
mod spread;

#[cfg(test)]
mod tests;

pub use load::Rate;
pub use scaler::{Action, OpenShard, Plan, Scaler, StreamView};
pub use settings::Settings;
