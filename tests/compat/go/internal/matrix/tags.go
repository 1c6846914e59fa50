package matrix

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// tags are set, listed and removed by both families of operations.
func tags(ctx context.Context, b *bench) {
	name := aws.String("matrix-tags")
	stream := b.stream(ctx, *name, 1)
	must(b.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{
		StreamName: name, Tags: map[string]string{"a": "1", "b": "2", "c": ""},
	}))
	first := must(b.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{
		StreamName: name, Limit: aws.Int32(2),
	}))
	equalLists("first page", pairs(first.Tags), []string{"a=1", "b=2"})
	equal("more", aws.ToBool(first.HasMoreTags), true)
	second := must(b.ListTagsForStream(ctx, &kinesis.ListTagsForStreamInput{
		StreamName: name, Limit: aws.Int32(2), ExclusiveStartTagKey: first.Tags[1].Key,
	}))
	equalLists("second page", pairs(second.Tags), []string{"c="})
	equal("more", aws.ToBool(second.HasMoreTags), false)
	must(b.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{
		StreamName: name, TagKeys: []string{"b"},
	}))

	must(b.TagResource(ctx, &kinesis.TagResourceInput{
		ResourceARN: &stream, Tags: map[string]string{"d": "4", "a": "one"},
	}))
	listed := func() []string {
		answer := must(b.ListTagsForResource(ctx, &kinesis.ListTagsForResourceInput{ResourceARN: &stream}))
		return pairs(answer.Tags)
	}
	equalSets("of the resource", listed(), []string{"a=one", "c=", "d=4"})
	must(b.UntagResource(ctx, &kinesis.UntagResourceInput{ResourceARN: &stream, TagKeys: []string{"a", "d"}}))
	equalSets("of the resource", listed(), []string{"c="})
}

func pairs(tags []types.Tag) (all []string) {
	for _, each := range tags {
		all = append(all, *each.Key+"="+aws.ToString(each.Value))
	}
	return all
}

const policy = `{
	"Version": "2012-10-17",
	"Statement": [{
		"Sid": "Readers", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
		"Action": ["kinesis:GetRecords", "kinesis:ListShards"], "Resource": "STREAM"
	}]
}`

// policies are put, given back and deleted.
func policies(ctx context.Context, b *bench) {
	stream := b.stream(ctx, "matrix-policies", 1)
	text := strings.ReplaceAll(policy, "STREAM", stream)
	given := func() any {
		answer := must(b.GetResourcePolicy(ctx, &kinesis.GetResourcePolicyInput{ResourceARN: &stream}))
		return parsed(*answer.Policy)
	}
	must(b.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &stream, Policy: &text}))
	check(reflect.DeepEqual(given(), parsed(text)), "given back: %v", given())
	must(b.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &stream}))
	check(reflect.DeepEqual(given(), parsed("{}")), "after its end: %v", given())
}

func parsed(text string) (value any) {
	err := json.Unmarshal([]byte(text), &value)
	check(err == nil, "%q: %v", text, err)
	return value
}
