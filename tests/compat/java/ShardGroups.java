import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.ListShardsResponse;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilter;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** Groups about shards: how they are listed, split, merged and scaled. */
final class ShardGroups {
    private static final BigInteger LAST_HASH_KEY = BigInteger.TWO.pow(128).subtract(BigInteger.ONE);

    private ShardGroups() {
    }

    static void shards(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-shards";
        client.create(stream, 3);
        List<Shard> first = inPages(kinesis, stream);
        Checks.equal(first, client.shards(stream), "shards in pages");
        for (Shard shard : first) {
            String hashKey = shard.hashKeyRange().startingHashKey();
            kinesis.putRecord(it -> it.streamName(stream).partitionKey("key").explicitHashKey(hashKey)
                .data(SdkBytes.fromUtf8String("to " + shard.shardId())));
        }
        String middle = middle(first.get(0));
        kinesis.splitShard(it -> it.streamName(stream).shardToSplit(id(first, 0)).newStartingHashKey(middle));
        client.waitUntilActive(stream);
        kinesis.mergeShards(
            it -> it.streamName(stream).shardToMerge(id(first, 1)).adjacentShardToMerge(id(first, 2)));
        client.waitUntilActive(stream);

        List<Shard> shards = client.shards(stream);
        filtered(kinesis, stream, shards);
        related(shards);
        ended(kinesis, stream, shards, List.of(0), List.of(3, 4));
        ended(kinesis, stream, shards, List.of(1, 2), List.of(5));
        ended(kinesis, stream, shards, List.of(2, 1), List.of(5));
    }

    private static List<Shard> inPages(KinesisClient kinesis, String stream) {
        var shards = new ArrayList<Shard>();
        ListShardsResponse page = kinesis.listShards(it -> it.streamName(stream).maxResults(1));
        for (int pages = 1; pages < 10 && page.nextToken() != null; pages++) {
            Checks.equal(page.shards().size(), 1, "shards on a page");
            shards.addAll(page.shards());
            String token = page.nextToken();
            page = kinesis.listShards(it -> it.nextToken(token).maxResults(1));
        }
        shards.addAll(page.shards());
        return shards;
    }

    private static String id(List<Shard> shards, int index) {
        return shards.get(index).shardId();
    }

    /** The hash key at which a shard is split in halves. */
    static String middle(Shard shard) {
        var start = new BigInteger(shard.hashKeyRange().startingHashKey());
        var end = new BigInteger(shard.hashKeyRange().endingHashKey());
        return start.add(end).add(BigInteger.ONE).shiftRight(1).toString();
    }

    private static void filtered(KinesisClient kinesis, String stream, List<Shard> shards) {
        Checks.equal(shards.size(), 6, "shards of all times");
        filter(kinesis, stream, shards.subList(3, 6), it -> it.type(ShardFilterType.AT_LATEST));
        filter(kinesis, stream, shards, it -> it.type(ShardFilterType.FROM_TRIM_HORIZON));
        filter(kinesis, stream, shards.subList(2, 6),
            it -> it.type(ShardFilterType.AFTER_SHARD_ID).shardId(id(shards, 1)));
    }

    private static void filter(KinesisClient kinesis, String stream, List<Shard> due,
                               Consumer<ShardFilter.Builder> filter) {
        var found = kinesis.listShards(it -> it.streamName(stream).shardFilter(filter)).shards();
        Checks.equal(found, due, "filtered shards");
    }

    /** 0 was split into 3 and 4; 1 and 2 were merged into 5. */
    private static void related(List<Shard> shards) {
        for (Shard shard : shards) {
            boolean closed = shard.sequenceNumberRange().endingSequenceNumber() != null;
            Checks.equal(closed, shards.indexOf(shard) < 3, shard.shardId() + " is closed");
            Checks.check(shard.sequenceNumberRange().startingSequenceNumber() != null, "a start: " + shard);
        }
        for (int child : List.of(3, 4)) {
            Checks.equal(shards.get(child).parentShardId(), id(shards, 0), "parent of " + child);
            Checks.equal(shards.get(child).adjacentParentShardId(), null, "second parent of " + child);
        }
        Checks.equal(shards.get(5).parentShardId(), id(shards, 1), "parent of 5");
        Checks.equal(shards.get(5).adjacentParentShardId(), id(shards, 2), "second parent of 5");
        covered(shards.subList(3, 6));
    }

    /** A closed shard gives its records, and says in the end which shards come after it. */
    private static void ended(KinesisClient kinesis, String stream, List<Shard> shards, List<Integer> parents,
                              List<Integer> children) throws Exception {
        String shard = id(shards, parents.get(0));
        String next = Records.iterator(kinesis, stream, shard,
            it -> it.shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        var data = new ArrayList<String>();
        GetRecordsResponse answer = null;
        for (int reads = 0; reads < 10 && next != null; reads++) {
            answer = Records.read(kinesis, next, 100);
            answer.records().forEach(it -> data.add(it.data().asUtf8String()));
            next = answer.nextShardIterator();
        }
        Checks.equal(next, null, "next iterator at the end of " + shard);
        Checks.equal(data, List.of("to " + shard), "records of " + shard);
        Checks.equal(answer.childShards().size(), children.size(), "children of " + shard);
        for (int index = 0; index < children.size(); index++) {
            var child = answer.childShards().get(index);
            var listed = shards.get(children.get(index));
            Checks.equal(child.shardId(), listed.shardId(), "child of " + shard);
            Checks.equal(child.hashKeyRange(), listed.hashKeyRange(), "range of " + child.shardId());
            var due = parents.stream().map(it -> id(shards, it)).sorted().toList();
            var told = child.parentShards().stream().sorted().toList();
            Checks.equal(told, due, "parents of " + child.shardId());
        }
    }

    static void scaling(Client client) throws Exception {
        String stream = "matrix-scaling";
        client.create(stream, 2);
        var answer = client.kinesis.updateShardCount(
            it -> it.streamName(stream).targetShardCount(4).scalingType("UNIFORM_SCALING"));
        Checks.equal(answer.currentShardCount(), 2, "shards before");
        Checks.equal(answer.targetShardCount(), 4, "shards asked for");
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).openShardCount(), 4, "open shards");
        List<Shard> open = client.openShards(stream);
        Checks.equal(open.size(), 4, "open shards listed");
        covered(open);
    }

    /** Their ranges follow each other without gap or overlap, from the first hash key to the last. */
    private static void covered(List<Shard> open) {
        var sorted = open.stream().map(Shard::hashKeyRange)
            .sorted((one, other) -> new BigInteger(one.startingHashKey())
                .compareTo(new BigInteger(other.startingHashKey()))).toList();
        var next = BigInteger.ZERO;
        for (var range : sorted) {
            Checks.equal(new BigInteger(range.startingHashKey()), next, "start of a range");
            next = new BigInteger(range.endingHashKey()).add(BigInteger.ONE);
        }
        Checks.equal(next.subtract(BigInteger.ONE), LAST_HASH_KEY, "end of the last range");
    }
}
