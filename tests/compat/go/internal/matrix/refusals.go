package matrix

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
)

// modelledErrors holds refusals against the SDK's classes, and how often the SDK asked again.
func modelledErrors(ctx context.Context, b *bench) {
	const name = "matrix-errors"
	b.stream(ctx, name, 1)
	var attempts int
	once := func() {
		equal("attempts", attempts, 1)
		attempts = 0
	}
	refused[*types.ResourceNotFoundException](b.DescribeStream(ctx,
		&kinesis.DescribeStreamInput{StreamName: aws.String("nowhere")}, counting(&attempts)))
	once()
	refused[*types.ResourceInUseException](b.CreateStream(ctx,
		&kinesis.CreateStreamInput{StreamName: aws.String(name), ShardCount: aws.Int32(1)},
		counting(&attempts)))
	once()
	refused[*types.InvalidArgumentException](b.GetRecords(ctx,
		&kinesis.GetRecordsInput{ShardIterator: aws.String("of another service")}, counting(&attempts)))
	once()
	refused[*types.ValidationException](b.DescribeStream(ctx,
		&kinesis.DescribeStreamInput{StreamName: aws.String("with a space")}, counting(&attempts)))
	once()

	limits := must(b.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{}))
	beyond := *limits.ShardLimit - *limits.OpenShardCount + 1
	// The SDK takes every LimitExceededException for a throttle and asks again; twice will do here.
	twice := func(o *kinesis.Options) { o.RetryMaxAttempts = 2 }
	refused[*types.LimitExceededException](b.CreateStream(ctx,
		&kinesis.CreateStreamInput{StreamName: aws.String(name + "-many"), ShardCount: &beyond},
		counting(&attempts), twice))
	equal("attempts", attempts, 2)
}

// counting counts the requests that a call sends.
func counting(attempts *int) func(*kinesis.Options) {
	count := func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		*attempts++
		return next.HandleFinalize(ctx, in)
	}
	return func(o *kinesis.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			step := middleware.FinalizeMiddlewareFunc("CountAttempts", count)
			return stack.Finalize.Add(step, middleware.After)
		})
	}
}

// queuesAndChannels asks for what the server is known not to have yet; anything else than that very answer
// fails. This SDK has no operations of queues.
func queuesAndChannels(ctx context.Context, b *bench) {
	channel := aws.String("arn:aws:kinesis:us-east-1:000000000000:channel/matrix")
	var err error
	_, err = b.CreateChannel(ctx, &kinesis.CreateChannelInput{
		ChannelName:             aws.String("matrix"),
		ServiceExecutionRoleARN: aws.String("arn:aws:iam::000000000000:role/matrix"),
		StreamConfigurationList: []types.ChannelStreamConfiguration{{
			StreamARN:           aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/matrix"),
			RecordConfiguration: &types.RecordConfiguration{RecordFormatType: types.RecordFormatTypeJson},
		}},
	})
	notBuilt("CreateChannel", err)
	_, err = b.DescribeChannel(ctx, &kinesis.DescribeChannelInput{ChannelARN: channel})
	notBuilt("DescribeChannel", err)
	_, err = b.ListChannels(ctx, &kinesis.ListChannelsInput{})
	notBuilt("ListChannels", err)
	_, err = b.UpdateChannel(ctx, &kinesis.UpdateChannelInput{ChannelARN: channel})
	notBuilt("UpdateChannel", err)
	_, err = b.DeleteChannel(ctx, &kinesis.DeleteChannelInput{ChannelARN: channel})
	notBuilt("DeleteChannel", err)
	panic(absence{"not built yet: answered InvalidArgumentException"})
}

func notBuilt(operation string, err error) {
	var invalid *types.InvalidArgumentException
	check(errors.As(err, &invalid), "%s: %v, where InvalidArgumentException was due", operation, err)
	equal(operation, invalid.ErrorMessage(), operation+" is not supported by this server yet.")
}
