package matrix

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	putEvery = 50 * time.Millisecond
	// lifeEarly and lifeLate are how much earlier or later than due a subscription may end, on a loaded machine.
	lifeEarly, lifeLate = time.Second / 2, 5 * time.Second
	// resubscriptions are the ends each subscriber lives through.
	resubscriptions = 2
	lastRecord      = "the last record"
)

// fanOut subscribes from all five positions at once while records are put, each with a consumer of its own,
// across two ends of its subscription. Each has to get exactly what is due to it, in order.
func fanOut(ctx context.Context, b *bench) {
	const name = "matrix-fan-out"
	stream := b.stream(ctx, name, 1)
	shard := *b.listed(ctx, name, nil)[0].ShardId
	put := b.putSpread(ctx, name, 5)
	read := b.page(ctx, b.iterator(ctx, name, shard, from(types.ShardIteratorTypeTrimHorizon)))
	equalLists("put", taken(read.Records), put)

	starts := positions(read.Records)
	running := make([]*subscription, len(starts))
	arns := make([]string, len(starts))
	for i, each := range starts {
		arns[i] = b.consumer(ctx, stream, fmt.Sprintf("fan-out-%d", i))
		running[i] = b.subscribe(ctx, arns[i], shard, each.at)
	}
	var (
		got   = make([][]record, len(starts))
		alive atomic.Int32
		steps = []func(){func() { put = append(put, b.putWhile(ctx, name, &alive)...) }}
	)
	alive.Store(int32(len(starts)))
	for i := range starts {
		steps = append(steps, func() { got[i] = b.follow(ctx, arns[i], shard, running[i], &alive) })
	}
	together(steps...)
	for i, each := range starts {
		equalLists(string(each.at.Type), got[i], put[each.skipped:])
	}
}

// putWhile puts until no subscriber has an end of its subscription before it any more, and one record then.
func (b *bench) putWhile(ctx context.Context, stream string, alive *atomic.Int32) (put []record) {
	for i := 0; alive.Load() > 0; i++ {
		each, _ := b.put(ctx, stream, fmt.Sprintf("while subscribed %d", i))
		put = append(put, each)
		pause(ctx, putEvery)
	}
	last, _ := b.put(ctx, stream, lastRecord)
	return append(put, last)
}

// follow reads subscriptions to their ends, each where the one before stopped, and the last one to the record
// put last.
func (b *bench) follow(
	ctx context.Context, consumer, shard string, it *subscription, alive *atomic.Int32,
) (got []record) {
	// Even if this one fails: the puts are not to go on for ever.
	leave := sync.OnceFunc(func() { alive.Add(-1) })
	defer leave()
	for range resubscriptions {
		got = append(got, it.rest()...)
		lived := time.Since(it.began)
		check(lived > b.life-lifeEarly && lived < b.life+lifeLate, "a subscription of %v ended after %v", b.life, lived)
		pause(ctx, 3*putEvery) // Records are put meanwhile, and due to the next subscription.
		it = b.subscribe(ctx, consumer, shard, it.next)
	}
	leave()
	defer it.close()
	for len(got) == 0 || got[len(got)-1].data != lastRecord {
		got = append(got, it.records(1)...)
	}
	return got
}

// shardEnd is subscribed while its shard is split: to the parent's end, then to both children.
func shardEnd(ctx context.Context, b *bench) {
	const name = "matrix-shard-end"
	stream := b.stream(ctx, name, 1)
	consumer := b.consumer(ctx, stream, "shard-end")
	parent := b.listed(ctx, name, nil)[0]
	it := b.subscribe(ctx, consumer, *parent.ShardId, from(types.ShardIteratorTypeTrimHorizon))
	put := map[string][]record{}
	b.putByShard(ctx, name, "before", put)
	equal("shards before", len(put), 1)
	b.split(ctx, name, parent)
	b.putByShard(ctx, name, "after", put)
	equal("shards after", len(put), 3)

	equalLists(*parent.ShardId, it.rest(), put[*parent.ShardId])
	check(it.end != nil, "the parent did not tell its end")
	equalChildren(it.end.ChildShards, *parent.ShardId, b.childrenOf(ctx, name, *parent.ShardId))
	for _, child := range it.end.ChildShards {
		of := b.subscribe(ctx, consumer, *child.ShardId, from(types.ShardIteratorTypeTrimHorizon))
		due := put[*child.ShardId]
		equalLists(*child.ShardId, of.records(len(due)), due)
		of.close()
	}
}

// putByShard puts records under many keys and notes where they went.
func (b *bench) putByShard(ctx context.Context, stream, prefix string, put map[string][]record) {
	for i := range 20 {
		each, shard := b.put(ctx, stream, fmt.Sprintf("%s %d", prefix, i))
		put[shard] = append(put[shard], each)
	}
}
