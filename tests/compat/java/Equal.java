import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import software.amazon.awssdk.awscore.AwsResponse;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordRequest;
import software.amazon.awssdk.services.kinesis.model.StreamMode;

/**
 * One scenario of all kinds of calls; prints what each is answered, whole, as text that is the same in every
 * run against a fresh server. Run with `-Daws.cborEnabled=false` and without, the two outputs have to be the
 * same: what the SDK sends and understands in CBOR is what it does in JSON.
 */
public final class Equal implements AutoCloseable {
    /** Keys and tags may be of any script, whatever the locale. */
    private static final PrintStream OUT =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private final Rendered rendered = new Rendered();
    final Client client = new Client();
    final KinesisClient kinesis = client.kinesis;

    private Equal() {
    }

    public static void main(String[] arguments) {
        int status = 0;
        try (var scenario = new Equal()) {
            scenario.streams();
            new EqualData(scenario).run();
            scenario.settings();
            scenario.access();
            scenario.refusals();
            scenario.end();
            // Two runs in one language would be equal without proving anything: what was seen is the last line.
            OUT.println(String.join(" ", scenario.client.wire.contentTypes(PutRecordRequest.class)));
        } catch (Throwable failure) {
            failure.printStackTrace();
            status = 1;
        }
        System.exit(status);
    }

    /** Makes a call and prints what came of it; answers null when it was refused. */
    <A extends AwsResponse> A say(String what, Supplier<A> call) {
        try {
            A answer = call.get();
            OUT.println(what + " -> " + rendered.answer(answer));
            return answer;
        } catch (AwsServiceException refusal) {
            OUT.println(what + " -> " + rendered.refusal(refusal));
            return null;
        }
    }

    /** Prints something that did not come as an answer. */
    void say(String what, Object value) {
        OUT.println(what + " -> " + rendered.value("", value));
    }

    private void streams() throws Exception {
        say("CreateStream", () -> kinesis.createStream(
            it -> it.streamName("equal-a").shardCount(2).tags(Map.of("made", "\u65e5\u672c"))));
        say("CreateStream on demand", () -> kinesis.createStream(it -> it.streamName("equal-b")));
        client.waitUntilStreamExists("equal-a");
        client.waitUntilStreamExists("equal-b");
        say("DescribeStream", () -> kinesis.describeStream(it -> it.streamName("equal-a").limit(1)));
        say("DescribeStreamSummary", () -> kinesis.describeStreamSummary(it -> it.streamName("equal-b")));
        say("ListStreams", () -> kinesis.listStreams(it -> it.limit(1)));
        say("DescribeLimits", () -> kinesis.describeLimits());
    }

    private void settings() throws Exception {
        String arn = client.summary("equal-b").streamARN();
        say("IncreaseStreamRetentionPeriod", () -> kinesis.increaseStreamRetentionPeriod(
            it -> it.streamName("equal-a").retentionPeriodHours(48)));
        client.waitUntilActive("equal-a");
        say("EnableEnhancedMonitoring", () -> kinesis.enableEnhancedMonitoring(
            it -> it.streamName("equal-a").shardLevelMetricsWithStrings("ALL")));
        client.waitUntilActive("equal-a");
        say("DisableEnhancedMonitoring", () -> kinesis.disableEnhancedMonitoring(
            it -> it.streamName("equal-a").shardLevelMetricsWithStrings("IncomingBytes")));
        client.waitUntilActive("equal-a");
        say("UpdateMaxRecordSize", () -> kinesis.updateMaxRecordSize(
            it -> it.streamARN(arn).maxRecordSizeInKiB(2048)));
        client.waitUntilActive("equal-b");
        say("UpdateStreamRecordDistributionStrategy", () -> kinesis.updateStreamRecordDistributionStrategy(
            it -> it.streamARN(arn).recordDistributionStrategy("AUTO")));
        client.waitUntilActive("equal-b");
        say("UpdateAccountSettings", () -> kinesis.updateAccountSettings(
            it -> it.minimumThroughputBillingCommitment(commitment -> commitment.status("ENABLED"))));
        say("DescribeAccountSettings", () -> kinesis.describeAccountSettings(it -> { }));
        say("UpdateStreamWarmThroughput", () -> kinesis.updateStreamWarmThroughput(
            it -> it.streamARN(arn).warmThroughputMiBps(8)));
        client.waitUntilActive("equal-b");
        say("DescribeStreamSummary, warmed", () -> kinesis.describeStreamSummary(it -> it.streamARN(arn)));
        say("UpdateStreamMode", () -> kinesis.updateStreamMode(
            it -> it.streamARN(arn).streamModeDetails(mode -> mode.streamMode(StreamMode.PROVISIONED))));
        client.waitUntilActive("equal-b");
        say("DescribeStream with settings", () -> kinesis.describeStream(it -> it.streamName("equal-a")));
    }

