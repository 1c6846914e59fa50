import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.InvalidArgumentException;
import software.amazon.awssdk.services.kinesis.model.MetricsName;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

/** Groups about streams as a whole: their life and their settings. */
final class StreamGroups {
    private static final String KEY = "alias/aws/kinesis";

    private StreamGroups() {
    }

    static void streams(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-streams";
        List<String> names = List.of(stream, stream + "-2", stream + "-3");
        for (String name : names) {
            kinesis.createStream(it -> it.streamName(name).shardCount(2));
            client.waitUntilStreamExists(name);
        }
        described(client, stream);
        listed(client, names);
        var limits = kinesis.describeLimits();
        Checks.check(limits.openShardCount() >= 6, "open shards: " + limits);
        Checks.check(limits.shardLimit() > limits.openShardCount(), "shard limit: " + limits);
        kinesis.deleteStream(it -> it.streamName(stream));
        client.waitUntilStreamNotExists(stream);
        Checks.refused(ResourceNotFoundException.class, () -> client.summary(stream));
    }

    private static void described(Client client, String stream) {
        var description = client.kinesis.describeStream(it -> it.streamName(stream)).streamDescription();
        Checks.equal(description.streamStatus(), StreamStatus.ACTIVE, "status");
        Checks.equal(description.shards().size(), 2, "shards described");
        Checks.equal(description.hasMoreShards(), false, "more shards");
        var summary = client.summary(stream);
        Checks.equal(summary.streamARN(), description.streamARN(), "ARN");
        Checks.check(summary.streamARN().matches("arn:aws:kinesis:us-east-1:\\d{12}:stream/" + stream),
            "ARN: " + summary.streamARN());
        Checks.equal(summary.openShardCount(), 2, "open shards");
        Checks.equal(summary.retentionPeriodHours(), 24, "retention");
        // A timestamp in the wrong unit would lie decades off.
        var age = Duration.between(summary.streamCreationTimestamp(), Instant.now()).abs();
        Checks.check(age.toMinutes() < 10, "created at " + summary.streamCreationTimestamp());
    }

    private static void listed(Client client, List<String> names) throws Exception {
        var pages = client.streamPages(1);
        Checks.check(pages.stream().allMatch(page -> page.streamNames().size() == 1), "pages: " + pages);
        var found = pages.stream().flatMap(page -> page.streamNames().stream()).toList();
        Checks.check(found.containsAll(names), "listed: " + found);
        Checks.equal(found, found.stream().sorted().distinct().toList(), "streams listed");
        var summarised = pages.stream().flatMap(page -> page.streamSummaries().stream());
        Checks.equal(summarised.map(it -> it.streamName()).toList(), found, "summaries listed");
    }

