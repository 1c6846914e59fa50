//! What is refused because something goes, or because no more may come?

use serde_json::json;

use crate::refusal::{ACCOUNT, check, server};
use crate::support::kinesis::text;

const STREAM: &str = "s";
const IN_USE: &str = "ResourceInUseException";
/// Shards an account may have open.
const SHARDS_MAX: u32 = 20_000;

#[test]
fn does_anything_take_a_stream_or_a_consumer_that_is_being_removed() {
    let (mut server, kinesis) = server("off");
    let arn = kinesis.create(STREAM, 1);
    let [first, second] = ["first", "second"].map(|name| kinesis.register(&arn, name));
    // What goes stays in DELETING for longer than the calls take.
    server.restart_with(|options| options.extra = vec!["--transition-millis".into(), "10000".into()]);
    let of = |arn: &str| json!({"ConsumerARN": arn});
    kinesis.ok("DeregisterStreamConsumer", &of(&first));
    let created =
        text(&kinesis.ok("DescribeStreamConsumer", &of(&first))["ConsumerDescription"], "ConsumerARN");
    let created = created.rsplit(':').next().unwrap();
    let inactive = format!(
        "Consumer first with creation timestamp {created} under stream {STREAM} and account {ACCOUNT} is not in ACTIVE \
         status."
    );
    check(server.address(), &[("DeregisterStreamConsumer", of(&first), IN_USE, inactive)]);
    kinesis.ok("DeleteStream", &json!({"StreamName": STREAM, "EnforceConsumerDeletion": true}));
    let deleting = format!("Stream {STREAM} under account {ACCOUNT} not ACTIVE, instead in state DELETING");
    let register = json!({"StreamARN": arn, "ConsumerName": "late"});
    let subscribe = json!({"ConsumerARN": second, "ShardId": "0", "StartingPosition": {"Type": "LATEST"}});
    check(
        server.address(),
        &[
            ("RegisterStreamConsumer", register, IN_USE, deleting.clone()),
            ("SubscribeToShard", subscribe, IN_USE, deleting),
        ],
    );
}

#[test]
fn does_a_split_keep_to_the_shards_an_account_may_have() {
    let (server, kinesis) = server("aws");
    kinesis.create(STREAM, SHARDS_MAX);
    let split = json!({"StreamName": STREAM, "ShardToSplit": "0", "NewStartingHashKey": "100"});
    let full = format!(
        "This request would exceed the shard limit for the account {ACCOUNT} in us-east-1. Current shard count for the \
         account: {SHARDS_MAX}. Limit: {SHARDS_MAX}. Number of additional shards that would have resulted from this \
         request: 1. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request \
         higher limits."
    );
    check(server.address(), &[("SplitShard", split, "LimitExceededException", full)]);
}
