//! Refusals as the SDK models them, how often it asks again, and what the server is known not to have.

use std::fmt::Debug;

use aws_sdk_kinesis::config::Config;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::types::{ChannelStreamConfiguration, RecordConfiguration, RecordFormatType};
use fanlight_compat_rust_sdk::{Failure, ensure, told};

use crate::bench::Bench;
use crate::check::{Absence, Attempts, equal, refused};

pub async fn errors(bench: &Bench) -> Result<(), Failure> {
    let name = "matrix-errors";
    bench.stream(name, 1).await?;
    let attempts = Attempts::default();
    let describe = |name| {
        let call = bench.kinesis.describe_stream().stream_name(name);
        call.customize().interceptor(attempts.clone()).send()
    };
    let create = |name, shards| bench.kinesis.create_stream().stream_name(name).shard_count(shards);

    refused("an unknown stream", describe("nowhere").await, |it| it.is_resource_not_found_exception())?;
    equal("attempts", attempts.take(), 1)?;
    let twice = create(name, 1).customize().interceptor(attempts.clone()).send().await;
    refused("a stream twice", twice, |it| it.is_resource_in_use_exception())?;
    equal("attempts", attempts.take(), 1)?;
    let foreign = bench.kinesis.get_records().shard_iterator("of another service");
    let foreign = foreign.customize().interceptor(attempts.clone()).send().await;
    refused("a foreign iterator", foreign, |it| it.is_invalid_argument_exception())?;
    equal("attempts", attempts.take(), 1)?;
    // The model has no ValidationException for this operation: the SDK tells its code.
    let validation = |code: Option<&str>| code == Some("ValidationException");
    refused("a space", describe("with a space").await, |it| validation(it.code()))?;
    equal("attempts", attempts.take(), 1)?;

    let limits = bench.kinesis.describe_limits().send().await?;
    let beyond = limits.shard_limit - limits.open_shard_count + 1;
    // The SDK takes every LimitExceededException for a throttle and asks again; twice will do here.
    let retries = Config::builder().retry_config(RetryConfig::standard().with_max_attempts(2));
    let many = create("matrix-errors-many", beyond).customize().config_override(retries);
    let many = many.interceptor(attempts.clone()).send().await;
    refused("too many shards", many, |it| it.is_limit_exceeded_exception())?;
    equal("attempts", attempts.take(), 2)
}

/// Asks for what the server is known not to have yet; anything else than that very answer fails. This SDK has
/// no operations of queues.
pub async fn queues_and_channels(bench: &Bench) -> Result<(), Failure> {
    let channel = "arn:aws:kinesis:us-east-1:000000000000:channel/matrix";
    let kinesis = &bench.kinesis;
    let format = RecordConfiguration::builder().record_format_type(RecordFormatType::Json).build()?;
    let source = ChannelStreamConfiguration::builder().record_configuration(format);
    let source = source.stream_arn("arn:aws:kinesis:us-east-1:000000000000:stream/matrix").build()?;
    let create = kinesis.create_channel().channel_name("matrix").stream_configuration_list(source);
    let create = create.service_execution_role_arn("arn:aws:iam::000000000000:role/matrix");
    not_built("CreateChannel", create.send().await)?;
    not_built("DescribeChannel", kinesis.describe_channel().channel_arn(channel).send().await)?;
    not_built("ListChannels", kinesis.list_channels().send().await)?;
    not_built("UpdateChannel", kinesis.update_channel().channel_arn(channel).send().await)?;
    not_built("DeleteChannel", kinesis.delete_channel().channel_arn(channel).send().await)?;
    Err(Absence("not built yet: answered InvalidArgumentException").into())
}

fn not_built<T, E, R>(operation: &str, result: Result<T, SdkError<E, R>>) -> Result<(), Failure>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    let Err(error) = result else { return Err(format!("{operation} is answered").into()) };
    let text = format!("{operation} is not supported by this server yet.");
    let known = error
        .as_service_error()
        .is_some_and(|it| it.code() == Some("InvalidArgumentException") && it.message() == Some(&text));
    ensure!(known, "{operation}: {}", told(&error));
    Ok(())
}
