import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** Push delivery in a few lines. AWS_ENDPOINT_URL_KINESIS=http://127.0.0.1:4567 tells the SDK where. */
public class Quickstart {
    public static void main(String[] arguments) throws Exception {
        try (var kinesis = KinesisAsyncClient.create()) {
            kinesis.createStream(it -> it.streamName("quickstart").shardCount(1)).join();
            // Without the second argument the SDK looks every ten seconds.
            var stream = kinesis.waiter().waitUntilStreamExists(it -> it.streamName("quickstart"),
                it -> it.backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofMillis(100))))
                .join().matched().response().get().streamDescription();
            var arn = kinesis.registerStreamConsumer(
                it -> it.streamARN(stream.streamARN()).consumerName("me")).join().consumer().consumerARN();
            for (int looks = 0; looks < 100 && kinesis.describeStreamConsumer(it -> it.consumerARN(arn))
                .join().consumerDescription().consumerStatus() != ConsumerStatus.ACTIVE; looks++) {
                Thread.sleep(100);
            }
            var pushed = new CompletableFuture<String>();
            kinesis.subscribeToShard(it -> it.consumerARN(arn).shardId(stream.shards().get(0).shardId())
                .startingPosition(from -> from.type("TRIM_HORIZON")),
                SubscribeToShardResponseHandler.builder().onError(pushed::completeExceptionally)
                    .onEventStream(events -> events.filter(SubscribeToShardEvent.class)
                        .flatMapIterable(SubscribeToShardEvent::records).limit(1)
                        .subscribe(record -> pushed.complete(record.data().asUtf8String())))
                    .build());
            kinesis.putRecord(it -> it.streamName("quickstart").partitionKey("greeting")
                .data(SdkBytes.fromUtf8String("hello"))).join();
            System.out.println("pushed: " + pushed.join());
        }
    }
}
