import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.client.JobCancellationException;
import org.apache.flink.util.ExceptionUtils;

/**
 * A Flink job that reads FANLIGHT_STREAM in FANLIGHT_MODE (efo, polling or source) until standard input ends,
 * and prints `record SHARD SEQUENCE-NUMBER DATA` for each record. A job that ends otherwise is a failure.
 *
 * The older source's state holds JDK collections, which Flink copies by reflection. As its own scripts do,
 * start this with `--add-opens java.base/java.util=ALL-UNNAMED`, or the first checkpoint fails.
 */
public final class Consume {
    private static final long CANCEL_SECS_MAX = 20;

    private Consume() {}

    public static void main(String[] arguments) {
        try {
            run();
            System.exit(0);
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }

    private static void run() throws Exception {
        Settings.trustCertificate();
        var environment = Settings.miniCluster();
        Sources.read(environment, Settings.optional("FANLIGHT_MODE", "efo")).addSink(new Lines());
        JobClient job = environment.executeAsync("fanlight-" + Settings.required("FANLIGHT_STREAM"));
        CompletableFuture<JobExecutionResult> result = job.getJobExecutionResult();
        CompletableFuture<Void> stop = CompletableFuture.runAsync(Consume::awaitEndOfInput);
        CompletableFuture.anyOf(result, stop).get();
        cancel(job, result);
    }

    private static void awaitEndOfInput() {
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException broken) {
            // A broken pipe ends the input as well.
        }
    }

    /** Cancelling lets the tasks close, and so deregister their consumer. */
    private static void cancel(JobClient job, CompletableFuture<JobExecutionResult> result)
            throws InterruptedException, ExecutionException, TimeoutException {
        job.cancel().get(CANCEL_SECS_MAX, TimeUnit.SECONDS);
        try {
            result.get(CANCEL_SECS_MAX, TimeUnit.SECONDS);
            throw new IllegalStateException("the job ended by itself");
        } catch (ExecutionException ended) {
            if (ExceptionUtils.findThrowable(ended, JobCancellationException.class).isEmpty()) {
                throw ended;
            }
        }
    }
}
