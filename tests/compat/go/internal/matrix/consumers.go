package matrix

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// consumers is the life of registered consumers.
func consumers(ctx context.Context, b *bench) {
	stream := b.stream(ctx, "matrix-consumers", 1)
	names := []string{"one", "three", "two"}
	arns := map[string]string{}
	for _, name := range names {
		arns[name] = b.consumer(ctx, stream, name)
	}
	byName := must(b.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{
		StreamARN: &stream, ConsumerName: &names[0],
	})).ConsumerDescription
	equal("ARN by name", *byName.ConsumerARN, arns["one"])
	byARN := must(b.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{
		ConsumerARN: byName.ConsumerARN,
	})).ConsumerDescription
	equal("name by ARN", *byARN.ConsumerName, "one")
	equal("stream by ARN", *byARN.StreamARN, stream)
	created := aws.ToTime(byName.ConsumerCreationTimestamp)
	check(time.Since(created).Abs() < ageMax, "created at %v", created)

	var listed []string
	pages := kinesis.NewListStreamConsumersPaginator(b, &kinesis.ListStreamConsumersInput{
		StreamARN: &stream, MaxResults: aws.Int32(1),
	})
	for pages.HasMorePages() {
		page := must(pages.NextPage(ctx))
		check(len(page.Consumers) <= 1, "%d consumers on a page of one", len(page.Consumers))
		for _, each := range page.Consumers {
			listed = append(listed, *each.ConsumerName)
		}
	}
	equalSets("listed", listed, names)
	b.deregister(ctx, stream, "two")
}

// deregister waits until the consumer is not found, and that has to be said by the modelled class.
func (b *bench) deregister(ctx context.Context, stream, name string) {
	must(b.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{
		StreamARN: &stream, ConsumerName: &name,
	}))
	about := &kinesis.DescribeStreamConsumerInput{StreamARN: &stream, ConsumerName: &name}
	until(ctx, name+" gone", func() bool {
		answer, err := b.DescribeStreamConsumer(ctx, about)
		if err == nil {
			equal("status", answer.ConsumerDescription.ConsumerStatus, types.ConsumerStatusDeleting)
			return false
		}
		refused[*types.ResourceNotFoundException](answer, err)
		return true
	})
}
