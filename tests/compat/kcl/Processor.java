import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/** What becomes of one shard's records: each is said, and a checkpoint made at most once a second. */
final class Processor implements ShardRecordProcessor {
    private static final Duration BETWEEN_CHECKPOINTS = Duration.ofSeconds(1);

    private final String mode;
    private String shardId;
    private Instant checkpointed = Instant.now();

    Processor(String mode) {
        this.mode = mode;
    }

    @Override
    public void initialize(InitializationInput input) {
        shardId = input.shardId();
        Lines.say(mode, "start", shardId, input.extendedSequenceNumber().sequenceNumber());
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        String now = Long.toString(ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()));
        Lines.sayAll(input.records().stream().map(record -> new String[] {mode, "record", shardId,
            record.sequenceNumber(), Long.toString(record.subSequenceNumber()), now,
            UTF_8.decode(record.data()).toString()}));
        if (Duration.between(checkpointed, Instant.now()).compareTo(BETWEEN_CHECKPOINTS) >= 0) {
            checkpoint(input.checkpointer());
        }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        // A lease can be lost before its shard was begun.
        if (shardId != null) {
            Lines.say(mode, "lost", shardId);
        }
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        try {
            input.checkpointer().checkpoint();
            Lines.say(mode, "end", shardId);
        } catch (ShutdownException | InvalidStateException failure) {
            // The shard has not ended here then: the library gives it to whoever finishes it.
            throw new IllegalStateException("the end of " + shardId + " could not be noted", failure);
        }
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        checkpoint(input.checkpointer());
    }

    private void checkpoint(RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint();
            checkpointed = Instant.now();
        } catch (ShutdownException lost) {
            // Another worker has the lease, and goes on from the last checkpoint that succeeded.
        } catch (InvalidStateException failure) {
            Lines.say(mode, "trouble", "no checkpoint of " + shardId + ": " + failure);
        }
    }
}
