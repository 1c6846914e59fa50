//! A record put by hand: through the operation itself, so that it is checked, throttled and counted like any.

use http::request::Parts;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::desk::Ask;
use super::reply::{Failure, Unanswered, with_body};
use super::{Body, Console, gate, query};

/// What `POST put` takes.
#[derive(Deserialize)]
struct Put {
    #[serde(default)]
    account: String,
    stream: String,
    key: String,
    #[serde(default)]
    hash_key: String,
    data: String,
    /// The data is in base64, else it is text.
    #[serde(default)]
    base64: bool,
}

/// Puts it; answers as the service does.
pub(super) async fn put(console: &Console, head: &Parts, body: &[u8]) -> Result<Response<Body>, Failure> {
    console.require_full()?;
    gate::require_json(head)?;
    let put: Put = serde_json::from_slice(body).map_err(|error| {
        let text = format!("not {{account, stream, key, hash_key, data, base64}}: {error}");
        Failure(StatusCode::BAD_REQUEST, "BadRequest", text)
    })?;
    let (account, input) = (put.account()?, put.input());
    let (reply, answer) = oneshot::channel();
    console.ask(Ask::Put { account, input, reply })?;
    match answer.await.map_err(|_| Unanswered)? {
        Ok(output) => Ok(with_body(StatusCode::OK, "application/json", output)),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            Err(Failure(status, error.code, error.message.unwrap_or_default()))
        }
    }
}

impl Put {
    fn account(&self) -> Result<Option<String>, Failure> {
        Ok(query::account(&self.account)?.map(str::to_owned))
    }

    /// The input of `PutRecord`.
    fn input(&self) -> Vec<u8> {
        let data = match self.base64 {
            true => self.data.clone(),
            false => base64_simd::STANDARD.encode_to_string(self.data.as_bytes()),
        };
        let mut input = json!({"StreamName": self.stream, "PartitionKey": self.key, "Data": data});
        if !self.hash_key.is_empty() {
            input["ExplicitHashKey"] = json!(self.hash_key);
        }
        input.to_string().into_bytes()
    }
}
