package matrix

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// guarded is how long a new subscription cannot be taken over, and a moment.
const guarded = 5100 * time.Millisecond

// takeover subscribes the same consumer to the same shard again: refused at first, later it ends the other.
func takeover(ctx context.Context, b *bench) {
	const name = "matrix-takeover"
	stream := b.stream(ctx, name, 1)
	consumer := b.consumer(ctx, stream, "takeover")
	shard := *b.listed(ctx, name, nil)[0].ShardId
	old := b.subscribe(ctx, consumer, shard, from(types.ShardIteratorTypeLatest))
	defer old.close()
	accepted := time.Now()
	check(b.life > guarded, "subscriptions of %v end by themselves first", b.life)

	// More than a second later, so that the rate of one call a second is not what is met.
	pause(ctx, 1100*time.Millisecond)
	var attempts int
	refused[*types.ResourceInUseException](b.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard, StartingPosition: from(types.ShardIteratorTypeLatest),
	}, counting(&attempts)))
	equal("attempts", attempts, 1)
	first, _ := b.put(ctx, name, "for the old one")
	equalLists("old", old.records(1), []record{first})

	pause(ctx, time.Until(accepted.Add(guarded)))
	taker := b.subscribe(ctx, consumer, shard, from(types.ShardIteratorTypeLatest))
	defer taker.close()
	for ok := true; ok; {
		var some []record
		some, ok = old.event()
		equal("records of the old one at its end", len(some), 0)
	}
	var inUse *types.ResourceInUseException
	check(errors.As(old.stream.Err(), &inUse), "the old one ended with %v", old.stream.Err())
	check(inUse.ErrorMessage() != "", "its exception says nothing")
	second, _ := b.put(ctx, name, "for the new one")
	equalLists("new", taker.records(1), []record{second})
}
