package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
)

// subscription is one SubscribeToShard, from its call to its end.
type subscription struct {
	reader *Reader
	shard  string
	next   *types.StartingPosition // where to go on
	heard  time.Time               // of the last event
	ended  bool                    // whether the shard did
}

// run subscribes and says every record. A clean end is no error.
func (s *subscription) run(ctx context.Context) error {
	// The SDK would pause longer and longer between its own tries.
	once := func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }
	answer, err := s.reader.Client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: &s.reader.arn, ShardId: &s.shard, StartingPosition: s.next,
	}, once)
	if err != nil {
		return err
	}
	stream := answer.GetStream()
	defer stream.Close()
	s.reader.Say("subscribed %s", s.shard)
	for each := range stream.Events() {
		member, ok := each.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok {
			return fmt.Errorf("an event of type %T", each)
		}
		s.take(&member.Value)
	}
	return stream.Err()
}

func (s *subscription) take(event *types.SubscribeToShardEvent) {
	s.heard = time.Now()
	for _, each := range event.Records {
		s.reader.Say("record %s %s %s", s.shard, aws.ToString(each.SequenceNumber), each.Data)
	}
	if event.ContinuationSequenceNumber != nil {
		s.next = &types.StartingPosition{
			Type:           types.ShardIteratorTypeAfterSequenceNumber,
			SequenceNumber: event.ContinuationSequenceNumber,
		}
	}
	for _, child := range event.ChildShards {
		s.reader.family.learn(*child.ShardId, child.ParentShards)
		s.ended = true
	}
}

// class names an error: the service's exception, or what kind of trouble the transport had.
func class(err error) string {
	var (
		refusal smithy.APIError
		network *net.OpError
	)
	switch {
	case errors.As(err, &refusal):
		return refusal.ErrorCode()
	case errors.As(err, &network):
		return "net.OpError"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "io.EOF"
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
}
