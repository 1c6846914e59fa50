//! Tags by both families of operations, and resource policies.

use aws_sdk_kinesis::types::Tag;
use fanlight_compat_rust_sdk::Failure;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::check::equal;

pub async fn tags(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-tags";
    let stream = bench.stream(name, 1).await?;
    let add = bench.kinesis.add_tags_to_stream().stream_name(name);
    add.tags("a", "1").tags("b", "2").tags("c", "").send().await?;
    let list = || bench.kinesis.list_tags_for_stream().stream_name(name).limit(2);
    let first = list().send().await?;
    equal("first page", pairs(first.tags()), vec!["a=1", "b=2"])?;
    equal("more", first.has_more_tags, true)?;
    let second = list().exclusive_start_tag_key("b").send().await?;
    equal("second page", pairs(second.tags()), vec!["c="])?;
    equal("more", second.has_more_tags, false)?;
    bench.kinesis.remove_tags_from_stream().stream_name(name).tag_keys("b").send().await?;

    let tag = bench.kinesis.tag_resource().resource_arn(&stream);
    tag.tags("d", "4").tags("a", "one").send().await?;
    let listed = || async {
        let answer = bench.kinesis.list_tags_for_resource().resource_arn(&stream).send().await?;
        Ok::<_, Failure>(pairs(answer.tags()))
    };
    equal("of the resource", listed().await?, vec!["a=one", "c=", "d=4"])?;
    bench.kinesis.untag_resource().resource_arn(&stream).tag_keys("a").tag_keys("d").send().await?;
    equal("of the resource", listed().await?, vec!["c="])
}

/// Tags as text, by key.
fn pairs(tags: &[Tag]) -> Vec<String> {
    let mut pairs: Vec<_> =
        tags.iter().map(|it| format!("{}={}", it.key(), it.value().unwrap_or_default())).collect();
    pairs.sort();
    pairs
}

pub async fn policies(bench: &Bench) -> Result<(), Failure> {
    let stream = bench.stream("matrix-policies", 1).await?;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Readers", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": ["kinesis:GetRecords", "kinesis:ListShards"], "Resource": stream,
        }],
    });
    let given = || async {
        let answer = bench.kinesis.get_resource_policy().resource_arn(&stream).send().await?;
        Ok::<Value, Failure>(serde_json::from_str(answer.policy())?)
    };
    let put = bench.kinesis.put_resource_policy().resource_arn(&stream);
    put.policy(policy.to_string()).send().await?;
    equal("given back", given().await?, policy)?;
    bench.kinesis.delete_resource_policy().resource_arn(&stream).send().await?;
    equal("after its end", given().await?, json!({}))
}
