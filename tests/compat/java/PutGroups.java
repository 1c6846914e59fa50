import java.math.BigInteger;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** Groups about putting records and getting them. */
final class PutGroups {
    private static final String SHARD = "shardId-000000000000";

    private PutGroups() {
    }

    static void put(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-put";
        client.create(stream, 4);
        List<Shard> shards = client.shards(stream);
        Checks.equal(shards.size(), 4, "shards");
        placedByHashKey(kinesis, stream, shards);
        numbersGrow(kinesis, stream);
        manyAtOnce(kinesis, stream, shards);
        // What was just put went out, and was answered, in the language this run is about.
        var contentTypes = client.wire.contentTypes(PutRecordRequest.class);
        Checks.equal(contentTypes, Set.of(Wire.contentType()), "content types");
    }

    private static void placedByHashKey(KinesisClient kinesis, String stream, List<Shard> shards)
            throws Exception {
        for (String key : List.of("a", "b", "c", "d", "\u00e9t\u00e9 \u65e5\u672c \ud83d\udc1f")) {
            var answer = kinesis.putRecord(
                it -> it.streamName(stream).partitionKey(key).data(SdkBytes.fromUtf8String("by key")));
            Checks.equal(answer.shardId(), shardOf(Records.hashKey(key), shards), "shard of key " + key);
        }
        for (Shard shard : shards) {
            var range = shard.hashKeyRange();
            for (String hashKey : List.of(range.startingHashKey(), range.endingHashKey())) {
                var answer = kinesis.putRecord(it -> it.streamName(stream).partitionKey("ignored")
                    .explicitHashKey(hashKey).data(SdkBytes.fromUtf8String("by hash key")));
                Checks.equal(answer.shardId(), shard.shardId(), "shard of hash key " + hashKey);
            }
        }
    }

    private static String shardOf(BigInteger hashKey, List<Shard> shards) {
        return shards.stream()
            .filter(it -> hashKey.compareTo(new BigInteger(it.hashKeyRange().startingHashKey())) >= 0
                && hashKey.compareTo(new BigInteger(it.hashKeyRange().endingHashKey())) <= 0)
            .map(Shard::shardId).reduce((one, other) -> one + " and " + other).orElse("no shard");
    }

    private static void numbersGrow(KinesisClient kinesis, String stream) {
        String last = null;
        for (int number = 0; number < 10; number++) {
            String before = last;
            var answer = kinesis.putRecord(it -> it.streamName(stream).partitionKey("ordered")
                .sequenceNumberForOrdering(before).data(SdkBytes.fromUtf8String("in order")));
            last = answer.sequenceNumber();
            Checks.check(before == null || new BigInteger(last).compareTo(new BigInteger(before)) > 0,
                last + " came after " + before);
        }
    }

    private static void manyAtOnce(KinesisClient kinesis, String stream, List<Shard> shards)
            throws Exception {
        var entries = new ArrayList<PutRecordsRequestEntry>();
        for (int number = 0; number < 500; number++) {
            entries.add(PutRecordsRequestEntry.builder()
                .partitionKey("key-" + number).data(SdkBytes.fromUtf8String("record " + number)).build());
        }
        var answer = kinesis.putRecords(it -> it.streamName(stream).records(entries));
        Checks.equal(answer.failedRecordCount(), 0, "failed records");
        Checks.equal(answer.records().size(), 500, "results");
        for (int number = 0; number < 500; number++) {
            String predicted = shardOf(Records.hashKey("key-" + number), shards);
            Checks.equal(answer.records().get(number).shardId(), predicted, "shard of key-" + number);
        }
        var numbers = answer.records().stream().map(it -> it.sequenceNumber()).distinct();
        Checks.equal(numbers.count(), 500L, "different sequence numbers");
    }

    static void get(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-get";
        client.create(stream, 1);
        String latest = Records.iterator(kinesis, stream, SHARD,
            it -> it.shardIteratorType(ShardIteratorType.LATEST));
        var before = Instant.now();
        List<Records.Item> put = putTen(kinesis, stream);
        var after = Instant.now();

        List<Record> all = Records.all(kinesis, stream, SHARD, 10);
        Checks.equal(Records.items(all), put, "from TRIM_HORIZON");
        for (Record record : all) {
            var arrival = record.approximateArrivalTimestamp();
            Checks.check(!arrival.isBefore(before.minusSeconds(1)) && !arrival.isAfter(after.plusSeconds(1)),
                "arrived at " + arrival + ", put between " + before + " and " + after);
        }
        var sinceAsked = Records.read(kinesis, latest, 100).records();
        Checks.equal(Records.items(sinceAsked), put, "from LATEST, asked before");
        fromTheMiddle(kinesis, stream, all);
        inPages(kinesis, stream, put);
    }

    /** Keys and data of all kinds, in pairs some milliseconds apart. */
    private static List<Records.Item> putTen(KinesisClient kinesis, String stream) throws Exception {
        var every = new byte[256];
        for (int value = 0; value < every.length; value++) {
            every[value] = (byte) value;
        }
        var put = new ArrayList<Records.Item>();
        for (int pair = 0; pair < 5; pair++) {
            put.add(Records.put(kinesis, stream, "\u00e9t\u00e9 " + pair, SdkBytes.fromByteArray(every)));
            put.add(Records.put(kinesis, stream, "k".repeat(256), SdkBytes.fromUtf8String("record " + pair)));
            Thread.sleep(20);
        }
        return put;
    }

    private static void fromTheMiddle(KinesisClient kinesis, String stream, List<Record> all)
            throws Exception {
        String number = all.get(4).sequenceNumber();
        from(kinesis, stream, all.subList(4, 10), it -> it
            .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER).startingSequenceNumber(number));
        from(kinesis, stream, all.subList(5, 10), it -> it
            .shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(number));
        Instant time = all.get(4).approximateArrivalTimestamp();
        Checks.check(all.get(3).approximateArrivalTimestamp().isBefore(time), "arrivals 20 ms apart");
        from(kinesis, stream, all.subList(4, 10),
            it -> it.shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(time));
    }

    private static void from(KinesisClient kinesis, String stream, List<Record> due,
                             Consumer<GetShardIteratorRequest.Builder> position) throws Exception {
        String iterator = Records.iterator(kinesis, stream, SHARD, position);
        var got = Records.read(kinesis, iterator, 100).records();
        Checks.equal(Records.items(got), Records.items(due), "from the middle");
        Checks.equal(got, due, "from the middle, with times");
    }

    private static void inPages(KinesisClient kinesis, String stream, List<Records.Item> put)
            throws Exception {
        String first = Records.iterator(kinesis, stream, SHARD,
            it -> it.shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        var page = Records.read(kinesis, first, 4);
        Checks.equal(Records.items(page.records()), put.subList(0, 4), "the first four");
        Checks.check(page.millisBehindLatest() > 0, "six records before the tip: " + page);
        var rest = Records.read(kinesis, page.nextShardIterator(), 6);
        Checks.equal(Records.items(rest.records()), put.subList(4, 10), "the next six");
        var tip = Records.read(kinesis, rest.nextShardIterator(), 6);
        Checks.equal(tip.records(), List.of(), "records at the tip");
        Checks.equal(tip.millisBehindLatest(), 0L, "behind at the tip");
        Checks.check(tip.nextShardIterator() != null, "an open shard goes on");
    }
}
