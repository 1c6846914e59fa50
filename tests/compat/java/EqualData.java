import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** The part of the equal scenario that is about records, shards and consumers. */
final class EqualData {
    private static final String STREAM = "equal-a";
    private static final String SHARD = "shardId-000000000000";
    private static final String LOW = "0";
    private static final String HIGH = "340282366920938463463374607431768211455";
    private static final String KEY = "alias/aws/kinesis";

    private final Equal scenario;
    private final KinesisClient kinesis;

    EqualData(Equal scenario) {
        this.scenario = scenario;
        this.kinesis = scenario.kinesis;
    }

    void run() throws Exception {
        puts();
        List<Record> records = reads();
        refusedReads(records.get(1).sequenceNumber());
        consumers();
        encryption();
        reshards();
    }

    private void puts() {
        var every = new byte[256];
        for (int value = 0; value < every.length; value++) {
            every[value] = (byte) value;
        }
        put("PutRecord of all bytes", "\u00e9t\u00e9 \ud83d\udc1f", every);
        put("PutRecord of none", "empty", new byte[0]);
        put("PutRecord at the first of 16 bits", "sixteen", new byte[65_536]);
        scenario.say("PutRecord to the last hash key", () -> kinesis.putRecord(it -> it.streamName(STREAM)
            .partitionKey("k").explicitHashKey(HIGH).data(SdkBytes.fromUtf8String("high"))));
        var entries = new ArrayList<PutRecordsRequestEntry>();
        for (String hashKey : List.of(LOW, HIGH, LOW)) {
            entries.add(PutRecordsRequestEntry.builder().partitionKey("key " + entries.size())
                .explicitHashKey(hashKey).data(SdkBytes.fromUtf8String("entry " + entries.size())).build());
        }
        scenario.say("PutRecords", () -> kinesis.putRecords(it -> it.streamName(STREAM).records(entries)));
        scenario.say("PutRecord, dry", () -> kinesis.putRecord(it -> it.streamName(STREAM).partitionKey("k")
            .data(SdkBytes.fromUtf8String("dry")).dryRun(true)));
        scenario.say("PutRecord beyond the last hash key", () -> kinesis.putRecord(it -> it.streamName(STREAM)
            .partitionKey("k").explicitHashKey(HIGH + "0").data(SdkBytes.fromUtf8String("beyond"))));
        put("PutRecord too large", "k", new byte[1024 * 1024 + 1]);
        put("PutRecord without a key", null, new byte[1]);
        put("PutRecord with a long key", "k".repeat(257), new byte[1]);
        scenario.say("PutRecords of nothing", () -> kinesis.putRecords(
            it -> it.streamName(STREAM).records(List.of())));
    }

    private void put(String what, String key, byte[] data) {
        // The first shard's, so that the reads find it.
        scenario.say(what, () -> kinesis.putRecord(it -> it.streamName(STREAM).partitionKey(key)
            .explicitHashKey(LOW).data(SdkBytes.fromByteArray(data))));
    }

    private List<Record> reads() throws Exception {
        String horizon = iterator("TRIM_HORIZON",
            it -> it.shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        var first = get("two", horizon, 2);
        String number = first.get(1).sequenceNumber();
        Instant time = first.get(0).approximateArrivalTimestamp();
        get("AT_SEQUENCE_NUMBER", iterator("AT_SEQUENCE_NUMBER", it -> it
            .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER).startingSequenceNumber(number)), 1);
        get("AFTER_SEQUENCE_NUMBER", iterator("AFTER_SEQUENCE_NUMBER", it -> it
            .shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(number)), 1);
        get("AT_TIMESTAMP", iterator("AT_TIMESTAMP", it -> it
            .shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(time)), 1);
        get("LATEST", iterator("LATEST", it -> it.shardIteratorType(ShardIteratorType.LATEST)), 1);
        return first;
    }

    private String iterator(String type, Consumer<GetShardIteratorRequest.Builder> position)
            throws Exception {
        Thread.sleep(Records.BETWEEN_READS_MS);
        var answer = scenario.say("GetShardIterator " + type, () -> kinesis.getShardIterator(
            it -> position.accept(it.streamName(STREAM).shardId(SHARD))));
        return answer == null ? null : answer.shardIterator();
    }

    private List<Record> get(String what, String iterator, int limit) throws Exception {
        Thread.sleep(Records.BETWEEN_READS_MS);
        var answer = scenario.say("GetRecords, " + what,
            () -> kinesis.getRecords(it -> it.shardIterator(iterator).limit(limit)));
        return answer == null ? List.of() : answer.records();
    }

