import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;

/** Records as they were put and as they come back, and reading no faster than five times a second. */
final class Records {
    /** A shard may be read five times a second, and asked for as many iterators. */
    static final long BETWEEN_READS_MS = 220;

    /** One record; equal to another when number, key and data are. */
    record Item(String sequenceNumber, String key, SdkBytes data) {
        static Item of(Record record) {
            return new Item(record.sequenceNumber(), record.partitionKey(), record.data());
        }

        /** Long data would make a message unreadable. */
        @Override
        public String toString() {
            return "%s %s %d bytes".formatted(sequenceNumber, key, data.asByteArrayUnsafe().length);
        }
    }

    private Records() {
    }

    static Item put(KinesisClient kinesis, String stream, String key, SdkBytes data) {
        var answer = kinesis.putRecord(it -> it.streamName(stream).partitionKey(key).data(data));
        return new Item(answer.sequenceNumber(), key, data);
    }

    /** So many records with short texts, numbered from `from`. */
    static List<Item> put(KinesisClient kinesis, String stream, int from, int count) {
        var items = new ArrayList<Item>();
        for (int number = from; number < from + count; number++) {
            items.add(put(kinesis, stream, "key-" + number, SdkBytes.fromUtf8String("record " + number)));
        }
        return items;
    }

    static List<Item> items(List<Record> records) {
        return records.stream().map(Item::of).toList();
    }

    static String iterator(KinesisClient kinesis, String stream, String shardId,
                           Consumer<GetShardIteratorRequest.Builder> position) throws InterruptedException {
        Thread.sleep(BETWEEN_READS_MS);
        return kinesis.getShardIterator(it -> position.accept(it.streamName(stream).shardId(shardId)))
            .shardIterator();
    }

    static GetRecordsResponse read(KinesisClient kinesis, String iterator, int limit)
            throws InterruptedException {
        Thread.sleep(BETWEEN_READS_MS);
        return kinesis.getRecords(it -> it.shardIterator(iterator).limit(limit));
    }

    /** Everything of a shard, until so many records have come or it is at its tip. */
    static List<Record> all(KinesisClient kinesis, String stream, String shardId, int count)
            throws InterruptedException {
        String next = iterator(kinesis, stream, shardId,
            it -> it.shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        var records = new ArrayList<Record>();
        for (int reads = 0; reads < 50 && next != null && records.size() < count; reads++) {
            var answer = read(kinesis, next, 10_000);
            records.addAll(answer.records());
            next = answer.nextShardIterator();
        }
        return records;
    }

    static StartingPosition from(ShardIteratorType type) {
        return StartingPosition.builder().type(type).build();
    }

    static StartingPosition from(ShardIteratorType type, String sequenceNumber) {
        return StartingPosition.builder().type(type).sequenceNumber(sequenceNumber).build();
    }

    /** Where a key lies among all hash keys. */
    static BigInteger hashKey(String partitionKey) throws Exception {
        byte[] key = partitionKey.getBytes(StandardCharsets.UTF_8);
        return new BigInteger(1, MessageDigest.getInstance("MD5").digest(key));
    }
}
