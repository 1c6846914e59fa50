package matrix

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// retention goes up and down; what is out of order is refused.
func retention(ctx context.Context, b *bench) {
	name := aws.String("matrix-retention")
	b.stream(ctx, *name, 1)
	hours := func() int32 { return *b.active(ctx, *name).RetentionPeriodHours }
	must(b.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
		StreamName: name, RetentionPeriodHours: aws.Int32(48),
	}))
	equal("hours", hours(), 48)
	var attempts int
	refused[*types.InvalidArgumentException](b.IncreaseStreamRetentionPeriod(ctx,
		&kinesis.IncreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(24)},
		counting(&attempts)))
	equal("attempts", attempts, 1)
	refused[*types.InvalidArgumentException](b.DecreaseStreamRetentionPeriod(ctx,
		&kinesis.DecreaseStreamRetentionPeriodInput{StreamName: name, RetentionPeriodHours: aws.Int32(72)}))
	equal("hours", hours(), 48)
	must(b.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
		StreamName: name, RetentionPeriodHours: aws.Int32(24),
	}))
	equal("hours", hours(), 24)
}

// monitoring switches metrics of shards on and off; both answers tell what was and what is.
func monitoring(ctx context.Context, b *bench) {
	name := aws.String("matrix-monitoring")
	b.stream(ctx, *name, 1)
	in, out := types.MetricsNameIncomingBytes, types.MetricsNameOutgoingRecords
	on := must(b.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{
		StreamName: name, ShardLevelMetrics: []types.MetricsName{in, out},
	}))
	equalLists("before", on.CurrentShardLevelMetrics, nil)
	equalLists("after", sorted(on.DesiredShardLevelMetrics), []types.MetricsName{in, out})
	seen := func() []types.MetricsName {
		return sorted(b.active(ctx, *name).EnhancedMonitoring[0].ShardLevelMetrics)
	}
	equalLists("seen", seen(), []types.MetricsName{in, out})
	off := must(b.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{
		StreamName: name, ShardLevelMetrics: []types.MetricsName{in},
	}))
	equalLists("before", sorted(off.CurrentShardLevelMetrics), []types.MetricsName{in, out})
	equalLists("after", off.DesiredShardLevelMetrics, []types.MetricsName{out})
	equalLists("seen", seen(), []types.MetricsName{out})
}

func sorted(names []types.MetricsName) []types.MetricsName {
	return slices.Sorted(slices.Values(names))
}

// encryption marks what is put while it is on.
func encryption(ctx context.Context, b *bench) {
	name, key := aws.String("matrix-encryption"), aws.String("alias/aws/kinesis")
	b.stream(ctx, *name, 1)
	shard := *b.listed(ctx, *name, nil)[0].ShardId
	must(b.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{
		StreamName: name, EncryptionType: types.EncryptionTypeKms, KeyId: key,
	}))
	on := b.active(ctx, *name)
	equal("type", on.EncryptionType, types.EncryptionTypeKms)
	equal("key", aws.ToString(on.KeyId), *key)
	put := must(b.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: name, PartitionKey: aws.String("k"), Data: []byte("encrypted"),
	}))
	equal("put", put.EncryptionType, types.EncryptionTypeKms)

	must(b.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{
		StreamName: name, EncryptionType: types.EncryptionTypeKms, KeyId: key,
	}))
	check(plain(b.active(ctx, *name).EncryptionType), "it is still on")
	b.put(ctx, *name, "plain")
	page := b.page(ctx, b.iterator(ctx, *name, shard, from(types.ShardIteratorTypeTrimHorizon)))
	equal("records", len(page.Records), 2)
	equal("first", page.Records[0].EncryptionType, types.EncryptionTypeKms)
	equal("first's data", string(page.Records[0].Data), "encrypted")
	check(plain(page.Records[1].EncryptionType), "the second is %s", page.Records[1].EncryptionType)
}

// plain says whether a type means no encryption; it may be left out.
func plain(kind types.EncryptionType) bool {
	return kind == "" || kind == types.EncryptionTypeNone
}
