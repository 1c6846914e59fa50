package matrix

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// modes turns a stream into one on demand, with all that only such a stream can have.
func modes(ctx context.Context, b *bench) {
	const name = "matrix-modes"
	stream := b.stream(ctx, name, 2)
	onDemand := &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
	must(b.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{
		StreamARN: &stream, StreamModeDetails: onDemand,
	}))
	summary := b.active(ctx, name)
	equal("mode", summary.StreamModeDetails.StreamMode, types.StreamModeOnDemand)
	equal("strategy", summary.RecordDistributionStrategy, types.RecordDistributionStrategyUserPartitionKey)

	must(b.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{
		StreamARN: &stream, MaxRecordSizeInKiB: aws.Int32(2048),
	}))
	equal("KiB", aws.ToInt32(b.active(ctx, name).MaxRecordSizeInKiB), 2048)
	b.warm(ctx, name, stream)
	b.distribute(ctx, name, stream)
}

// warm commits the account to a minimum, which warm throughput needs.
func (b *bench) warm(ctx context.Context, name, stream string) {
	commit := func(status types.MinimumThroughputBillingCommitmentInputStatus) {
		commitment := &types.MinimumThroughputBillingCommitmentInput{Status: status}
		must(b.UpdateAccountSettings(ctx, &kinesis.UpdateAccountSettingsInput{
			MinimumThroughputBillingCommitment: commitment,
		}))
	}
	committed := func() types.MinimumThroughputBillingCommitmentOutputStatus {
		answer := must(b.DescribeAccountSettings(ctx, &kinesis.DescribeAccountSettingsInput{}))
		return answer.MinimumThroughputBillingCommitment.Status
	}
	commit(types.MinimumThroughputBillingCommitmentInputStatusEnabled)
	equal("commitment", committed(), types.MinimumThroughputBillingCommitmentOutputStatusEnabled)
	answer := must(b.UpdateStreamWarmThroughput(ctx, &kinesis.UpdateStreamWarmThroughputInput{
		StreamARN: &stream, WarmThroughputMiBps: aws.Int32(8),
	}))
	equal("target answered", aws.ToInt32(answer.WarmThroughput.TargetMiBps), 8)
	equal("target seen", aws.ToInt32(b.active(ctx, name).WarmThroughput.TargetMiBps), 8)
	commit(types.MinimumThroughputBillingCommitmentInputStatusDisabled)
	const ending = types.MinimumThroughputBillingCommitmentOutputStatusEnabledUntilEarliestAllowedEnd
	equal("commitment", committed(), ending)
}

// distribute lets the service choose the shard: a key is not needed then.
func (b *bench) distribute(ctx context.Context, name, stream string) {
	must(b.UpdateStreamRecordDistributionStrategy(ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
		StreamARN: &stream, RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
	}))
	equal("strategy", b.active(ctx, name).RecordDistributionStrategy, types.RecordDistributionStrategyAuto)
	put := must(b.PutRecord(ctx, &kinesis.PutRecordInput{StreamARN: &stream, Data: []byte("keyless")}))
	page := b.page(ctx, b.iterator(ctx, name, *put.ShardId, from(types.ShardIteratorTypeTrimHorizon)))
	equal("records", len(page.Records), 1)
	equal("data", string(page.Records[0].Data), "keyless")
	check(page.Records[0].PartitionKey == nil, "a key, where none was put")
}
