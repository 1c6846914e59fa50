import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.ValidationException;

/** Groups about the limits: more than a shard takes, and records as large as they may be. */
final class LoadGroups {
    private static final String SHARD = "shardId-000000000000";
    private static final int KIB = 1024;
    private static final int MIB = 1024 * KIB;
    private static final String THROTTLED = "ProvisionedThroughputExceededException";

    private LoadGroups() {
    }

    static void throttles(Client client) throws Exception {
        String stream = "matrix-throttles";
        client.create(stream, 1);
        var entry = PutRecordsRequestEntry.builder().partitionKey("key").data(random(128 * KIB)).build();
        try (var patient = new Client(10)) {
            patient.waitUntilActive(stream);
            var answer = patient.kinesis.putRecords(
                it -> it.streamName(stream).records(Collections.nCopies(32, entry)));
            // The shard has nothing left now: most of a mebibyte is refused until most of a second has
            // passed. A client told to be patient tries until then.
            var last = Records.put(patient.kinesis, stream, "key", random(900 * KIB));
            int attempts = patient.wire.attempts(PutRecordRequest.class);
            Checks.check(attempts > 1 && attempts <= 10, "accepted after " + attempts + " attempts");
            int accepted = 32 - refused(answer);
            var read = Records.items(Records.all(client.kinesis, stream, SHARD, accepted + 1));
            Checks.equal(read.size(), accepted + 1, "records accepted");
            Checks.equal(read.get(accepted), last, "the last record");
        }
    }

    /** How many of the 4 MiB of entries were refused, each saying so. */
    private static int refused(PutRecordsResponse answer) {
        var refused = answer.records().stream().filter(it -> it.errorCode() != null).toList();
        Checks.equal(answer.failedRecordCount(), refused.size(), "failed records");
        Checks.check(refused.size() >= 20 && refused.size() < 32, refused.size() + " of 32 are refused");
        for (var each : refused) {
            Checks.equal(each.errorCode(), THROTTLED, "error code");
            Checks.check(!each.errorMessage().isBlank(), "no message: " + each);
            Checks.equal(each.sequenceNumber(), null, "number of what was refused");
        }
        return refused.size();
    }

    static void large(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-large";
        String arn = client.create(stream, 1);
        String consumerArn = client.asynchronous == null ? null : client.register(arn, "consumer");
        var put = new ArrayList<Records.Item>();
        put.add(Records.put(kinesis, stream, "one", random(MIB)));
        Checks.refused(ValidationException.class,
            () -> Records.put(kinesis, stream, "more", random(MIB + 1)));
        kinesis.updateMaxRecordSize(it -> it.streamARN(arn).maxRecordSizeInKiB(10 * KIB));
        client.waitUntilActive(stream);
        // It takes some seconds until a shard takes ten mebibytes at once.
        try (var patient = new Client(10)) {
            put.add(Records.put(patient.kinesis, stream, "ten", random(10 * MIB)));
        }
        Checks.refused(ValidationException.class,
            () -> Records.put(kinesis, stream, "more", random(10 * MIB + 1)));
        both(client, stream, consumerArn, put);
    }

    /** The records are the same byte for byte, asked for and pushed. */
    private static void both(Client client, String stream, String consumerArn, List<Records.Item> put)
            throws Exception {
        Checks.equal(Records.items(Records.all(client.kinesis, stream, SHARD, put.size())), put, "read");
        if (consumerArn != null) {
            var position = Records.from(ShardIteratorType.TRIM_HORIZON);
            var subscription = Subscription.to(client, consumerArn, SHARD, position);
            Checks.equal(subscription.items(put.size()), put, "pushed");
            subscription.cancel();
        }
    }

    /** The same bytes in every run, of no pattern. */
    private static SdkBytes random(int size) {
        var data = new byte[size];
        new Random(size).nextBytes(data);
        return SdkBytes.fromByteArrayUnsafe(data);
    }
}
