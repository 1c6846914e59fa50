import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.reactivestreams.Subscriber;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** One subscription, which keeps what comes and asks for one event at a time. */
final class Subscription implements Subscriber<SubscribeToShardEventStream> {
    /** How long a subscription lives at this server. */
    static final int SUBSCRIPTION_SECS = Integer.parseInt(System.getenv("FANLIGHT_SUBSCRIPTION_SECS"));
    private static final int PATIENCE_SECS = 20;

    private final List<SubscribeToShardEvent> events = new CopyOnWriteArrayList<>();
    private final CompletableFuture<Void> accepted = new CompletableFuture<>();
    private final CompletableFuture<Void> ended;
    private volatile long acceptedAt;
    private volatile long endedAt;
    private volatile org.reactivestreams.Subscription demand;

    private Subscription(Client client, SubscribeToShardRequest request) {
        var handler = SubscribeToShardResponseHandler.builder()
            .onResponse(response -> accepted.complete(null)).subscriber(() -> this).build();
        accepted.thenRun(() -> acceptedAt = System.nanoTime());
        ended = client.asynchronous.subscribeToShard(request, handler).whenComplete((nothing, failure) -> {
            endedAt = System.nanoTime();
            if (failure != null) {
                accepted.completeExceptionally(failure);
            }
        });
    }

    /** Subscribes, and waits until that was accepted; throws what it was refused with. */
    static Subscription to(Client client, String consumerArn, String shardId, StartingPosition position)
            throws Exception {
        var subscription = new Subscription(client, SubscribeToShardRequest.builder()
            .consumerARN(consumerArn).shardId(shardId).startingPosition(position).build());
        waitFor(subscription.accepted, PATIENCE_SECS);
        return subscription;
    }

    @Override
    public void onSubscribe(org.reactivestreams.Subscription given) {
        demand = given;
        demand.request(1);
    }

    @Override
    public void onNext(SubscribeToShardEventStream event) {
        if (event instanceof SubscribeToShardEvent records) {
            events.add(records);
        }
        demand.request(1);
    }

    @Override
    public void onError(Throwable failure) {
        // The call's own future fails with the same.
    }

    @Override
    public void onComplete() {
        // The call's own future completes.
    }

    void cancel() {
        demand.cancel();
    }

    SubscribeToShardEvent lastEvent() {
        return events.get(events.size() - 1);
    }

    List<Record> records() {
        return events.stream().flatMap(event -> event.records().stream()).toList();
    }

    List<Records.Item> items() {
        return Records.items(records());
    }

    /** Waits for so many records, and gives those that have come. */
    List<Records.Item> items(int count) throws Exception {
        Checks.within(PATIENCE_SECS, count + " records are pushed",
            () -> items().size() >= count || ended.isCompletedExceptionally());
        return items();
    }

    /** Waits for the end; throws what the subscription ended with unless that was a clean end. */
    void waitForEnd() throws Exception {
        waitFor(ended, SUBSCRIPTION_SECS + PATIENCE_SECS);
    }

    /** It lived as long as subscriptions do here, about; a machine that is busy may take a little longer. */
    void checkLifetime() {
        double seconds = (endedAt - acceptedAt) / 1e9;
        boolean asLong = seconds > SUBSCRIPTION_SECS - 0.5 && seconds < SUBSCRIPTION_SECS + 3;
        Checks.check(asLong, "a subscription lived " + seconds + " s");
    }

    /** No record comes without a place to go on from, nor a place without being told how far behind it is. */
    void checkEvents() {
        for (SubscribeToShardEvent event : events) {
            boolean goesOn = event.continuationSequenceNumber() != null;
            Checks.check(goesOn == event.childShards().isEmpty(), "neither goes on nor ends: " + event);
            Checks.check(!goesOn || event.millisBehindLatest() != null, "how far behind: " + event);
        }
    }

    private static void waitFor(CompletableFuture<Void> future, long seconds) throws Exception {
        try {
            future.get(seconds, TimeUnit.SECONDS);
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof Exception cause ? cause : failure;
        }
    }
}