    static void retention(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-retention";
        client.create(stream, 1);
        kinesis.increaseStreamRetentionPeriod(it -> it.streamName(stream).retentionPeriodHours(48));
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).retentionPeriodHours(), 48, "retention increased");
        Checks.refused(InvalidArgumentException.class,
            () -> kinesis.increaseStreamRetentionPeriod(
                it -> it.streamName(stream).retentionPeriodHours(24)));
        kinesis.decreaseStreamRetentionPeriod(it -> it.streamName(stream).retentionPeriodHours(24));
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).retentionPeriodHours(), 24, "retention decreased");
    }

    static void monitoring(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-monitoring";
        client.create(stream, 1);
        var both = Set.of(MetricsName.INCOMING_BYTES, MetricsName.OUTGOING_RECORDS);
        var enabled = kinesis.enableEnhancedMonitoring(
            it -> it.streamName(stream).shardLevelMetrics(both.toArray(MetricsName[]::new)));
        Checks.equal(Set.copyOf(enabled.currentShardLevelMetrics()), Set.of(), "metrics before");
        Checks.equal(Set.copyOf(enabled.desiredShardLevelMetrics()), both, "metrics after enabling");
        client.waitUntilActive(stream);
        var shown = client.summary(stream).enhancedMonitoring().get(0).shardLevelMetrics();
        Checks.equal(Set.copyOf(shown), both, "metrics shown");
        var disabled = kinesis.disableEnhancedMonitoring(
            it -> it.streamName(stream).shardLevelMetrics(MetricsName.INCOMING_BYTES));
        Checks.equal(Set.copyOf(disabled.currentShardLevelMetrics()), both, "metrics before disabling");
        var left = disabled.desiredShardLevelMetrics();
        Checks.equal(left, List.of(MetricsName.OUTGOING_RECORDS), "metrics left");
    }

    static void encryption(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-encryption";
        client.create(stream, 1);
        kinesis.startStreamEncryption(
            it -> it.streamName(stream).encryptionType(EncryptionType.KMS).keyId(KEY));
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).encryptionType(), EncryptionType.KMS, "type shown");
        Checks.equal(client.summary(stream).keyId(), KEY, "key shown");
        Checks.equal(putOne(kinesis, stream, "kept secret"), EncryptionType.KMS, "type of a put");
        kinesis.stopStreamEncryption(
            it -> it.streamName(stream).encryptionType(EncryptionType.KMS).keyId(KEY));
        client.waitUntilActive(stream);
        Checks.check(isNone(putOne(kinesis, stream, "told to all")), "a put after the end is encrypted");
        var records = Records.all(kinesis, stream, "shardId-000000000000", 2);
        Checks.equal(records.stream().map(it -> it.data().asUtf8String()).toList(),
            List.of("kept secret", "told to all"), "read back");
        Checks.equal(records.get(0).encryptionType(), EncryptionType.KMS, "type of the first record");
        Checks.check(isNone(records.get(1).encryptionType()), "type of the second: " + records.get(1));
    }

    private static EncryptionType putOne(KinesisClient kinesis, String stream, String text) {
        var data = SdkBytes.fromUtf8String(text);
        return kinesis.putRecord(it -> it.streamName(stream).partitionKey("key").data(data)).encryptionType();
    }

    private static boolean isNone(EncryptionType type) {
        return type == null || type == EncryptionType.NONE;
    }

    static void modes(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-modes";
        String arn = client.create(stream, 1);
        Checks.equal(mode(client, stream), StreamMode.PROVISIONED, "mode before");
        kinesis.updateStreamMode(
            it -> it.streamARN(arn).streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND)));
        client.waitUntilActive(stream);
        Checks.equal(mode(client, stream), StreamMode.ON_DEMAND, "mode after");
        kinesis.updateMaxRecordSize(it -> it.streamARN(arn).maxRecordSizeInKiB(2048));
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).maxRecordSizeInKiB(), 2048, "largest record");
        kinesis.updateStreamRecordDistributionStrategy(
            it -> it.streamARN(arn).recordDistributionStrategy("AUTO"));
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).recordDistributionStrategyAsString(), "AUTO", "distribution");
        warmed(client, stream, arn);
    }

    private static StreamMode mode(Client client, String stream) {
        return client.summary(stream).streamModeDetails().streamMode();
    }

    /** Only accounts that commit to a minimum may warm a stream. */
    private static void warmed(Client client, String stream, String arn) throws Exception {
        KinesisClient kinesis = client.kinesis;
        kinesis.updateAccountSettings(
            it -> it.minimumThroughputBillingCommitment(commitment -> commitment.status("ENABLED")));
        var commitment = kinesis.describeAccountSettings(it -> { }).minimumThroughputBillingCommitment();
        Checks.equal(commitment.statusAsString(), "ENABLED", "commitment");
        var age = Duration.between(commitment.startedAt(), Instant.now()).abs();
        Checks.check(age.toMinutes() < 10, "commitment started at " + commitment.startedAt());
        var warm = kinesis.updateStreamWarmThroughput(it -> it.streamARN(arn).warmThroughputMiBps(8));
        Checks.equal(warm.warmThroughput().targetMiBps(), 8, "target warm throughput");
        client.waitUntilActive(stream);
        Checks.equal(client.summary(stream).warmThroughput().currentMiBps(), 8, "warm throughput");
    }
}
