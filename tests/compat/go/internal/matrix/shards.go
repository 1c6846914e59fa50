package matrix

import (
	"context"
	"math/big"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// shards splits and merges; lists by page and by filter; reads a closed shard to its end.
func shards(ctx context.Context, b *bench) {
	const name = "matrix-shards"
	b.stream(ctx, name, 2)
	first := b.pagesOfOne(ctx, name)
	equal("shards", len(first), 2)
	parent := first[0]
	put := must(b.PutRecord(ctx, &kinesis.PutRecordInput{
		StreamName: aws.String(name), PartitionKey: aws.String("last"), Data: []byte("last of the parent"),
		ExplicitHashKey: parent.HashKeyRange.StartingHashKey,
	}))
	equal("shard", *put.ShardId, *parent.ShardId)

	b.split(ctx, name, parent)
	children := b.childrenOf(ctx, name, *parent.ShardId)
	equal("children", len(children), 2)
	must(b.MergeShards(ctx, &kinesis.MergeShardsInput{
		StreamName: aws.String(name), ShardToMerge: children[0].ShardId,
		AdjacentShardToMerge: children[1].ShardId,
	}))
	b.active(ctx, name)
	merged := b.childrenOf(ctx, name, *children[0].ShardId)
	equal("merged into", len(merged), 1)
	equal("other parent", aws.ToString(merged[0].AdjacentParentShardId), *children[1].ShardId)

	b.filtered(ctx, name, []string{*first[0].ShardId, *first[1].ShardId, *children[0].ShardId,
		*children[1].ShardId, *merged[0].ShardId})
	closed := map[string]bool{*parent.ShardId: true, *children[0].ShardId: true, *children[1].ShardId: true}
	for _, each := range b.listed(ctx, name, nil) {
		ended := each.SequenceNumberRange.EndingSequenceNumber != nil
		equal(*each.ShardId+" has an ending number", ended, closed[*each.ShardId])
	}
	b.readToItsEnd(ctx, name, *parent.ShardId, *put.SequenceNumber, children)
}

// pagesOfOne lists shards one a page.
func (b *bench) pagesOfOne(ctx context.Context, stream string) (all []types.Shard) {
	input := &kinesis.ListShardsInput{StreamName: &stream, MaxResults: aws.Int32(1)}
	for range 10 {
		page := must(b.ListShards(ctx, input))
		equal("shards on a page", len(page.Shards), 1)
		all = append(all, page.Shards...)
		if page.NextToken == nil {
			return all
		}
		input = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(1)}
	}
	panic(failure{errNoEnd})
}

// split splits a shard in its middle and waits until the stream is active.
func (b *bench) split(ctx context.Context, stream string, shard types.Shard) {
	first, last := number(shard.HashKeyRange.StartingHashKey), number(shard.HashKeyRange.EndingHashKey)
	sum := new(big.Int).Add(first, last)
	middle := sum.Rsh(sum, 1).String()
	must(b.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName: &stream, ShardToSplit: shard.ShardId, NewStartingHashKey: &middle,
	}))
	b.active(ctx, stream)
}

// childrenOf answers the shards that name one as their parent.
func (b *bench) childrenOf(ctx context.Context, stream, parent string) (children []types.Shard) {
	for _, each := range b.listed(ctx, stream, nil) {
		if aws.ToString(each.ParentShardId) == parent {
			children = append(children, each)
		}
	}
	return children
}

// filtered lists by each filter; ids are all shards in order, of which the second and the last are open.
func (b *bench) filtered(ctx context.Context, stream string, ids []string) {
	list := func(filter types.ShardFilter) (found []string) {
		for _, each := range b.listed(ctx, stream, &filter) {
			found = append(found, *each.ShardId)
		}
		return found
	}
	latest := list(types.ShardFilter{Type: types.ShardFilterTypeAtLatest})
	equalLists("AT_LATEST", latest, []string{ids[1], ids[4]})
	equalLists("FROM_TRIM_HORIZON", list(types.ShardFilter{Type: types.ShardFilterTypeFromTrimHorizon}), ids)
	beyond := types.ShardFilter{Type: types.ShardFilterTypeAfterShardId, ShardId: &ids[2]}
	equalLists("AFTER_SHARD_ID", list(beyond), ids[3:])
}

// readToItsEnd polls a closed shard until it has no next iterator, and holds what comes then against the
// children as listed.
func (b *bench) readToItsEnd(ctx context.Context, stream, shard, last string, children []types.Shard) {
	var got []record
	next := b.iterator(ctx, stream, shard, from(types.ShardIteratorTypeTrimHorizon))
	for range 10 {
		page := b.page(ctx, next)
		got, next = append(got, taken(page.Records)...), page.NextShardIterator
		if next != nil {
			check(len(page.ChildShards) == 0, "children before the end")
			continue
		}
		equalLists("records", got, []record{{last, "last", "last of the parent"}})
		equalChildren(page.ChildShards, shard, children)
		return
	}
	panic(failure{errNoEnd})
}

// equalChildren holds the children told at a shard's end against those listed.
func equalChildren(told []types.ChildShard, parent string, listed []types.Shard) {
	equal("children told", len(told), len(listed))
	for i, each := range told {
		equal("child", aws.ToString(each.ShardId), *listed[i].ShardId)
		equalLists("parents", each.ParentShards, []string{parent})
		equal("first hash key", *each.HashKeyRange.StartingHashKey, *listed[i].HashKeyRange.StartingHashKey)
		equal("last hash key", *each.HashKeyRange.EndingHashKey, *listed[i].HashKeyRange.EndingHashKey)
	}
}

// scaling doubles the shards; those open then cover every hash key once.
func scaling(ctx context.Context, b *bench) {
	const name = "matrix-scaling"
	b.stream(ctx, name, 2)
	answer := must(b.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
		StreamName: aws.String(name), TargetShardCount: aws.Int32(4),
		ScalingType: types.ScalingTypeUniformScaling,
	}))
	equal("before", aws.ToInt32(answer.CurrentShardCount), 2)
	equal("after", aws.ToInt32(answer.TargetShardCount), 4)
	equal("open", aws.ToInt32(b.active(ctx, name).OpenShardCount), 4)

	open := b.listed(ctx, name, &types.ShardFilter{Type: types.ShardFilterTypeAtLatest})
	equal("open and listed", len(open), 4)
	covered := map[string]string{}
	for _, each := range open {
		beyond := new(big.Int).Add(number(each.HashKeyRange.EndingHashKey), big.NewInt(1))
		covered[*each.HashKeyRange.StartingHashKey] = beyond.String()
	}
	at := "0"
	for range open {
		beyond, ok := covered[at]
		check(ok, "no open shard begins at %s", at)
		at = beyond
	}
	equal("end of the last", at, new(big.Int).Lsh(big.NewInt(1), 128).String())
}
