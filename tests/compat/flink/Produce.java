import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;

/** A Flink job that puts `record-1` to `record-N` into FANLIGHT_STREAM by the sink; N is FANLIGHT_RECORDS. */
public final class Produce {
    private Produce() {}

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
        long records = Long.parseLong(Settings.optional("FANLIGHT_RECORDS", "1000"));
        var environment = Settings.miniCluster();
        environment.fromSequence(1, records).map(number -> "record-" + number).sinkTo(sink());
        environment.execute("fanlight-produce");
        System.out.println("produced " + records);
    }

    /** A record's text is its key as well: that spreads the records over all shards. */
    private static KinesisStreamsSink<String> sink() {
        Properties properties = Settings.connection();
        return KinesisStreamsSink.<String>builder()
            .setKinesisClientProperties(properties)
            .setStreamArn(Settings.streamArn())
            .setSerializationSchema(new SimpleStringSchema())
            .setPartitionKeyGenerator(text -> text)
            .setFailOnError(true)
            .build();
    }
}
