import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.Consumer;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.HashKeyRange;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;

/** Groups about enhanced fan-out: consumers, and what is pushed to them. */
final class ConsumerGroups {
    private static final String SHARD = "shardId-000000000000";
    private static final String CHILD = "shardId-000000000001";
    private static final String OTHER_CHILD = "shardId-000000000002";

    private ConsumerGroups() {
    }

    static void consumers(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String streamArn = client.create("matrix-consumers", 1);
        var arns = new ArrayList<String>();
        for (String name : List.of("one", "three", "two")) {
            arns.add(client.register(streamArn, name));
        }
        String arn = arns.get(0);
        var byArn = kinesis.describeStreamConsumer(it -> it.consumerARN(arn)).consumerDescription();
        var byName = kinesis.describeStreamConsumer(it -> it.streamARN(streamArn).consumerName("one"))
            .consumerDescription();
        Checks.equal(byArn, byName, "a consumer by ARN and by name");
        Checks.equal(byArn.consumerName(), "one", "name");
        Checks.equal(byArn.streamARN(), streamArn, "stream");
        Checks.equal(byArn.consumerStatus(), ConsumerStatus.ACTIVE, "status");
        var age = Duration.between(byArn.consumerCreationTimestamp(), Instant.now()).abs();
        Checks.check(age.toMinutes() < 10, "created at " + byArn.consumerCreationTimestamp());

        var pages = client.consumerPages(streamArn, 1);
        Checks.check(pages.stream().allMatch(page -> page.consumers().size() == 1), "pages: " + pages);
        var listed = pages.stream().flatMap(page -> page.consumers().stream()).map(Consumer::consumerARN);
        Checks.equal(listed.sorted().toList(), arns.stream().sorted().toList(), "consumers listed");

        kinesis.deregisterStreamConsumer(it -> it.consumerARN(arn));
        Checks.within(20, "the consumer is gone", () -> client.consumerPages(streamArn, 10).stream()
            .flatMap(page -> page.consumers().stream()).noneMatch(it -> it.consumerARN().equals(arn)));
        Checks.refused(ResourceNotFoundException.class,
            () -> kinesis.describeStreamConsumer(it -> it.consumerARN(arn)));
    }

    static void fanOut(Client client) throws Exception {
        String stream = "matrix-fan-out";
        String streamArn = client.create(stream, 1);
        List<Records.Item> put = new ArrayList<>(Records.put(client.kinesis, stream, 0, 10));
        // So that no record before shares its millisecond with one after.
        Thread.sleep(20);
        put.addAll(Records.put(client.kinesis, stream, 10, 10));
        List<Record> records = Records.all(client.kinesis, stream, SHARD, 20);

        var arns = new EnumMap<ShardIteratorType, String>(ShardIteratorType.class);
        for (ShardIteratorType type : ShardIteratorType.knownValues()) {
            arns.put(type, client.register(streamArn, "from-" + type));
        }
        var subscriptions = new EnumMap<ShardIteratorType, Subscription>(ShardIteratorType.class);
        for (var start : positions(records.get(10)).entrySet()) {
            String arn = arns.get(start.getKey());
            subscriptions.put(start.getKey(), Subscription.to(client, arn, SHARD, start.getValue()));
        }
        put.addAll(Records.put(client.kinesis, stream, 20, 20));
        for (var each : subscriptions.entrySet()) {
            List<Records.Item> due = due(each.getKey(), put);
            Checks.equal(each.getValue().items(due.size()), due, "pushed from " + each.getKey());
        }
        for (var each : subscriptions.entrySet()) {
            each.getValue().waitForEnd();
            each.getValue().checkEvents();
            each.getValue().checkLifetime();
            List<Records.Item> due = due(each.getKey(), put);
            Checks.equal(each.getValue().items(), due, "all that was pushed from " + each.getKey());
        }
        resubscribed(client, stream, arns, subscriptions, put);
    }

    /** What each position is when it means to begin at this record; LATEST begins after all. */
    private static Map<ShardIteratorType, StartingPosition> positions(Record record) {
        var at = ShardIteratorType.AT_SEQUENCE_NUMBER;
        var after = ShardIteratorType.AFTER_SEQUENCE_NUMBER;
        var time = StartingPosition.builder().type(ShardIteratorType.AT_TIMESTAMP)
            .timestamp(record.approximateArrivalTimestamp()).build();
        return Map.of(ShardIteratorType.TRIM_HORIZON, Records.from(ShardIteratorType.TRIM_HORIZON),
            ShardIteratorType.LATEST, Records.from(ShardIteratorType.LATEST),
            at, Records.from(at, record.sequenceNumber()),
            after, Records.from(after, record.sequenceNumber()), ShardIteratorType.AT_TIMESTAMP, time);
    }

    private static List<Records.Item> due(ShardIteratorType type, List<Records.Item> put) {
        int from = switch (type) {
            case TRIM_HORIZON -> 0;
            case AT_SEQUENCE_NUMBER, AT_TIMESTAMP -> 10;
            case AFTER_SEQUENCE_NUMBER -> 11;
            case LATEST -> 20;
            default -> throw new IllegalStateException("a position unknown to this program: " + type);
        };
        return put.subList(from, put.size());
    }

