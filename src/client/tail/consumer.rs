//! The consumer a followed stream is pushed to: one that stays, or one for the time being.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::limits::TAIL_DEREGISTER_SECS_MAX;

use super::super::failure::{Failure, Outcome};
use super::super::kinesis::Kinesis;

/// How consumers for the time being are called, so that those left behind are known.
const PREFIX: &str = "fanlight-tail-";
/// Between two looks whether it is active.
const POLL: Duration = Duration::from_millis(60);

/// A registered consumer.
pub(super) struct Consumer {
    /// What subscriptions name.
    pub(super) arn: String,
    name: String,
    stays: bool,
}

impl Consumer {
    /// Registers one of this name, or takes the one that is there; without a name, one for the time being.
    pub(super) async fn register(kinesis: &Kinesis, stream: &Value, name: Option<&str>) -> Outcome<Self> {
        let (stream_arn, stays) = (&stream["StreamARN"], name.is_some());
        let name = name.map_or_else(|| format!("{PREFIX}{:08x}", fastrand::u32(..)), str::to_owned);
        let input = json!({"StreamARN": stream_arn, "ConsumerName": name});
        match kinesis.call_patiently("RegisterStreamConsumer", &input).await {
            Ok(_) => {}
            Err(failure) if stays && failure.code() == Some("ResourceInUseException") => {}
            Err(failure) if failure.code() == Some("LimitExceededException") => {
                return Err(too_many(kinesis, stream, failure).await);
            }
            Err(failure) => return Err(failure),
        }
        let arn = active(kinesis, &input).await?;
        Ok(Self { arn, name, stays })
    }

    /// Deregisters it, unless it stays. Takes a bounded while, and says what is left to do if that is not
    /// enough.
    pub(super) async fn leave(self, kinesis: &Kinesis, stream: &str) {
        if self.stays {
            return;
        }
        let input = json!({"ConsumerARN": self.arn});
        let asked = kinesis.call_patiently("DeregisterStreamConsumer", &input);
        let outcome = timeout(Duration::from_secs(TAIL_DEREGISTER_SECS_MAX), asked).await;
        let is_gone = match &outcome {
            Ok(Ok(_)) => true,
            // The stream is gone, and it with it.
            Ok(Err(failure)) => failure.code() == Some("ResourceNotFoundException"),
            Err(_) => false,
        };
        if !is_gone {
            let name = &self.name;
            eprintln!(
                "fanlight: the consumer {name} is left; `fanlight streams deregister {stream} {name}` ends it"
            );
        }
    }
}

async fn active(kinesis: &Kinesis, input: &Value) -> Outcome<String> {
    loop {
        let mut output = kinesis.call_patiently("DescribeStreamConsumer", input).await?;
        let mut consumer = output["ConsumerDescription"].take();
        if consumer["ConsumerStatus"] == "ACTIVE"
            && let Value::String(arn) = consumer["ConsumerARN"].take()
        {
            return Ok(arn);
        }
        sleep(POLL).await;
    }
}

async fn too_many(kinesis: &Kinesis, stream: &Value, failure: Failure) -> Failure {
    let input = json!({"StreamARN": stream["StreamARN"]});
    let consumers = kinesis.pages("ListStreamConsumers", input, "Consumers").await.unwrap_or_default();
    let left =
        consumers.iter().filter_map(|it| it["ConsumerName"].as_str()).find(|it| it.starts_with(PREFIX));
    let name = stream["StreamName"].as_str().unwrap_or_default();
    failure.advised(|| {
        let pull = "Use --pull, which needs no consumer, or --consumer NAME with one that is there.";
        let left = left.map(|left| {
            format!(
                " If no other `fanlight tail` runs, {left} was left behind: `fanlight streams deregister {name} \
                 {left}` makes room."
            )
        });
        Some(pull.to_owned() + &left.unwrap_or_default())
    })
}
