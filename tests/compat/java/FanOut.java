import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;

/** The Java SDK's asynchronous client: CBOR bodies, HTTP/2 by prior knowledge, enhanced fan-out. */
public final class FanOut {
    private static final String STREAM = "fan-out-java";
    private static final int BATCH = 40;
    private static final long PUT_EVERY_MS = 15;
    private static final int SUBSCRIPTION_SECS = Integer.parseInt(System.getenv("FANLIGHT_SUBSCRIPTION_SECS"));

    private final KinesisAsyncClient kinesis = KinesisAsyncClient.builder()
        .endpointOverride(URI.create(System.getenv("FANLIGHT_ENDPOINT")))
        .httpClientBuilder(NettyNioAsyncHttpClient.builder()
            .protocol(Protocol.HTTP2).protocolNegotiation(ProtocolNegotiation.ASSUME_PROTOCOL))
        .build();
    private final Map<String, List<String>> putByShard = new TreeMap<>();
    private int count;

    /** Prints one JSON object; exits non-zero when anything is lost, doubled or out of order. */
    public static void main(String[] arguments) {
        try {
            System.out.println(new FanOut().run());
            System.exit(0);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.out.println("{\"program\": \"fan_out\", \"ok\": false}");
            System.exit(1);
        }
    }

    private String run() throws Exception {
        String streamArn = createStream();
        putBatch();
        errorsAreModelled();
        var skipped = new TreeMap<String, Integer>();
        putByShard.forEach((shard, records) -> skipped.put(shard, records.size()));
        var stopping = new AtomicBoolean();
        List<Subscriber> subscribers = subscribeAll(streamArn, stopping);
        putForAWhile();
        stopping.set(true);
        int subscriptions = 0;
        for (Subscriber each : subscribers) {
            each.done.get(4L * SUBSCRIPTION_SECS, TimeUnit.SECONDS);
            int from = each.start == ShardIteratorType.LATEST ? skipped.get(each.shardId) : 0;
            List<String> all = putByShard.get(each.shardId);
            compare(each.shardId + " " + each.start, each.records, all.subList(from, all.size()));
            check(each.subscriptions >= 3, each.shardId + ": only " + each.subscriptions + " subscriptions");
            subscriptions += each.subscriptions;
        }
        pollAll();
        return "{\"program\": \"fan_out\", \"ok\": true, \"records\": %d, \"subscriptions\": %d}"
            .formatted(count, subscriptions);
    }

    private String createStream() {
        kinesis.createStream(it -> it.streamName(STREAM).shardCount(2)).join();
        kinesis.waiter().waitUntilStreamExists(it -> it.streamName(STREAM)).join();
        var answer = kinesis.describeStreamSummary(it -> it.streamName(STREAM)).join();
        var summary = answer.streamDescriptionSummary();
        // A timestamp in the wrong unit would lie decades off.
        var age = Duration.between(summary.streamCreationTimestamp(), Instant.now()).abs();
        check(age.toMinutes() < 10, "created at " + summary.streamCreationTimestamp());
        return summary.streamARN();
    }

    private List<Subscriber> subscribeAll(String streamArn, AtomicBoolean stopping) throws Exception {
        var subscribers = new ArrayList<Subscriber>();
        for (var start : List.of(ShardIteratorType.TRIM_HORIZON, ShardIteratorType.LATEST)) {
            String consumerArn = registerConsumer(streamArn, "consumer-" + start);
            for (String shardId : putByShard.keySet()) {
                subscribers.add(new Subscriber(kinesis, consumerArn, shardId, start, stopping));
            }
        }
        for (Subscriber each : subscribers) {
            each.accepted.get(20, TimeUnit.SECONDS);
        }
        return subscribers;
    }

    private String registerConsumer(String streamArn, String name) throws Exception {
        var registered = kinesis.registerStreamConsumer(it -> it.streamARN(streamArn).consumerName(name)).join();
        String arn = registered.consumer().consumerARN();
        for (int polls = 0; polls < 150; polls++) {
            var described = kinesis.describeStreamConsumer(it -> it.consumerARN(arn)).join();
            if (described.consumerDescription().consumerStatus() == ConsumerStatus.ACTIVE) {
                return arn;
            }
            Thread.sleep(100);
        }
        throw new IllegalStateException(name + " did not become active");
    }

    private void errorsAreModelled() {
        try {
            kinesis.describeStreamSummary(it -> it.streamName("nowhere")).join();
        } catch (java.util.concurrent.CompletionException failure) {
            check(failure.getCause() instanceof ResourceNotFoundException, "unexpected: " + failure.getCause());
            return;
        }
        throw new IllegalStateException("a stream that was never created is described");
    }

    private void putForAWhile() throws Exception {
        // Long enough that every subscriber resubscribes at least twice while records come.
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(2L * SUBSCRIPTION_SECS + 2);
        while (System.nanoTime() < until) {
            if (count % 97 == 0) {
                putBatch();
            } else {
                putOne();
            }
            Thread.sleep(PUT_EVERY_MS);
        }
    }

    private void putOne() {
        String data = "record " + count;
        var answer = kinesis.putRecord(
            it -> it.streamName(STREAM).partitionKey(data).data(SdkBytes.fromUtf8String(data))).join();
        note(answer.shardId(), answer.sequenceNumber(), data);
    }

    private void putBatch() {
        var entries = new ArrayList<PutRecordsRequestEntry>();
        for (int number = 0; number < BATCH; number++) {
            String data = "batch record " + (count + number);
            entries.add(PutRecordsRequestEntry.builder()
                .partitionKey(data).data(SdkBytes.fromUtf8String(data)).build());
        }
        var answer = kinesis.putRecords(it -> it.streamName(STREAM).records(entries)).join();
        check(answer.failedRecordCount() == 0 && answer.records().size() == BATCH, answer.toString());
        for (int number = 0; number < BATCH; number++) {
            var result = answer.records().get(number);
            note(result.shardId(), result.sequenceNumber(), entries.get(number).data().asUtf8String());
        }
    }

    private void note(String shardId, String sequenceNumber, String data) {
        putByShard.computeIfAbsent(shardId, shard -> new ArrayList<>()).add(sequenceNumber + " " + data);
        count += 1;
    }

    /** The same records again by polling, from a time a little before the first of them. */
    private void pollAll() throws Exception {
        for (var shard : putByShard.entrySet()) {
            var since = Instant.now().minusSeconds(600);
            String iterator = kinesis.getShardIterator(it -> it.streamName(STREAM).shardId(shard.getKey())
                .shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(since)).join().shardIterator();
            var got = new ArrayList<String>();
            for (int reads = 0; reads < 50 && got.size() < shard.getValue().size(); reads++) {
                String from = iterator;
                var answer = kinesis.getRecords(it -> it.shardIterator(from)).join();
                answer.records().forEach(
                    record -> got.add(record.sequenceNumber() + " " + record.data().asUtf8String()));
                iterator = answer.nextShardIterator();
                Thread.sleep(250);
            }
            compare(shard.getKey() + " polled", got, shard.getValue());
        }
    }

    private static void compare(String what, List<String> got, List<String> expected) {
        if (!got.equals(expected)) {
            var lost = new ArrayList<>(expected);
            lost.removeAll(got);
            throw new IllegalStateException("%s: %d lost %s, %d of %d came".formatted(what, lost.size(),
                lost.subList(0, Math.min(3, lost.size())), got.size(), expected.size()));
        }
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalStateException(message);
        }
    }
}