    private void access() {
        String arn = client.summary("equal-a").streamARN();
        say("AddTagsToStream", () -> kinesis.addTagsToStream(
            it -> it.streamName("equal-a").tags(Map.of("k1", "", "k2", "v", "k3", "\u00e9t\u00e9"))));
        say("ListTagsForStream", () -> kinesis.listTagsForStream(it -> it.streamName("equal-a").limit(2)));
        say("RemoveTagsFromStream", () -> kinesis.removeTagsFromStream(
            it -> it.streamName("equal-a").tagKeys("k1", "none")));
        say("TagResource", () -> kinesis.tagResource(it -> it.resourceARN(arn).tags(Map.of("k4", "v"))));
        say("ListTagsForResource", () -> kinesis.listTagsForResource(it -> it.resourceARN(arn)));
        say("UntagResource", () -> kinesis.untagResource(it -> it.resourceARN(arn).tagKeys("k4")));
        String policy = """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",\
            "Action":"kinesis:GetRecords","Resource":"%s"}]}""".formatted(arn);
        say("PutResourcePolicy", () -> kinesis.putResourcePolicy(it -> it.resourceARN(arn).policy(policy)));
        say("GetResourcePolicy", () -> kinesis.getResourcePolicy(it -> it.resourceARN(arn)));
        say("DeleteResourcePolicy", () -> kinesis.deleteResourcePolicy(it -> it.resourceARN(arn)));
        say("DeleteResourcePolicy again", () -> kinesis.deleteResourcePolicy(it -> it.resourceARN(arn)));
        say("ListChannels", () -> kinesis.listChannels(it -> { }));
    }

    private void refusals() {
        say("unknown stream", () -> kinesis.describeStreamSummary(it -> it.streamName("equal-nowhere")));
        say("a name taken", () -> kinesis.createStream(it -> it.streamName("equal-a").shardCount(1)));
        say("a name with a space", () -> kinesis.createStream(it -> it.streamName("equal a").shardCount(0)));
        say("too many shards", () -> kinesis.createStream(it -> it.streamName("equal-c").shardCount(90_000)));
        say("no stream at all", () -> kinesis.describeStream(it -> { }));
        say("a retention too long", () -> kinesis.increaseStreamRetentionPeriod(
            it -> it.streamName("equal-a").retentionPeriodHours(9000)));
        say("an unknown consumer", () -> kinesis.describeStreamConsumer(
            it -> it.streamARN(client.summary("equal-a").streamARN()).consumerName("nobody")));
        say("an illegal tag", () -> kinesis.addTagsToStream(
            it -> it.streamName("equal-a").tags(Map.of("a;b", "c"))));
        say("an unknown metric", () -> kinesis.enableEnhancedMonitoring(
            it -> it.streamName("equal-a").shardLevelMetricsWithStrings("Nothing")));
        say("a foreign key", () -> kinesis.startStreamEncryption(
            it -> it.streamName("equal-a").encryptionType("KMS").keyId("alias/not there")));
        say("a policy that is none", () -> kinesis.putResourcePolicy(
            it -> it.resourceARN(client.summary("equal-a").streamARN()).policy("{")));
    }

    private void end() throws Exception {
        for (String stream : List.of("equal-a", "equal-b")) {
            say("DeleteStream", () -> kinesis.deleteStream(
                it -> it.streamName(stream).enforceConsumerDeletion(true)));
            client.waitUntilStreamNotExists(stream);
        }
        say("DeleteStream of none", () -> kinesis.deleteStream(it -> it.streamName("equal-a")));
    }

    @Override
    public void close() {
        client.close();
    }
}
