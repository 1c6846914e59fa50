package matrix

import (
	"context"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	pollEvery = 100 * time.Millisecond
	pollsMax  = 150
)

// record is what a record must be when it comes back.
type record struct{ sequence, key, data string }

// until polls until done, bounded.
func until(ctx context.Context, what string, done func() bool) {
	for range pollsMax {
		if done() {
			return
		}
		pause(ctx, pollEvery)
	}
	check(false, "%s: not after %d polls", what, pollsMax)
}

// pause sleeps, and fails the group if its time is up.
func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
		panic(failure{ctx.Err()})
	case <-time.After(length):
	}
}

// stream creates a stream, waits until it is active and answers its ARN.
func (b *bench) stream(ctx context.Context, name string, shards int32) string {
	must(b.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}))
	return *b.active(ctx, name).StreamARN
}

// active waits until a stream is active and answers its summary.
func (b *bench) active(ctx context.Context, name string) (summary *types.StreamDescriptionSummary) {
	until(ctx, name+" active", func() bool {
		summary = b.summary(ctx, name)
		return summary.StreamStatus == types.StreamStatusActive
	})
	return summary
}

func (b *bench) summary(ctx context.Context, name string) *types.StreamDescriptionSummary {
	answer := must(b.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name}))
	return answer.StreamDescriptionSummary
}

// consumer registers a consumer, waits until it is active and answers its ARN.
func (b *bench) consumer(ctx context.Context, streamARN, name string) string {
	registered := must(b.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: &streamARN, ConsumerName: &name,
	}))
	arn := *registered.Consumer.ConsumerARN
	until(ctx, name+" active", func() bool {
		answer := must(b.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: &arn}))
		return answer.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive
	})
	return arn
}

// put puts one record whose key is its data and answers what must come back, and the shard it went to.
func (b *bench) put(ctx context.Context, stream, data string) (record, string) {
	answer := must(b.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: &stream, PartitionKey: &data, Data: []byte(data),
	}))
	return record{*answer.SequenceNumber, data, data}, *answer.ShardId
}

// iterator answers a shard iterator; the position is as for a subscription.
func (b *bench) iterator(ctx context.Context, stream, shard string, at *types.StartingPosition) *string {
	answer := must(b.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: &shard,
		ShardIteratorType: at.Type, StartingSequenceNumber: at.SequenceNumber, Timestamp: at.Timestamp,
	}))
	return answer.ShardIterator
}

// page is one GetRecords.
func (b *bench) page(ctx context.Context, iterator *string) *kinesis.GetRecordsOutput {
	return must(b.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: iterator}))
}

// listed answers a stream's shards, by a filter if there is one.
func (b *bench) listed(ctx context.Context, stream string, filter *types.ShardFilter) []types.Shard {
	answer := must(b.ListShards(ctx, &kinesis.ListShardsInput{StreamName: &stream, ShardFilter: filter}))
	check(answer.NextToken == nil, "a second page of %d shards", len(answer.Shards))
	return answer.Shards
}

// taken turns records of the SDK into those expected.
func taken(records []types.Record) []record {
	plain := make([]record, len(records))
	for i, each := range records {
		sequence, key := aws.ToString(each.SequenceNumber), aws.ToString(each.PartitionKey)
		plain[i] = record{sequence, key, string(each.Data)}
	}
	return plain
}

// from is a starting position without a number or a time.
func from(kind types.ShardIteratorType) *types.StartingPosition {
	return &types.StartingPosition{Type: kind}
}

// number reads a hash key or a sequence number.
func number(text *string) *big.Int {
	value, ok := new(big.Int).SetString(aws.ToString(text), 10)
	check(ok, "%q is no number", aws.ToString(text))
	return value
}