    private void refusedReads(String number) throws Exception {
        get("a foreign iterator", "AAAAAAAAAAEforeign", 1);
        get("a limit too large", "AAAAAAAAAAEforeign", 20_000);
        iterator("AT_TIMESTAMP in the future", it -> it.shardIteratorType(ShardIteratorType.AT_TIMESTAMP)
            .timestamp(Instant.now().plusSeconds(3600)));
        iterator("AT_TIMESTAMP without one", it -> it.shardIteratorType(ShardIteratorType.AT_TIMESTAMP));
        iterator("LATEST with a number",
            it -> it.shardIteratorType(ShardIteratorType.LATEST).startingSequenceNumber(number));
        iterator("of no known type", it -> it.shardIteratorType("SOMEWHERE"));
        iterator("of another shard", it -> it.shardId("shardId-000000000001")
            .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER).startingSequenceNumber(number));
        iterator("of no shard", it -> it.shardId("shardId-000000000099").shardIteratorType("LATEST"));
    }

    private void consumers() throws Exception {
        String streamArn = scenario.client.summary(STREAM).streamARN();
        scenario.say("RegisterStreamConsumer", () -> kinesis.registerStreamConsumer(
            it -> it.streamARN(streamArn).consumerName("first").tags(Map.of("team", "river"))));
        String arn = scenario.client.register(streamArn, "second");
        scenario.say("RegisterStreamConsumer again", () -> kinesis.registerStreamConsumer(
            it -> it.streamARN(streamArn).consumerName("second")));
        scenario.say("DescribeStreamConsumer",
            () -> kinesis.describeStreamConsumer(it -> it.consumerARN(arn)));
        scenario.say("ListStreamConsumers", () -> kinesis.listStreamConsumers(
            it -> it.streamARN(streamArn).maxResults(1)));
        if (scenario.client.asynchronous != null) {
            var position = Records.from(ShardIteratorType.TRIM_HORIZON);
            var subscription = Subscription.to(scenario.client, arn, SHARD, position);
            subscription.items(5);
            scenario.say("SubscribeToShard", subscription.records());
            subscription.cancel();
        }
        scenario.say("DeregisterStreamConsumer",
            () -> kinesis.deregisterStreamConsumer(it -> it.consumerARN(arn)));
    }

    private void encryption() throws Exception {
        scenario.say("StartStreamEncryption", () -> kinesis.startStreamEncryption(
            it -> it.streamName(STREAM).encryptionType("KMS").keyId(KEY)));
        scenario.client.waitUntilActive(STREAM);
        put("PutRecord, encrypted", "k", new byte[3]);
        scenario.say("StopStreamEncryption", () -> kinesis.stopStreamEncryption(
            it -> it.streamName(STREAM).encryptionType("KMS").keyId(KEY)));
        scenario.client.waitUntilActive(STREAM);
    }

    private void reshards() throws Exception {
        var shards = scenario.client.shards(STREAM);
        Instant created = scenario.client.summary(STREAM).streamCreationTimestamp();
        scenario.say("SplitShard", () -> kinesis.splitShard(it -> it.streamName(STREAM).shardToSplit(SHARD)
            .newStartingHashKey(ShardGroups.middle(shards.get(0)))));
        scenario.client.waitUntilActive(STREAM);
        scenario.say("SplitShard again", () -> kinesis.splitShard(
            it -> it.streamName(STREAM).shardToSplit(SHARD).newStartingHashKey("5")));
        scenario.say("MergeShards", () -> kinesis.mergeShards(it -> it.streamName(STREAM)
            .shardToMerge("shardId-000000000002").adjacentShardToMerge("shardId-000000000003")));
        scenario.client.waitUntilActive(STREAM);
        scenario.say("ListShards", () -> kinesis.listShards(
            it -> it.streamName(STREAM).streamCreationTimestamp(created)));
        scenario.say("ListShards in pages",
            () -> kinesis.listShards(it -> it.streamName(STREAM).maxResults(2)));
        scenario.say("ListShards at a time", () -> kinesis.listShards(it -> it.streamName(STREAM)
            .shardFilter(filter -> filter.type("AT_TIMESTAMP").timestamp(created.minusSeconds(60)))));
        scenario.say("UpdateShardCount", () -> kinesis.updateShardCount(
            it -> it.streamName(STREAM).targetShardCount(4).scalingType("UNIFORM_SCALING")));
        scenario.client.waitUntilActive(STREAM);
        scenario.say("DescribeStream, resharded", () -> kinesis.describeStream(it -> it.streamName(STREAM)));
        get("a closed shard", Records.iterator(kinesis, STREAM, SHARD,
            it -> it.shardIteratorType(ShardIteratorType.LATEST)), 10);
    }
}
