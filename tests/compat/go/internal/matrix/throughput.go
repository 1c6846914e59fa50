package matrix

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	kib, mib = 1 << 10, 1 << 20
	// throttled is what the service calls too much, in entries' results, too.
	throttled = "ProvisionedThroughputExceededException"
	// refillMax bounds how long a shard takes to have room for ten MiB again, at one a second.
	refillMax = 25 * time.Second
)

// throttles puts more into a shard than it takes in a second.
func throttles(ctx context.Context, b *bench) {
	name := aws.String("matrix-throttles")
	b.stream(ctx, *name, 1)
	// Large entries first, small ones for what room those leave: nothing is left for the put that follows.
	var entries []types.PutRecordsRequestEntry
	for _, size := range []struct{ count, bytes int }{{24, 64 * kib}, {100, kib}} {
		for range size.count {
			data := make([]byte, size.bytes)
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), Data: data})
		}
	}
	answer := must(b.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: name, Records: entries}))
	var attempts int
	one := must(b.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: name, PartitionKey: aws.String("k"), Data: make([]byte, 960*kib),
	}, counting(&attempts)))

	accepted, refusals := 0, 0
	for i, each := range answer.Records {
		if each.ErrorCode == nil {
			check(each.SequenceNumber != nil, "entry %d: neither a number nor an error", i)
			accepted += len(entries[i].Data)
			continue
		}
		equal("code", *each.ErrorCode, throttled)
		check(aws.ToString(each.ErrorMessage) != "" && each.SequenceNumber == nil, "entry %d: %+v", i, each)
		refusals++
	}
	equal("failed", aws.ToInt32(answer.FailedRecordCount), int32(refusals))
	check(refusals > 0 && accepted > mib/2, "%d refused, %d bytes accepted", refusals, accepted)
	check(accepted <= mib+256*kib, "%d bytes accepted at once", accepted)
	check(attempts >= 2 && one.SequenceNumber != nil, "accepted at attempt %d", attempts)
}

// large puts records as large as a stream allows and reads them both ways; then again ten times as large.
func large(ctx context.Context, b *bench) {
	const name = "matrix-large"
	stream := b.stream(ctx, name, 1)
	consumer := b.consumer(ctx, stream, "large")
	shard := *b.listed(ctx, name, nil)[0].ShardId
	it := b.subscribe(ctx, consumer, shard, from(types.ShardIteratorTypeTrimHorizon))
	for _, size := range []int{mib, 10 * mib} {
		if size > mib {
			must(b.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{
				StreamARN: &stream, MaxRecordSizeInKiB: aws.Int32(int32(size / kib)),
			}))
			b.active(ctx, name)
		}
		data := noise(size + 1)
		refused[*types.ValidationException](b.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: aws.String(name), PartitionKey: aws.String("k"), Data: data,
		}))
		number := b.putLarge(ctx, name, data[:size])
		it = b.pushed(ctx, it, consumer, shard, number, data[:size])
		at := &types.StartingPosition{Type: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: &number}
		page := b.page(ctx, b.iterator(ctx, name, shard, at))
		equal("records read", len(page.Records), 1)
		check(bytes.Equal(page.Records[0].Data, data[:size]), "%d bytes read differ", size)
	}
	it.close()
}

// noise is data that no byte can be lost from or moved in unnoticed.
func noise(size int) []byte {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// putLarge puts as soon as the shard's throughput allows it.
func (b *bench) putLarge(ctx context.Context, stream string, data []byte) string {
	for began := time.Now(); ; pause(ctx, time.Second) {
		answer, err := b.PutRecord(ctx, &kinesis.PutRecordInput{
			StreamName: &stream, PartitionKey: aws.String("k"), Data: data,
		})
		var full *types.ProvisionedThroughputExceededException
		if errors.As(err, &full) && time.Since(began) < refillMax {
			continue
		}
		return *must(answer, err).SequenceNumber
	}
}

// pushed reads on, across ends of subscriptions, until a record came, which has to be the one put.
func (b *bench) pushed(
	ctx context.Context, it *subscription, consumer, shard, number string, data []byte,
) *subscription {
	for range 10 {
		for {
			some, ok := it.event()
			if !ok {
				break
			}
			if len(some) > 0 {
				equal("records pushed", len(some), 1)
				equal("pushed", some[0].sequence, number)
				check(some[0].data == string(data), "%d bytes pushed differ", len(data))
				return it
			}
		}
		check(it.stream.Err() == nil, "a subscription ended with %v", it.stream.Err())
		it = b.subscribe(ctx, consumer, shard, it.next)
	}
	panic(failure{errNoEnd})
}
