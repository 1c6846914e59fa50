import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.core.waiters.WaiterOverrideConfiguration;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.DescribeStreamRequest;
import software.amazon.awssdk.services.kinesis.model.ListStreamConsumersResponse;
import software.amazon.awssdk.services.kinesis.model.ListStreamsResponse;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.waiters.KinesisAsyncWaiter;
import software.amazon.awssdk.services.kinesis.waiters.KinesisWaiter;

/** The client under test, of either kind, and the few steps that nearly every group takes. */
final class Client implements AutoCloseable {
    private static final long PAGES_SECS = 60;
    /** The SDK's waiters pause ten seconds between looks unless told otherwise. */
    private static final WaiterOverrideConfiguration OFTEN = WaiterOverrideConfiguration.builder()
        .backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofMillis(100))).maxAttempts(200).build();

    /** Every operation but SubscribeToShard, each call waited for. */
    final KinesisClient kinesis;
    /** For SubscribeToShard; null where the synchronous client is under test. */
    final KinesisAsyncClient asynchronous;
    final Wire wire = new Wire();

    /** A client that retries as the SDK does by default. */
    Client() {
        this(ClientOverrideConfiguration.builder());
    }

    /** A client that tries each call so often before it gives up. */
    Client(int attempts) {
        this(ClientOverrideConfiguration.builder().retryStrategy(it -> it.maxAttempts(attempts)));
    }

    private Client(ClientOverrideConfiguration.Builder settings) {
        var configuration = settings.addExecutionInterceptor(wire).build();
        if (Transports.isSynchronous()) {
            asynchronous = null;
            kinesis = Transports.synchronous().overrideConfiguration(configuration).build();
        } else {
            asynchronous = Transports.asynchronous().overrideConfiguration(configuration).build();
            kinesis = Waited.of(asynchronous);
        }
    }

    /** A stream that is ready; answers its ARN. */
    String create(String stream, int shards) throws Exception {
        kinesis.createStream(it -> it.streamName(stream).shardCount(shards));
        waitUntilStreamExists(stream);
        return summary(stream).streamARN();
    }

    void waitUntilStreamExists(String stream) throws Exception {
        var request = DescribeStreamRequest.builder().streamName(stream).build();
        if (asynchronous == null) {
            KinesisWaiter.builder().client(kinesis).overrideConfiguration(OFTEN).build()
                .waitUntilStreamExists(request);
        } else {
            KinesisAsyncWaiter.builder().client(asynchronous).overrideConfiguration(OFTEN).build()
                .waitUntilStreamExists(request).get(PAGES_SECS, TimeUnit.SECONDS);
        }
    }

    void waitUntilStreamNotExists(String stream) throws Exception {
        var request = DescribeStreamRequest.builder().streamName(stream).build();
        if (asynchronous == null) {
            KinesisWaiter.builder().client(kinesis).overrideConfiguration(OFTEN).build()
                .waitUntilStreamNotExists(request);
        } else {
            KinesisAsyncWaiter.builder().client(asynchronous).overrideConfiguration(OFTEN).build()
                .waitUntilStreamNotExists(request).get(PAGES_SECS, TimeUnit.SECONDS);
        }
    }

    /** After a change that takes a moment. */
    void waitUntilActive(String stream) throws Exception {
        Checks.within(20, stream + " is ACTIVE", () -> summary(stream).streamStatus() == StreamStatus.ACTIVE);
    }

    StreamDescriptionSummary summary(String stream) {
        return kinesis.describeStreamSummary(it -> it.streamName(stream)).streamDescriptionSummary();
    }

    List<Shard> shards(String stream) {
        return kinesis.listShards(it -> it.streamName(stream)).shards();
    }

    List<Shard> openShards(String stream) {
        return kinesis.listShards(
            it -> it.streamName(stream).shardFilter(filter -> filter.type("AT_LATEST"))).shards();
    }

    /** A consumer that may be subscribed; answers its ARN. */
    String register(String streamArn, String name) throws Exception {
        String arn = kinesis.registerStreamConsumer(it -> it.streamARN(streamArn).consumerName(name))
            .consumer().consumerARN();
        Checks.within(20, name + " is ACTIVE", () -> kinesis.describeStreamConsumer(it -> it.consumerARN(arn))
            .consumerDescription().consumerStatusAsString().equals("ACTIVE"));
        return arn;
    }

    /** All pages of ListStreams, by the SDK's own paginator. */
    List<ListStreamsResponse> streamPages(int limit) throws Exception {
        if (asynchronous == null) {
            return kinesis.listStreamsPaginator(it -> it.limit(limit)).stream().toList();
        }
        var pages = new ArrayList<ListStreamsResponse>();
        var all = asynchronous.listStreamsPaginator(it -> it.limit(limit)).subscribe(pages::add);
        all.get(PAGES_SECS, TimeUnit.SECONDS);
        return pages;
    }

    /** All pages of ListStreamConsumers, by the SDK's own paginator. */
    List<ListStreamConsumersResponse> consumerPages(String streamArn, int limit) throws Exception {
        if (asynchronous == null) {
            var pages = kinesis.listStreamConsumersPaginator(it -> it.streamARN(streamArn).maxResults(limit));
            return pages.stream().toList();
        }
        var pages = new ArrayList<ListStreamConsumersResponse>();
        var all = asynchronous.listStreamConsumersPaginator(it -> it.streamARN(streamArn).maxResults(limit));
        all.subscribe(pages::add).get(PAGES_SECS, TimeUnit.SECONDS);
        return pages;
    }

    @Override
    public void close() {
        if (asynchronous == null) {
            kinesis.close();
        } else {
            asynchronous.close();
        }
    }
}
