// Package soak reads a whole stream by enhanced fan-out for as long as it is let: across the ends of
// subscriptions, reshards, and restarts of the server.
package soak

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	// tryEvery paces what is tried again after an error.
	tryEvery = 250 * time.Millisecond
	// patience is how long a shard may be without any event: a restart of the server, and some more.
	patience = 90 * time.Second
)

// Reader is one registered consumer of a stream. Say is called from many goroutines, once for each line.
type Reader struct {
	Client *kinesis.Client
	Say    func(format string, arguments ...any)

	arn    string
	family *family
	all    sync.WaitGroup
	failed chan error
}

// Run registers the consumer and reads until the context ends, which is no error.
func (r *Reader) Run(ctx context.Context, stream, consumer string) error {
	if err := r.register(ctx, stream, consumer); err != nil {
		return err
	}
	r.family, r.failed = newFamily(), make(chan error, 1)
	if err := r.list(ctx, stream); err != nil {
		return err
	}
	r.Say("ready")
	ctx, stop := context.WithCancel(ctx)
	defer r.all.Wait()
	defer stop()
	r.begin(ctx)
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.failed:
		return err
	}
}

// list learns of all shards there are.
func (r *Reader) list(ctx context.Context, stream string) error {
	input := &kinesis.ListShardsInput{StreamName: &stream}
	for {
		page, err := r.Client.ListShards(ctx, input)
		if err != nil {
			return err
		}
		for _, each := range page.Shards {
			var parents []string
			for _, parent := range []*string{each.ParentShardId, each.AdjacentParentShardId} {
				if parent != nil {
					parents = append(parents, *parent)
				}
			}
			r.family.learn(*each.ShardId, parents)
		}
		if page.NextToken == nil {
			return nil
		}
		input = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

// begin reads each shard that is due on a goroutine of its own.
func (r *Reader) begin(ctx context.Context) {
	for _, shard := range r.family.begin() {
		r.all.Add(1)
		go func() {
			defer r.all.Done()
			if err := r.follow(ctx, shard); err != nil {
				select {
				case r.failed <- fmt.Errorf("%s: %w", shard, err):
				default: // The first one is enough.
				}
			}
		}()
	}
}

// follow reads a shard to its end, subscription after subscription, and begins its children.
func (r *Reader) follow(ctx context.Context, shard string) error {
	at := &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}
	for heard := time.Now(); ctx.Err() == nil; {
		it := &subscription{reader: r, shard: shard, next: at, heard: heard}
		err := it.run(ctx)
		at, heard = it.next, it.heard
		switch {
		case it.ended:
			// Said first: another parent's end may begin the child as soon as this one's is known.
			r.Say("end %s", shard)
			r.family.end(shard)
			r.begin(ctx)
			return nil
		case err == nil || ctx.Err() != nil:
			continue
		case time.Since(heard) > patience:
			return err
		}
		r.Say("trouble %s %s", shard, class(err))
		select {
		case <-ctx.Done():
		case <-time.After(tryEvery):
		}
	}
	return nil
}

// register registers the consumer and waits until it is active.
func (r *Reader) register(ctx context.Context, stream, consumer string) error {
	about, err := r.Client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
		StreamName: &stream,
	})
	if err != nil {
		return err
	}
	registered, err := r.Client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: about.StreamDescriptionSummary.StreamARN, ConsumerName: &consumer,
	})
	if err != nil {
		return err
	}
	r.arn = aws.ToString(registered.Consumer.ConsumerARN)
	for began := time.Now(); time.Since(began) < patience; time.Sleep(tryEvery) {
		answer, err := r.Client.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{
			ConsumerARN: &r.arn,
		})
		if err != nil {
			return err
		}
		if answer.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive {
			return nil
		}
	}
	return fmt.Errorf("%s did not become active", consumer)
}
