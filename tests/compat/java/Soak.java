import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Stream;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.Shard;

/**
 * A consumer that runs for long: every shard of `FANLIGHT_STREAM` by enhanced fan-out as `FANLIGHT_CONSUMER`,
 * its children after it, through whatever breaks. Tells each thing that happens in a line, for others to
 * judge.
 *
 * <p>Ends when standard input does.
 */
public final class Soak {
    /** Data may be of any script, whatever the locale. */
    private static final PrintStream OUT =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    private static final int ACTIVE_POLLS_MAX = 200;
    private static final long ACTIVE_POLL_MS = 100;

    private final KinesisAsyncClient kinesis;
    private final String consumerArn;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(Soak::daemon);
    private final Set<String> started = new HashSet<>();
    private final Set<String> ended = new HashSet<>();

    private Soak(KinesisAsyncClient kinesis, String consumerArn) {
        this.kinesis = kinesis;
        this.consumerArn = consumerArn;
    }

    public static void main(String[] arguments) throws Exception {
        String stream = System.getenv("FANLIGHT_STREAM");
        var kinesis = Transports.asynchronous().build();
        var soak = new Soak(kinesis, register(kinesis, stream, System.getenv("FANLIGHT_CONSUMER")));
        tell("ready");
        soak.start(kinesis.listShards(it -> it.streamName(stream)).join().shards());
        System.in.transferTo(PrintStream.nullOutputStream());
        // Not by closing the client: open subscriptions would be told about as if they had broken.
        System.exit(0);
    }

    /** A line on standard output, at once. */
    static synchronized void tell(String line) {
        OUT.println(line);
    }

    /** There is nothing more to try. */
    static void giveUp(String why, Throwable failure) {
        System.err.println(why);
        failure.printStackTrace();
        System.exit(1);
    }

    private static Thread daemon(Runnable work) {
        var thread = new Thread(work, "timer");
        thread.setDaemon(true);
        return thread;
    }

    private static String register(KinesisAsyncClient kinesis, String stream, String consumer)
            throws InterruptedException {
        String streamArn = kinesis.describeStreamSummary(it -> it.streamName(stream)).join()
            .streamDescriptionSummary().streamARN();
        try {
            kinesis.registerStreamConsumer(it -> it.streamARN(streamArn).consumerName(consumer)).join();
        } catch (CompletionException failure) {
            // It is there already when this program runs a second time.
            if (!(failure.getCause() instanceof ResourceInUseException)) {
                throw failure;
            }
        }
        for (int polls = 0; polls < ACTIVE_POLLS_MAX; polls++) {
            var described = kinesis.describeStreamConsumer(
                it -> it.streamARN(streamArn).consumerName(consumer)).join().consumerDescription();
            if (described.consumerStatus() == ConsumerStatus.ACTIVE) {
                return described.consumerARN();
            }
            Thread.sleep(ACTIVE_POLL_MS);
        }
        throw new IllegalStateException(consumer + " did not become active");
    }

    /** Reads the shards that no other listed shard precedes; the others follow as children. */
    private synchronized void start(List<Shard> shards) {
        var listed = new HashSet<String>();
        shards.forEach(shard -> listed.add(shard.shardId()));
        for (Shard shard : shards) {
            var parents = Stream.of(shard.parentShardId(), shard.adjacentParentShardId())
                .filter(parent -> parent != null).toList();
            // What is listed no more has been trimmed, and nothing will ever be read of it.
            parents.stream().filter(parent -> !listed.contains(parent)).forEach(ended::add);
            if (ended.containsAll(parents)) {
                read(shard.shardId());
            }
        }
    }

    /** A shard has been read to its end: its children's turn, unless they have to wait for another parent. */
    synchronized void ended(String shardId, List<ChildShard> children) {
        ended.add(shardId);
        for (ChildShard child : children) {
            if (ended.containsAll(child.parentShards())) {
                read(child.shardId());
            }
        }
    }

    private void read(String shardId) {
        if (started.add(shardId)) {
            new ShardReader(this, kinesis, consumerArn, shardId).subscribe();
        }
    }

    ScheduledExecutorService timer() {
        return timer;
    }
}
