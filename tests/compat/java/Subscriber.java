import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** One consumer of one shard, which resubscribes when its subscription ends. */
final class Subscriber {
    private final KinesisAsyncClient kinesis;
    private final String consumerArn;
    private final AtomicBoolean stopping;
    private volatile StartingPosition position;

    final String shardId;
    final ShardIteratorType start;
    /** Each record as sequence number and data; written by one event at a time. */
    final List<String> records = new ArrayList<>();
    final CompletableFuture<Void> accepted = new CompletableFuture<>();
    final CompletableFuture<Void> done;
    volatile int subscriptions;

    Subscriber(KinesisAsyncClient kinesis, String consumerArn, String shardId, ShardIteratorType start,
               AtomicBoolean stopping) {
        this.kinesis = kinesis;
        this.consumerArn = consumerArn;
        this.shardId = shardId;
        this.start = start;
        this.stopping = stopping;
        this.position = StartingPosition.builder().type(start).build();
        this.done = subscribe();
        this.done.whenComplete((nothing, failure) -> {
            if (failure != null) {
                accepted.completeExceptionally(failure);
            }
        });
    }

    /** Subscribes until told to stop; the last subscription is always read to its end. */
    private CompletableFuture<Void> subscribe() {
        var request = SubscribeToShardRequest.builder().consumerARN(consumerArn).shardId(shardId)
            .startingPosition(position).build();
        var visitor = SubscribeToShardResponseHandler.Visitor.builder().onSubscribeToShardEvent(this::take).build();
        var handler = SubscribeToShardResponseHandler.builder()
            .onResponse(response -> {
                subscriptions += 1;
                accepted.complete(null);
            })
            .subscriber(visitor)
            .build();
        return kinesis.subscribeToShard(request, handler).thenCompose(
            nothing -> stopping.get() ? CompletableFuture.completedFuture(null) : subscribe());
    }

    private void take(SubscribeToShardEvent event) {
        for (Record record : event.records()) {
            records.add(record.sequenceNumber() + " " + record.data().asUtf8String());
        }
        position = StartingPosition.builder().type(ShardIteratorType.AFTER_SEQUENCE_NUMBER)
            .sequenceNumber(event.continuationSequenceNumber()).build();
    }
}
