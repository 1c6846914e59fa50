import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** What the groups say of the answers they get; each throws when it does not hold. */
final class Checks {
    private static final long POLL_MS = 100;

    private Checks() {
    }

    static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }

    static void equal(Object got, Object expected, String what) {
        check(Objects.equals(got, expected), what + ": got " + shown(got) + ", expected " + shown(expected));
    }

    /** The call is refused with exactly this modelled class, a message and a request id, and once. */
    static <E extends AwsServiceException> E refused(Class<E> kind, Callable<?> call) throws Exception {
        try {
            Object answer = call.call();
            throw new IllegalStateException("no " + kind.getSimpleName() + " but " + shown(answer));
        } catch (AwsServiceException error) {
            equal(error.getClass(), kind, "class of " + error.getMessage());
            var details = error.awsErrorDetails();
            check(!details.errorMessage().isBlank(), kind.getSimpleName() + " without a message");
            equal(error.statusCode(), 400, "status of " + error.getMessage());
            equal(error.numAttempts(), 1, "attempts at " + error.getMessage());
            check(error.requestId() != null, "no request id with " + error.getMessage());
            return kind.cast(error);
        }
    }

    /** Polls until it holds, for at most so many seconds. */
    static void within(long seconds, String what, Callable<Boolean> holds) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!holds.call()) {
            check(System.nanoTime() < until, what + ": not within " + seconds + " s");
            Thread.sleep(POLL_MS);
        }
    }

    /** Long values, such as a mebibyte of data, say no more than their beginning does. */
    private static String shown(Object value) {
        String text = String.valueOf(value);
        return text.length() <= 300 ? text : text.substring(0, 300) + "...";
    }
}
