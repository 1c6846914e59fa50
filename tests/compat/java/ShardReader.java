import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponse;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** Reads one shard to its end, one subscription after the other, each going on where the one before ended. */
final class ShardReader {
    private static final Duration RETRY_EVERY = Duration.ofMillis(250);
    /** Longer than a server takes to come back, and than the five seconds in which it refuses another try. */
    private static final Duration RETRY_FOR = Duration.ofSeconds(90);

    private final Soak soak;
    private final KinesisAsyncClient kinesis;
    private final String consumerArn;
    private final String shardId;
    private volatile StartingPosition position =
        StartingPosition.builder().type(ShardIteratorType.TRIM_HORIZON).build();
    /** Null as long as the shard goes on. */
    private volatile List<ChildShard> children;
    private volatile long servedAt = System.nanoTime();

    ShardReader(Soak soak, KinesisAsyncClient kinesis, String consumerArn, String shardId) {
        this.soak = soak;
        this.kinesis = kinesis;
        this.consumerArn = consumerArn;
        this.shardId = shardId;
    }

    void subscribe() {
        var request = SubscribeToShardRequest.builder().consumerARN(consumerArn).shardId(shardId)
            .startingPosition(position).build();
        var handler = SubscribeToShardResponseHandler.builder()
            .onResponse(this::accepted).subscriber(OneAtATime::new).build();
        kinesis.subscribeToShard(request, handler).whenComplete((nothing, failure) -> over(failure));
    }

    private void accepted(SubscribeToShardResponse response) {
        servedAt = System.nanoTime();
        Soak.tell("subscribed " + shardId);
    }

    private void take(SubscribeToShardEvent event) {
        servedAt = System.nanoTime();
        for (Record record : event.records()) {
            String text = record.data().asUtf8String();
            Soak.tell("record " + shardId + " " + record.sequenceNumber() + " " + text);
        }
        if (event.hasChildShards() && !event.childShards().isEmpty()) {
            children = event.childShards();
            Soak.tell("end " + shardId);
        } else {
            position = StartingPosition.builder().type(ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                .sequenceNumber(event.continuationSequenceNumber()).build();
        }
    }

    /** The subscription has ended as it should, or broken, or never begun. */
    private void over(Throwable failure) {
        Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
        if (cause != null) {
            Soak.tell("trouble " + shardId + " " + cause.getClass().getSimpleName());
        }
        if (children != null) {
            soak.ended(shardId, children);
        } else if (cause != null && System.nanoTime() - servedAt > RETRY_FOR.toNanos()) {
            Soak.giveUp(shardId + ": not served for " + RETRY_FOR.toSeconds() + " s", cause);
        } else {
            long pause = cause == null ? 0 : RETRY_EVERY.toMillis();
            soak.timer().schedule(this::subscribe, pause, TimeUnit.MILLISECONDS);
        }
    }

    /** Asks for an event when the one before has been taken, so no more comes than is dealt with. */
    private final class OneAtATime implements Subscriber<SubscribeToShardEventStream> {
        private Subscription subscription;

        @Override
        public void onSubscribe(Subscription given) {
            subscription = given;
            subscription.request(1);
        }

        @Override
        public void onNext(SubscribeToShardEventStream event) {
            if (event instanceof SubscribeToShardEvent records) {
                take(records);
            }
            subscription.request(1);
        }

        @Override
        public void onError(Throwable failure) {
            // The call's future fails with the same, and is listened to.
        }

        @Override
        public void onComplete() {
            // As above.
        }
    }
}
