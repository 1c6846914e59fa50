package matrix

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// eventTimeMax is longer than the five seconds after which even an idle subscription has an event.
const eventTimeMax = 10 * time.Second

// subscription is one SubscribeToShard and what came of it.
type subscription struct {
	stream *kinesis.SubscribeToShardEventStream
	began  time.Time
	// next is where the next subscription has to go on.
	next *types.StartingPosition
	// end is the last event of a shard, once it came.
	end *types.SubscribeToShardEvent
}

// subscribe subscribes, which has to be accepted.
func (b *bench) subscribe(
	ctx context.Context, consumer, shard string, at *types.StartingPosition,
) *subscription {
	began := time.Now()
	answer := must(b.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &consumer, ShardId: &shard, StartingPosition: at,
	}))
	return &subscription{stream: answer.GetStream(), began: began, next: at}
}

// close gives the subscription up.
func (s *subscription) close() { s.stream.Close() }

// event waits for an event and takes its records; false says that the subscription is over.
func (s *subscription) event() ([]record, bool) {
	select {
	case <-time.After(eventTimeMax):
		check(false, "no event for %v", eventTimeMax)
		return nil, false
	case it, ok := <-s.stream.Events():
		if !ok {
			return nil, false
		}
		member, ok := it.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		check(ok, "an event of type %T", it)
		check(s.end == nil, "an event after the shard's last")
		event := member.Value
		if len(event.ChildShards) > 0 {
			check(event.ContinuationSequenceNumber == nil, "a continuation at the shard's end")
			s.end = &event
		} else {
			check(event.ContinuationSequenceNumber != nil, "no continuation before the shard's end")
			check(event.MillisBehindLatest != nil, "an event does not tell how far behind it is")
			s.next = after(event.ContinuationSequenceNumber)
		}
		return taken(event.Records), true
	}
}

// records reads until as many records came as are due.
func (s *subscription) records(due int) (all []record) {
	for len(all) < due {
		some, ok := s.event()
		check(ok, "%d of %d records, then the end: %v", len(all), due, s.stream.Err())
		all = append(all, some...)
	}
	return all
}

// rest reads to the end, which has to be a clean one.
func (s *subscription) rest() (all []record) {
	for {
		some, ok := s.event()
		all = append(all, some...)
		if !ok {
			break
		}
	}
	check(s.stream.Err() == nil, "it ended with %v", s.stream.Err())
	return all
}
