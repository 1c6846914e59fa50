// Run with AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567, any AWS_REGION and any keys.
package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func main() {
	ctx, name := context.Background(), aws.String("quickstart-go")
	// HTTP/2 over http://, too: over HTTP/1.1 the SDK may break a subscription off (its issue 1825).
	h2 := awshttp.NewBuildableClient().WithTransportOptions(func(it *http.Transport) {
		it.Protocols = new(http.Protocols)
		it.Protocols.SetHTTP2(true)
		it.Protocols.SetUnencryptedHTTP2(true)
	})
	client := kinesis.NewFromConfig(must(config.LoadDefaultConfig(ctx, config.WithHTTPClient(h2))))

	must(client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(1)}))
	exists := kinesis.NewStreamExistsWaiter(client, func(it *kinesis.StreamExistsWaiterOptions) {
		it.MinDelay = 100 * time.Millisecond
	})
	stream := must(exists.WaitForOutput(ctx, &kinesis.DescribeStreamInput{StreamName: name}, time.Minute))
	consumer := must(client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: stream.StreamDescription.StreamARN, ConsumerName: aws.String("me"),
	})).Consumer
	for active := false; !active; time.Sleep(100 * time.Millisecond) {
		about := &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer.ConsumerARN}
		status := must(client.DescribeStreamConsumer(ctx, about)).ConsumerDescription.ConsumerStatus
		active = status == types.ConsumerStatusActive
	}

	subscription := must(client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer.ConsumerARN, ShardId: aws.String("shardId-000000000000"),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
	})).GetStream()
	defer subscription.Close()
	must(client.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: name, PartitionKey: aws.String("key"), Data: []byte("hello"),
	}))
	for event := range subscription.Events() {
		pushed := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		for _, record := range pushed.Records {
			fmt.Printf("pushed: %s\n", record.Data)
			return
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
