import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordFailedException;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The Kinesis Producer Library puts user records at a steady rate for a while, aggregated as by default.
 *
 * <p>Each is put under a random key; its data is {@code <key> <number> <time of the put in us since epoch>},
 * filled up with dots. What became of it is told on the standard output; see {@link Tally}. The log of the
 * library and its native daemon goes to the standard error stream.
 */
public final class Produce {
    private static final String STREAM = System.getenv("FANLIGHT_STREAM");
    /** User records to put each second. */
    private static final int RATE = number("FANLIGHT_RATE", 2_000);
    private static final int SECS = number("FANLIGHT_SECS", 300);
    private static final int RECORD_BYTES = number("FANLIGHT_RECORD_BYTES", 100);
    /** Per cent of a shard's own limit that the library lets itself put there. */
    private static final int RATE_LIMIT = number("FANLIGHT_RATE_LIMIT", 150);
    /** Back-pressure: far less than the 30 s after which the library gives a record up. */
    private static final int OUTSTANDING_MAX = 2 * RATE;
    /** Longer than any record lives in the library. */
    private static final int DRAIN_SECS_MAX = 60;

    private final KinesisProducer producer = new KinesisProducer(configuration());
    private final Tally tally = new Tally();

    public static void main(String[] arguments) throws InterruptedException {
        new Produce().run();
    }

    private void run() throws InterruptedException {
        long start = System.nanoTime();
        long last = start + TimeUnit.SECONDS.toNanos(SECS);
        long number = 0;
        long forgone = 0;
        for (long now = start; now < last; now = System.nanoTime()) {
            long due = (now - start) * RATE / TimeUnit.SECONDS.toNanos(1) - forgone;
            while (number < due && producer.getOutstandingRecordsCount() < OUTSTANDING_MAX) {
                put(number);
                number += 1;
            }
            // What back-pressure held up is not made up for later.
            forgone += Math.max(0, due - number);
            Thread.sleep(1);
        }
        drain();
        // Kills the daemon; what it still had has failed by now.
        producer.destroy();
        tally.close();
    }

    private void put(long number) {
        String key = UUID.randomUUID().toString();
        long now = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
        String fields = "%s %d %d ".formatted(key, number, now);
        String data = fields + ".".repeat(Math.max(0, RECORD_BYTES - fields.length()));
        ByteBuffer bytes = ByteBuffer.wrap(data.getBytes(StandardCharsets.UTF_8));
        var outcome = new FutureCallback<UserRecordResult>() {
            @Override
            public void onSuccess(UserRecordResult result) {
                tally.put(data, result);
            }

            @Override
            public void onFailure(Throwable failure) {
                if (failure instanceof UserRecordFailedException refused) {
                    tally.failed(data, refused.getResult());
                } else {
                    tally.failed(data, failure);
                }
            }
        };
        tally.begin();
        var future = producer.addUserRecord(STREAM, key, bytes);
        Futures.addCallback(future, outcome, MoreExecutors.directExecutor());
    }

    /** Flushes until every record has its outcome, as {@code flushSync} would, but not for ever. */
    private void drain() throws InterruptedException {
        long last = System.nanoTime() + TimeUnit.SECONDS.toNanos(DRAIN_SECS_MAX);
        while (tally.pending() > 0 && System.nanoTime() < last) {
            producer.flush();
            Thread.sleep(100);
        }
    }

    private static KinesisProducerConfiguration configuration() {
        var kinesis = URI.create(System.getenv("FANLIGHT_ENDPOINT"));
        return new KinesisProducerConfiguration()
            .setRegion(System.getenv("AWS_REGION"))
            .setKinesisEndpoint(kinesis.getHost())
            .setKinesisPort(kinesis.getPort())
            .setCaCertFile(System.getenv("FANLIGHT_CERTIFICATE"))
            // Metrics would go to CloudWatch.
            .setMetricsLevel("none")
            .setRateLimit(RATE_LIMIT);
    }

    private static int number(String variable, int otherwise) {
        String value = System.getenv(variable);
        return value == null ? otherwise : Integer.parseInt(value);
    }
}
