package matrix

import (
	"context"
	"crypto/md5"
	"fmt"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// entriesMax of one PutRecords.
const entriesMax = 500

// put puts records alone and 500 at a time; each has to land in the shard its key's MD5 says.
func put(ctx context.Context, b *bench) {
	const name = "matrix-put"
	b.stream(ctx, name, 4)
	shards := b.listed(ctx, name, nil)
	equal("shards", len(shards), 4)

	_, shard := b.put(ctx, name, "alone")
	equal("shard of a key", shard, predicted(shards, "alone"))
	last := shards[3]
	explicit := must(b.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: aws.String(name), PartitionKey: aws.String("a"), Data: []byte("explicit"),
		ExplicitHashKey: last.HashKeyRange.EndingHashKey,
	}))
	check(predicted(shards, "a") != *last.ShardId, "the key alone would do")
	equal("shard of a hash key", *explicit.ShardId, *last.ShardId)
	b.putInOrder(ctx, name)
	b.putMany(ctx, name, shards)
}

// putInOrder chains puts by SequenceNumberForOrdering.
func (b *bench) putInOrder(ctx context.Context, name string) {
	var previous *string
	for i := range 5 {
		answer := must(b.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &name, PartitionKey: aws.String("ordered"), Data: []byte{byte(i)},
			SequenceNumberForOrdering: previous,
		}))
		grows := previous == nil || number(answer.SequenceNumber).Cmp(number(previous)) > 0
		check(grows, "%s after %s", aws.ToString(answer.SequenceNumber), aws.ToString(previous))
		previous = answer.SequenceNumber
	}
}

func (b *bench) putMany(ctx context.Context, name string, shards []types.Shard) {
	entries := make([]types.PutRecordsRequestEntry, entriesMax)
	for i := range entries {
		key := fmt.Sprintf("key %d", i)
		entries[i] = types.PutRecordsRequestEntry{PartitionKey: &key, Data: []byte(key)}
	}
	answer := must(b.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &name, Records: entries}))
	equal("failed", aws.ToInt32(answer.FailedRecordCount), 0)
	equal("results", len(answer.Records), entriesMax)
	used := map[string]bool{}
	for i, each := range answer.Records {
		accepted := each.SequenceNumber != nil && each.ErrorCode == nil
		check(accepted, "entry %d: %s", i, aws.ToString(each.ErrorCode))
		key := *entries[i].PartitionKey
		equal("shard of "+key, aws.ToString(each.ShardId), predicted(shards, key))
		used[*each.ShardId] = true
	}
	equal("shards used", len(used), len(shards))
}

// predicted answers the shard whose hash range a key falls into.
func predicted(shards []types.Shard, key string) string {
	sum := md5.Sum([]byte(key))
	hash := new(big.Int).SetBytes(sum[:])
	for _, each := range shards {
		first, last := number(each.HashKeyRange.StartingHashKey), number(each.HashKeyRange.EndingHashKey)
		if hash.Cmp(first) >= 0 && hash.Cmp(last) <= 0 {
			return *each.ShardId
		}
	}
	panic(failure{fmt.Errorf("no shard takes %v", hash)})
}

// get reads what was put from all five positions.
func get(ctx context.Context, b *bench) {
	const name = "matrix-get"
	b.stream(ctx, name, 1)
	began := time.Now()
	shard := b.listed(ctx, name, nil)[0]
	tip := b.iterator(ctx, name, *shard.ShardId, from(types.ShardIteratorTypeLatest))
	put := b.putSpread(ctx, name, 5)

	all := b.page(ctx, b.iterator(ctx, name, *shard.ShardId, from(types.ShardIteratorTypeTrimHorizon)))
	equalLists("TRIM_HORIZON", taken(all.Records), put)
	for _, each := range all.Records {
		arrived := aws.ToTime(each.ApproximateArrivalTimestamp)
		within := arrived.After(began.Add(-time.Second)) && arrived.Before(time.Now().Add(time.Second))
		check(within, "arrived at %v, put after %v", arrived, began)
	}
	equalLists("LATEST of before", taken(b.page(ctx, tip).Records), put)
	for _, each := range positions(all.Records) {
		answer := b.page(ctx, b.iterator(ctx, name, *shard.ShardId, each.at))
		equalLists(string(each.at.Type), taken(answer.Records), put[each.skipped:])
		equal("behind", aws.ToInt64(answer.MillisBehindLatest), 0)
		check(answer.NextShardIterator != nil && answer.ChildShards == nil, "an open shard ends")
	}
	b.limited(ctx, name, *shard.ShardId, put)
}

// putSpread puts records whose times of arrival differ.
func (b *bench) putSpread(ctx context.Context, stream string, count int) (put []record) {
	for i := range count {
		pause(ctx, 20*time.Millisecond)
		each, _ := b.put(ctx, stream, fmt.Sprintf("record %d", i))
		put = append(put, each)
	}
	return put
}

// limited reads two at a time to the tip, where a page is empty and nothing is behind.
func (b *bench) limited(ctx context.Context, stream, shard string, put []record) {
	var got []record
	next := b.iterator(ctx, stream, shard, from(types.ShardIteratorTypeTrimHorizon))
	for got == nil || len(got) < len(put) {
		page := must(b.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(2)}))
		equal("of two", len(page.Records), min(2, len(put)-len(got)))
		got, next = append(got, taken(page.Records)...), page.NextShardIterator
	}
	equalLists("two at a time", got, put)
	page := b.page(ctx, next)
	equal("at the tip", len(page.Records), 0)
	equal("behind", aws.ToInt64(page.MillisBehindLatest), 0)
}

// position is where to start and how many of the records put it skips.
type position struct {
	at      *types.StartingPosition
	skipped int
}

// positions are the five, around the third of the records that were read.
func positions(read []types.Record) []position {
	third := read[2]
	at := &types.StartingPosition{
		Type: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: third.SequenceNumber,
	}
	since := &types.StartingPosition{
		Type: types.ShardIteratorTypeAtTimestamp, Timestamp: third.ApproximateArrivalTimestamp,
	}
	return []position{
		{from(types.ShardIteratorTypeTrimHorizon), 0},
		{from(types.ShardIteratorTypeLatest), len(read)},
		{at, 2},
		{after(third.SequenceNumber), 3},
		{since, 2},
	}
}

// after is the position behind a sequence number.
func after(sequence *string) *types.StartingPosition {
	return &types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: sequence}
}
