//! The service's model as a contract: every operation's input, output and errors as botocore publishes them,
//! and what the service was seen to say, held against this server. Cases are made from the model, not by
//! hand.
//!
//! Without Python, with which the model is installed, these tests are reported as *not run*, and fail in CI.

mod support;

#[path = "contract/accepted.rs"]
mod accepted;
#[allow(dead_code)]
#[path = "compat/cbor_value.rs"]
mod cbor_value;
#[path = "contract/dice.rs"]
mod dice;
#[path = "contract/encoding.rs"]
mod encoding;
#[path = "contract/events.rs"]
mod events;
#[path = "contract/exceptions.rs"]
mod exceptions;
#[path = "contract/model.rs"]
mod model;
#[path = "contract/output.rs"]
mod output;
#[path = "contract/random.rs"]
mod random;
#[path = "contract/reference.rs"]
mod reference;
#[path = "contract/refused.rs"]
mod refused;
#[path = "contract/said.rs"]
mod said;
#[path = "contract/samples.rs"]
mod samples;
#[allow(dead_code)]
#[path = "serve/simulated_server.rs"]
mod simulated_server;
#[path = "contract/steps.rs"]
mod steps;
#[path = "contract/variants.rs"]
mod variants;
#[path = "contract/words.rs"]
mod words;
