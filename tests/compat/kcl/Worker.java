import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.kinesis.coordinator.Scheduler;

/**
 * One worker of the Kinesis Client Library: for each mode of retrieval an application of its own, until
 * standard input closes. What it does it says line by line on standard output, see {@link Lines}.
 */
public final class Worker {
    private static final long SHUTDOWN_SECS_MAX = 40;

    private final List<Scheduler> schedulers = new ArrayList<>();
    private volatile boolean stopping;

    public static void main(String[] arguments) throws Exception {
        Troubles.listen();
        Clients.trustCertificate();
        var modes = Optional.ofNullable(System.getenv("FANLIGHT_MODES")).orElse("fanout,polling");
        var worker = new Worker();
        for (String mode : modes.split(",")) {
            worker.start(mode);
        }
        waitForEndOfInput();
        System.exit(worker.shutDown() ? 0 : 1);
    }

    /** The threads of a mode form a group of its name: so a log line tells which mode it is about. */
    private void start(String mode) throws InterruptedException {
        var group = new ThreadGroup(mode);
        var made = new Thread(group, () -> schedulers.add(Application.scheduler(mode)));
        made.start();
        made.join();
        var scheduler = schedulers.get(schedulers.size() - 1);
        new Thread(group, () -> run(mode, scheduler)).start();
    }

    /** A scheduler that gives up takes the process with it: whoever started the worker starts it again. */
    private void run(String mode, Scheduler scheduler) {
        scheduler.run();
        if (!stopping) {
            Lines.say(mode, "trouble", "the scheduler gave up");
            System.exit(2);
        }
    }

    private static void waitForEndOfInput() throws IOException {
        while (System.in.read() >= 0) {
            // Whatever is typed: only the end counts.
        }
    }

    /** Lets every processor checkpoint and gives all leases back; answers whether that was in time. */
    private boolean shutDown() throws InterruptedException {
        stopping = true;
        boolean graceful = true;
        for (var end : schedulers.stream().map(Scheduler::startGracefulShutdown).toList()) {
            try {
                graceful &= end.get(SHUTDOWN_SECS_MAX, TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException failure) {
                Lines.say("worker", "trouble", "no graceful shutdown: " + failure);
                graceful = false;
            }
        }
        return graceful;
    }
}
