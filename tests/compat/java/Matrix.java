import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import software.amazon.awssdk.protocols.jsoncore.JsonWriter;

/**
 * Everything a user of the Java SDK does, in groups, over the transport that `FANLIGHT_TRANSPORT` names.
 *
 * <p>Prints a JSON object per line: the client, each group, the whole. Arguments name the groups to run;
 * all of them otherwise. Exits non-zero when a group failed.
 */
public final class Matrix {
    /** One kind of thing users do, checked. */
    private interface Group {
        void run(Client client) throws Exception;
    }

    /** Thrown by a group whose operations are not to be had; the message says why. */
    static final class Absent extends Exception {
        private static final long serialVersionUID = 1;

        Absent(String why) {
            super(why);
        }
    }

    private static final Set<String> SUBSCRIBING = Set.of("fan-out", "shard-end", "takeover");

    private Matrix() {
    }

    public static void main(String[] names) throws Exception {
        print(Map.of("client", "aws-sdk-java-v2"), "version", version());
        Map<String, Group> groups = groups();
        boolean passed = true;
        try (var client = new Client()) {
            for (String name : names.length > 0 ? List.of(names) : List.copyOf(groups.keySet())) {
                passed &= run(name, groups.get(name), client);
            }
        }
        print(Map.of("program", "matrix"), "ok", passed);
        // No thread that the SDK may have left decides when this ends.
        System.exit(passed ? 0 : 1);
    }

    private static Map<String, Group> groups() {
        var groups = new LinkedHashMap<String, Group>();
        groups.put("streams", StreamGroups::streams);
        groups.put("put", PutGroups::put);
        groups.put("get", PutGroups::get);
        groups.put("shards", ShardGroups::shards);
        groups.put("scaling", ShardGroups::scaling);
        groups.put("consumers", ConsumerGroups::consumers);
        groups.put("fan-out", ConsumerGroups::fanOut);
        groups.put("shard-end", ConsumerGroups::shardEnd);
        groups.put("takeover", ConsumerGroups::takeover);
        groups.put("retention", StreamGroups::retention);
        groups.put("monitoring", StreamGroups::monitoring);
        groups.put("encryption", StreamGroups::encryption);
        groups.put("modes", StreamGroups::modes);
        groups.put("tags", AccessGroups::tags);
        groups.put("policies", AccessGroups::policies);
        groups.put("errors", AccessGroups::errors);
        groups.put("throttles", LoadGroups::throttles);
        groups.put("large", LoadGroups::large);
        groups.put("queues and channels", AccessGroups::channels);
        return groups;
    }

    /** Says whether the group did not fail. */
    private static boolean run(String name, Group group, Client client) throws IOException {
        var line = Map.of("group", name);
        try {
            if (SUBSCRIBING.contains(name) && client.asynchronous == null) {
                throw new Absent("the synchronous client has no subscribeToShard");
            }
            group.run(client);
            print(line, "ok", true);
            return true;
        } catch (Absent absent) {
            print(line, "absent", absent.getMessage());
            return true;
        } catch (Throwable failure) {
            failure.printStackTrace();
            print(line, "ok", false, "why", String.valueOf(failure.getMessage()));
            return false;
        }
    }

    /** The version that lies in the SDK's jar. */
    private static String version() throws IOException {
        var properties = new Properties();
        String path = "/META-INF/maven/software.amazon.awssdk/kinesis/pom.properties";
        try (var file = Matrix.class.getResourceAsStream(path)) {
            properties.load(file);
        }
        return properties.getProperty("version");
    }

    private static void print(Map<String, String> first, Object... more) {
        var writer = JsonWriter.create();
        writer.writeStartObject();
        first.forEach((name, value) -> writer.writeFieldName(name).writeValue(value));
        for (int at = 0; at < more.length; at += 2) {
            writer.writeFieldName((String) more[at]);
            if (more[at + 1] instanceof Boolean value) {
                writer.writeValue(value);
            } else {
                writer.writeValue((String) more[at + 1]);
            }
        }
        writer.writeEndObject();
        System.out.println(new String(writer.getBytes(), StandardCharsets.UTF_8));
    }
}
