import java.util.List;
import software.amazon.kinesis.producer.Attempt;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Tells what became of each user record, a line at a time, and counts.
 *
 * <ul>
 *   <li>{@code put <shardId> <sequenceNumber> <attempts> <data>}: accepted; the number is that of the Kinesis
 *       record which holds it.
 *   <li>{@code failed <data> <what each attempt said>}: given up.
 *   <li>{@code retry <shardId> <code> <message>}: an attempt that failed; the shard is the one that took the
 *       record later, or {@code -}. User records of one Kinesis record fail together, a line for each.
 *   <li>{@code done <puts> <failed> <retries> <wrong shard retries>}: the last line. Records without an
 *       outcome are counted as failed.
 * </ul>
 */
final class Tally {
    private static final String WRONG_SHARD = "Wrong Shard";

    private long begun;
    private long puts;
    private long failed;
    private long retries;
    private long wrongShard;

    synchronized void begin() {
        begun += 1;
    }

    synchronized void put(String data, UserRecordResult result) {
        puts += 1;
        retries(result.getShardId(), result.getAttempts());
        say("put %s %s %d %s".formatted(
            result.getShardId(), result.getSequenceNumber(), result.getAttempts().size(), data));
    }

    synchronized void failed(String data, UserRecordResult result) {
        failed += 1;
        retries("-", result.getAttempts());
        var errors = result.getAttempts().stream().map(Tally::error).toList();
        say("failed %s %s".formatted(data, errors));
    }

    /** The library itself failed, not an attempt: its daemon died, say. */
    synchronized void failed(String data, Throwable failure) {
        failed += 1;
        say("failed %s %s".formatted(data, failure));
    }

    /** Records whose outcome is not known yet. */
    synchronized long pending() {
        return begun - puts - failed;
    }

    synchronized void close() {
        say("done %d %d %d %d".formatted(puts, failed + pending(), retries, wrongShard));
    }

    private void retries(String shardId, List<Attempt> attempts) {
        for (Attempt attempt : attempts) {
            if (!attempt.isSuccessful()) {
                retries += 1;
                wrongShard += WRONG_SHARD.equals(attempt.getErrorCode()) ? 1 : 0;
                say("retry %s %s".formatted(shardId, error(attempt)));
            }
        }
    }

    private static String error(Attempt attempt) {
        return attempt.getErrorCode() + " " + attempt.getErrorMessage();
    }

    /** One line whatever an error says; the stream flushes at its end. */
    private static void say(String line) {
        System.out.println(line.replace('\n', ' '));
    }
}