    /** Each goes on where it ended: nothing lost of what came between, nothing doubled. */
    private static void resubscribed(Client client, String stream, Map<ShardIteratorType, String> arns,
                                     Map<ShardIteratorType, Subscription> ended, List<Records.Item> put)
            throws Exception {
        var between = new ArrayList<>(Records.put(client.kinesis, stream, 40, 5));
        var again = new EnumMap<ShardIteratorType, Subscription>(ShardIteratorType.class);
        for (var each : ended.entrySet()) {
            String number = each.getValue().lastEvent().continuationSequenceNumber();
            var position = Records.from(ShardIteratorType.AFTER_SEQUENCE_NUMBER, number);
            again.put(each.getKey(), Subscription.to(client, arns.get(each.getKey()), SHARD, position));
        }
        between.addAll(Records.put(client.kinesis, stream, 45, 5));
        put.addAll(between);
        for (var each : again.entrySet()) {
            Checks.equal(each.getValue().items(between.size()), between, "pushed again to " + each.getKey());
            each.getValue().cancel();
        }
    }

    static void shardEnd(Client client) throws Exception {
        String stream = "matrix-shard-end";
        String arn = client.register(client.create(stream, 1), "consumer");
        var parent = Subscription.to(client, arn, SHARD, Records.from(ShardIteratorType.TRIM_HORIZON));
        List<Records.Item> first = Records.put(client.kinesis, stream, 0, 10);
        String middle = ShardGroups.middle(client.shards(stream).get(0));
        client.kinesis.splitShard(it -> it.streamName(stream).shardToSplit(SHARD).newStartingHashKey(middle));
        client.waitUntilActive(stream);
        List<Records.Item> second = Records.put(client.kinesis, stream, 10, 20);

        List<ChildShard> children = ended(parent, SHARD, first);
        var ids = children.stream().map(ChildShard::shardId).toList();
        Checks.equal(ids, List.of(CHILD, OTHER_CHILD), "children");
        var byChild = new TreeMap<String, List<Records.Item>>();
        for (ChildShard child : children) {
            Checks.equal(child.parentShards(), List.of(SHARD), "parents of " + child.shardId());
            byChild.put(child.shardId(), within(child.hashKeyRange(), second));
        }
        int ofBoth = byChild.get(CHILD).size() + byChild.get(OTHER_CHILD).size();
        Checks.equal(ofBoth, 20, "records of both children");
        merged(client, stream, arn, byChild);
    }

    /** Both children are read while they are merged; each ends with the same child of both. */
    private static void merged(Client client, String stream, String arn, Map<String, List<Records.Item>> due)
            throws Exception {
        var subscriptions = new TreeMap<String, Subscription>();
        for (String shard : due.keySet()) {
            var position = Records.from(ShardIteratorType.TRIM_HORIZON);
            subscriptions.put(shard, Subscription.to(client, arn, shard, position));
        }
        client.kinesis.mergeShards(
            it -> it.streamName(stream).shardToMerge(CHILD).adjacentShardToMerge(OTHER_CHILD));
        for (var each : subscriptions.entrySet()) {
            List<ChildShard> children = ended(each.getValue(), each.getKey(), due.get(each.getKey()));
            Checks.equal(children.size(), 1, "children of " + each.getKey());
            var parents = children.get(0).parentShards().stream().sorted().toList();
            Checks.equal(parents, List.of(CHILD, OTHER_CHILD), "parents of " + children.get(0).shardId());
        }
    }

    /** The shard's end was told cleanly, after exactly these records; answers its children. */
    private static List<ChildShard> ended(Subscription subscription, String shard, List<Records.Item> due)
            throws Exception {
        subscription.waitForEnd();
        subscription.checkEvents();
        Checks.equal(subscription.items(), due, "records of " + shard);
        var last = subscription.lastEvent();
        Checks.equal(last.continuationSequenceNumber(), null, "where " + shard + " goes on");
        return last.childShards();
    }

    /** Those of the records whose keys lie in a range. */
    private static List<Records.Item> within(HashKeyRange range, List<Records.Item> put) throws Exception {
        var found = new ArrayList<Records.Item>();
        for (Records.Item item : put) {
            var hashKey = Records.hashKey(item.key());
            if (hashKey.compareTo(new BigInteger(range.startingHashKey())) >= 0
                && hashKey.compareTo(new BigInteger(range.endingHashKey())) <= 0) {
                found.add(item);
            }
        }
        return found;
    }

    static void takeover(Client client) throws Exception {
        String arn = client.register(client.create("matrix-takeover", 1), "consumer");
        var position = Records.from(ShardIteratorType.TRIM_HORIZON);
        var old = Subscription.to(client, arn, SHARD, position);
        var accepted = Instant.now();
        // Refused before anything streams: an in-stream exception would come after an acceptance.
        Checks.refused(ResourceInUseException.class, () -> Subscription.to(client, arn, SHARD, position));
        Thread.sleep(Math.max(0, 5_100 - Duration.between(accepted, Instant.now()).toMillis()));
        var taken = Subscription.to(client, arn, SHARD, position);
        try {
            old.waitForEnd();
            throw new IllegalStateException("the old subscription ended as if nothing had happened");
        } catch (ResourceInUseException expected) {
            Checks.check(!expected.awsErrorDetails().errorMessage().isBlank(), "no message");
        }
        List<Records.Item> put = Records.put(client.kinesis, "matrix-takeover", 0, 3);
        Checks.equal(taken.items(3), put, "records of the new subscription");
        taken.cancel();
    }
}
