//! What can be set of a stream: retention, monitoring, encryption, its mode.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    EncryptionType, MetricsName, MinimumThroughputBillingCommitmentInput as Commitment,
    MinimumThroughputBillingCommitmentInputStatus as Asked,
    MinimumThroughputBillingCommitmentOutputStatus as Told, RecordDistributionStrategy, ShardIteratorType,
    StreamMode, StreamModeDetails,
};
use fanlight_compat_rust_sdk::{Failure, ensure};

use crate::bench::{Bench, from};
use crate::check::{Attempts, equal, refused};

/// Goes up and down; what is out of order is refused.
pub async fn retention(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-retention";
    bench.stream(name, 1).await?;
    let increase = |hours| {
        bench.kinesis.increase_stream_retention_period().stream_name(name).retention_period_hours(hours)
    };
    let decrease = |hours| {
        bench.kinesis.decrease_stream_retention_period().stream_name(name).retention_period_hours(hours)
    };
    increase(48).send().await?;
    equal("hours", bench.active(name).await?.retention_period_hours, 48)?;
    let attempts = Attempts::default();
    let shorter = increase(24).customize().interceptor(attempts.clone()).send().await;
    refused("an increase to 24", shorter, |it| it.is_invalid_argument_exception())?;
    equal("attempts", attempts.take(), 1)?;
    refused("a decrease to 72", decrease(72).send().await, |it| it.is_invalid_argument_exception())?;
    equal("hours", bench.active(name).await?.retention_period_hours, 48)?;
    decrease(24).send().await?;
    equal("hours", bench.active(name).await?.retention_period_hours, 24)
}

/// Metrics of shards are switched on and off; both answers tell what was and what is.
pub async fn monitoring(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-monitoring";
    bench.stream(name, 1).await?;
    let (one, other) = (MetricsName::IncomingBytes, MetricsName::OutgoingRecords);
    let seen = || async {
        let monitored = bench.active(name).await?.enhanced_monitoring;
        Ok::<_, Failure>(sorted(monitored.first().ok_or("no metrics")?.shard_level_metrics()))
    };
    let on = bench.kinesis.enable_enhanced_monitoring().stream_name(name);
    let on = on.shard_level_metrics(one.clone()).shard_level_metrics(other.clone()).send().await?;
    equal("before", sorted(on.current_shard_level_metrics()), vec![])?;
    equal("after", sorted(on.desired_shard_level_metrics()), vec![one.clone(), other.clone()])?;
    equal("seen", seen().await?, vec![one.clone(), other.clone()])?;
    let off = bench.kinesis.disable_enhanced_monitoring().stream_name(name);
    let off = off.shard_level_metrics(one.clone()).send().await?;
    equal("before", sorted(off.current_shard_level_metrics()), vec![one, other.clone()])?;
    equal("after", sorted(off.desired_shard_level_metrics()), vec![other.clone()])?;
    equal("seen", seen().await?, vec![other])
}

fn sorted(names: &[MetricsName]) -> Vec<MetricsName> {
    let mut names = names.to_vec();
    names.sort();
    names
}

