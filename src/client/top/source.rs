//! Where the board's numbers come from: the admin port's metrics, and what the API says of the streams.

use http::{Request, Uri};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::limits::TOP_STREAMS_ASKED_MAX;

use super::super::TopArgs;
use super::super::failure::{Failure, Outcome};
use super::super::kinesis::{Kinesis, parse_endpoint};
use super::super::transport::Transport;
use super::board::Described;
use super::exposition::Scrape;

/// A server to look at.
pub(super) struct Source {
    metrics: Uri,
    admin: Transport,
    kinesis: Kinesis,
}

impl Source {
    pub(super) fn new(args: &TopArgs) -> Outcome<Self> {
        let mut parts = parse_endpoint("--admin", &args.admin)?.into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/metrics"));
        let metrics = Uri::from_parts(parts).map_err(|_| Failure::Usage("--admin is no URL".into()))?;
        Ok(Self { metrics, admin: Transport::new(&args.connect)?, kinesis: Kinesis::new(&args.connect)? })
    }

    /// One look at the metrics.
    pub(super) async fn look(&self) -> Outcome<Scrape> {
        let request = Request::get(self.metrics.clone()).body(Full::default());
        let request = request.map_err(|_| Failure::Usage("--admin is no URL".into()))?;
        let answer = self.admin.exchange(request).await.map_err(of_admin)?;
        let scrape = Scrape::parse(&String::from_utf8_lossy(answer.body()));
        if !answer.status().is_success() || scrape.is_empty() {
            let what = format!("{} has no metrics: it answered {}", self.metrics, answer.status());
            let hint =
                "Is this the data port? The admin port is named in the server's first line, 4568 by default.";
            return Err(Failure::unreachable(what, hint));
        }
        Ok(scrape)
    }

    /// Which streams there are; where the metrics do not tell, of the first few how many shards they have,
    /// too: these calls are rationed, and others need them.
    pub(super) async fn describe(&self, asks_shards: bool) -> Outcome<Vec<Described>> {
        let names = self.kinesis.pages("ListStreams", json!({"Limit": 1000}), "StreamSummaries").await?;
        let mut described = Vec::with_capacity(names.len());
        for (index, stream) in names.iter().enumerate() {
            let text = |name: &str| stream[name].as_str().unwrap_or("-").to_owned();
            let name = text("StreamName");
            let shards =
                if asks_shards && index < TOP_STREAMS_ASKED_MAX { self.shards(&name).await } else { None };
            described.push(Described { name, status: text("StreamStatus"), shards });
        }
        Ok(described)
    }

    async fn shards(&self, name: &str) -> Option<u64> {
        let input = json!({"StreamName": name});
        let output = self.kinesis.call("DescribeStreamSummary", &input).await.ok()?;
        let summary: &Value = &output["StreamDescriptionSummary"];
        summary["OpenShardCount"].as_u64()
    }
}

/// The advice for the data port's flag is not the one for the admin port's.
fn of_admin(failure: Failure) -> Failure {
    match failure {
        Failure::Unreachable { what, .. } => {
            let hint = "Is a server running there? Its admin address is named in its first line; say it with --admin.";
            Failure::unreachable(what, hint)
        }
        other => other,
    }
}
