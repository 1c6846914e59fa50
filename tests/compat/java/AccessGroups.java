import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ChannelStreamConfiguration;
import software.amazon.awssdk.services.kinesis.model.InvalidArgumentException;
import software.amazon.awssdk.services.kinesis.model.LimitExceededException;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Tag;
import software.amazon.awssdk.services.kinesis.model.ValidationException;

/** Groups about what surrounds the data: tags, policies, refusals, and what is not built yet. */
final class AccessGroups {
    private AccessGroups() {
    }

    static void tags(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-tags";
        String arn = client.create(stream, 1);
        var tags = new TreeMap<String, String>();
        for (int number = 10; number < 15; number++) {
            tags.put("key-" + number, "value \u00e9 " + number);
        }
        kinesis.addTagsToStream(it -> it.streamName(stream).tags(tags));
        Checks.equal(inPages(kinesis, stream), tags, "tags in pages");
        kinesis.removeTagsFromStream(it -> it.streamName(stream).tagKeys("key-10", "key-11"));
        tags.keySet().removeAll(List.of("key-10", "key-11"));
        Checks.equal(inPages(kinesis, stream), tags, "tags left");

        kinesis.tagResource(it -> it.resourceARN(arn).tags(Map.of("team", "river")));
        tags.put("team", "river");
        var tagged = kinesis.listTagsForResource(it -> it.resourceARN(arn)).tags();
        Checks.equal(map(tagged), tags, "tags of the ARN");
        kinesis.untagResource(it -> it.resourceARN(arn).tagKeys(tags.keySet()));
        Checks.equal(kinesis.listTagsForResource(it -> it.resourceARN(arn)).tags(), List.of(), "no tags");
    }

    /** ListTagsForStream two at a time. */
    private static Map<String, String> inPages(KinesisClient kinesis, String stream) {
        var tags = new ArrayList<Tag>();
        for (int pages = 0; pages < 10; pages++) {
            String after = tags.isEmpty() ? null : tags.get(tags.size() - 1).key();
            var page = kinesis.listTagsForStream(
                it -> it.streamName(stream).limit(2).exclusiveStartTagKey(after));
            Checks.check(!page.hasMoreTags() || page.tags().size() == 2, "a page: " + page);
            tags.addAll(page.tags());
            if (!page.hasMoreTags()) {
                break;
            }
        }
        return map(tags);
    }

    private static Map<String, String> map(List<Tag> tags) {
        var map = new HashMap<String, String>();
        tags.forEach(tag -> Checks.equal(map.put(tag.key(), tag.value()), null, "a tag twice: " + tag));
        return map;
    }

    static void policies(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String arn = client.create("matrix-policies", 1);
        String policy = """
            {"Version": "2012-10-17", "Statement": [{"Sid": "read", "Effect": "Allow",
             "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
             "Action": ["kinesis:DescribeStreamSummary", "kinesis:GetRecords"], "Resource": "%s"}]}
            """.formatted(arn);
        kinesis.putResourcePolicy(it -> it.resourceARN(arn).policy(policy));
        String got = kinesis.getResourcePolicy(it -> it.resourceARN(arn)).policy();
        Checks.equal(JsonNode.parser().parse(got), JsonNode.parser().parse(policy), "policy");
        kinesis.deleteResourcePolicy(it -> it.resourceARN(arn));
        Checks.equal(kinesis.getResourcePolicy(it -> it.resourceARN(arn)).policy(), "{}", "no policy");
        Checks.refused(ResourceNotFoundException.class,
            () -> kinesis.deleteResourcePolicy(it -> it.resourceARN(arn)));
    }

    /** Each is the class of the SDK's model, has a message, and was not tried twice. */
    static void errors(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String stream = "matrix-errors";
        client.create(stream, 1);
        var unknown = Checks.refused(ResourceNotFoundException.class, () -> client.summary("matrix-nowhere"));
        Checks.check(unknown.getMessage().contains("matrix-nowhere"), "message: " + unknown.getMessage());
        Checks.refused(ResourceInUseException.class,
            () -> kinesis.createStream(it -> it.streamName(stream).shardCount(1)));
        Checks.refused(InvalidArgumentException.class,
            () -> kinesis.getRecords(it -> it.shardIterator("AAAAAAAAAAEforeign")));
        int tooMany = kinesis.describeLimits().shardLimit() + 1;
        Checks.refused(LimitExceededException.class,
            () -> kinesis.createStream(it -> it.streamName("matrix-errors-many").shardCount(tooMany)));
        Checks.refused(ValidationException.class,
            () -> kinesis.createStream(it -> it.streamName("matrix errors").shardCount(1)));
    }

    /** Channels, which this version of the SDK has; queues it has not. */
    static void channels(Client client) throws Exception {
        KinesisClient kinesis = client.kinesis;
        String arn = "arn:aws:kinesis:us-east-1:000000000000:channel/matrix-channel";
        notBuilt("CreateChannel", () -> kinesis.createChannel(it -> it.channelName("matrix-channel")
            .serviceExecutionRoleARN("arn:aws:iam::000000000000:role/role")
            .streamConfigurationList(ChannelStreamConfiguration.builder()
                .streamARN("arn:aws:kinesis:us-east-1:000000000000:stream/matrix-channels")
                .recordConfiguration(record -> record.recordFormatType("JSON")).build())
            .s3DestinationConfiguration(s3 -> s3.storageConfiguration(bucket -> bucket
                .bucketARN("arn:aws:s3:::bucket").expectedBucketOwner("000000000000")))));
        notBuilt("DescribeChannel", () -> kinesis.describeChannel(it -> it.channelARN(arn)));
        notBuilt("UpdateChannel", () -> kinesis.updateChannel(it -> it.channelARN(arn)));
        notBuilt("DeleteChannel", () -> kinesis.deleteChannel(it -> it.channelARN(arn)));
        notBuilt("ListChannels", () -> kinesis.listChannels(it -> { }));
        throw new Matrix.Absent("not built yet: answered InvalidArgumentException");
    }

    private static void notBuilt(String operation, Callable<?> call) throws Exception {
        var refusal = Checks.refused(InvalidArgumentException.class, call);
        Checks.equal(refusal.awsErrorDetails().errorMessage(),
            operation + " is not supported by this server yet.", "message");
    }
}