/// Marks what is put while it is on.
pub async fn encryption(bench: &Bench) -> Result<(), Failure> {
    let (name, key) = ("matrix-encryption", "alias/aws/kinesis");
    bench.stream(name, 1).await?;
    let start = bench.kinesis.start_stream_encryption().stream_name(name).key_id(key);
    start.encryption_type(EncryptionType::Kms).send().await?;
    let on = bench.active(name).await?;
    equal("type", on.encryption_type, Some(EncryptionType::Kms))?;
    equal("key", on.key_id.as_deref(), Some(key))?;
    let call = bench.kinesis.put_record().stream_name(name).partition_key("k").data(Blob::new("encrypted"));
    let put = call.send().await?;
    equal("put", put.encryption_type, Some(EncryptionType::Kms))?;

    let stop = bench.kinesis.stop_stream_encryption().stream_name(name).key_id(key);
    stop.encryption_type(EncryptionType::Kms).send().await?;
    let plain = |it: Option<EncryptionType>| it.is_none_or(|it| it == EncryptionType::None);
    ensure!(plain(bench.active(name).await?.encryption_type), "it is still on");
    bench.put(name, "plain").await?;
    let horizon = from(ShardIteratorType::TrimHorizon);
    let page = bench.page(&bench.iterator(name, &put.shard_id, &horizon).await?).await?;
    equal("records", page.records.len(), 2)?;
    equal("first", page.records[0].encryption_type.clone(), Some(EncryptionType::Kms))?;
    equal("first's data", page.records[0].data.as_ref(), b"encrypted")?;
    ensure!(plain(page.records[1].encryption_type.clone()), "the second is {:?}", page.records[1]);
    Ok(())
}

/// Turns a stream into one on demand, with all that only such a stream can have.
pub async fn modes(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-modes";
    let stream = bench.stream(name, 2).await?;
    let on_demand = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build()?;
    let call = bench.kinesis.update_stream_mode().stream_arn(&stream);
    call.stream_mode_details(on_demand.clone()).send().await?;
    let summary = bench.active(name).await?;
    equal("mode", summary.stream_mode_details, Some(on_demand))?;
    let by_key = RecordDistributionStrategy::UserPartitionKey;
    equal("strategy", summary.record_distribution_strategy, Some(by_key))?;

    bench.kinesis.update_max_record_size().stream_arn(&stream).max_record_size_in_kib(2048).send().await?;
    equal("KiB", bench.active(name).await?.max_record_size_in_kib, Some(2048))?;
    warm(bench, name, &stream).await?;
    distribute(bench, name, &stream).await
}

/// Commits the account to a minimum, which warm throughput needs.
async fn warm(bench: &Bench, name: &str, stream: &str) -> Result<(), Failure> {
    let commit = |status| async {
        let commitment = Commitment::builder().status(status).build()?;
        let call = bench.kinesis.update_account_settings();
        call.minimum_throughput_billing_commitment(commitment).send().await?;
        let settings = bench.kinesis.describe_account_settings().send().await?;
        Ok::<_, Failure>(settings.minimum_throughput_billing_commitment.map(|it| it.status))
    };
    equal("commitment", commit(Asked::Enabled).await?, Some(Told::Enabled))?;
    let call = bench.kinesis.update_stream_warm_throughput().stream_arn(stream).warm_throughput_mibps(8);
    let answer = call.send().await?;
    equal("target answered", answer.warm_throughput.and_then(|it| it.target_mibps), Some(8))?;
    let seen = bench.active(name).await?.warm_throughput;
    equal("target seen", seen.and_then(|it| it.target_mibps), Some(8))?;
    equal("commitment", commit(Asked::Disabled).await?, Some(Told::EnabledUntilEarliestAllowedEnd))
}

/// Lets the service choose the shard: a key is not needed then.
async fn distribute(bench: &Bench, name: &str, stream: &str) -> Result<(), Failure> {
    let auto = RecordDistributionStrategy::Auto;
    let call = bench.kinesis.update_stream_record_distribution_strategy().stream_arn(stream);
    call.record_distribution_strategy(auto.clone()).send().await?;
    equal("strategy", bench.active(name).await?.record_distribution_strategy, Some(auto))?;
    let put = bench.kinesis.put_record().stream_arn(stream).data(Blob::new("keyless")).send().await?;
    let horizon = from(ShardIteratorType::TrimHorizon);
    let page = bench.page(&bench.iterator(name, &put.shard_id, &horizon).await?).await?;
    equal("records", page.records.len(), 1)?;
    equal("data", page.records[0].data.as_ref(), b"keyless")?;
    equal("key", page.records[0].partition_key(), None::<&str>)
}
