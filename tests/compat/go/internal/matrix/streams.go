package matrix

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	// waitMax bounds the SDK's waiters, which would pause ten seconds between two questions by default.
	waitMax = 15 * time.Second
	// ageMax of what was just created: a time in wrong units or zones lies further off.
	ageMax = 10 * time.Minute
)

// streams is the life of a stream: made, waited for, described, listed, deleted.
func streams(ctx context.Context, b *bench) {
	names := []string{"matrix-streams", "matrix-streams-2", "matrix-streams-3"}
	for _, name := range names {
		must(b.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(2)}))
		b.waitForExistence(ctx, name)
	}
	b.describeNew(ctx, names[0])
	limits := must(b.DescribeLimits(ctx, &kinesis.DescribeLimitsInput{}))
	check(aws.ToInt32(limits.OpenShardCount) >= 6, "%d open shards", aws.ToInt32(limits.OpenShardCount))
	check(*limits.ShardLimit > *limits.OpenShardCount, "no more than %d shards", *limits.ShardLimit)
	listed := b.listOneByOne(ctx)
	for _, name := range names {
		_, ok := listed[name]
		check(ok, "%s is not listed", name)
	}

	must(b.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &names[0]}))
	gone := kinesis.NewStreamNotExistsWaiter(b, func(o *kinesis.StreamNotExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = pollEvery, time.Second
	})
	if err := gone.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &names[0]}, waitMax); err != nil {
		panic(failure{err})
	}
	_, still := b.listOneByOne(ctx)[names[0]]
	check(!still, "%s is listed after its end", names[0])
}

func (b *bench) waitForExistence(ctx context.Context, name string) {
	exists := kinesis.NewStreamExistsWaiter(b, func(o *kinesis.StreamExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = pollEvery, time.Second
	})
	if err := exists.Wait(ctx, &kinesis.DescribeStreamInput{StreamName: &name}, waitMax); err != nil {
		panic(failure{err})
	}
}

// describeNew holds both descriptions of a stream of two shards against each other and against the clock.
func (b *bench) describeNew(ctx context.Context, name string) {
	answer := must(b.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: &name}))
	whole, short := answer.StreamDescription, b.summary(ctx, name)
	equal("shards", len(whole.Shards), 2)
	equal("more shards", aws.ToBool(whole.HasMoreShards), false)
	equal("open shards", aws.ToInt32(short.OpenShardCount), 2)
	equal("name", aws.ToString(short.StreamName), name)
	equal("ARN", aws.ToString(short.StreamARN), aws.ToString(whole.StreamARN))
	equal("hours", aws.ToInt32(short.RetentionPeriodHours), 24)
	equal("mode", short.StreamModeDetails.StreamMode, types.StreamModeProvisioned)
	age := time.Since(aws.ToTime(short.StreamCreationTimestamp))
	check(age.Abs() < ageMax, "created at %v", short.StreamCreationTimestamp)
	byARN := must(b.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
		StreamARN: short.StreamARN,
	}))
	equal("by ARN", aws.ToString(byARN.StreamDescriptionSummary.StreamName), name)
}

// listOneByOne lists all streams by the SDK's paginator, one a page.
func (b *bench) listOneByOne(ctx context.Context) map[string]string {
	listed := map[string]string{}
	pages := kinesis.NewListStreamsPaginator(b, &kinesis.ListStreamsInput{Limit: aws.Int32(1)})
	for pages.HasMorePages() {
		page := must(pages.NextPage(ctx))
		check(len(page.StreamNames) <= 1, "%d streams on a page of one", len(page.StreamNames))
		for i, name := range page.StreamNames {
			_, again := listed[name]
			check(!again, "%s is listed twice", name)
			listed[name] = aws.ToString(page.StreamSummaries[i].StreamARN)
		}
	}
	return listed
}
