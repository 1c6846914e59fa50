import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;

/** Puts one record into the stream `quickstart`, and prints it when it is pushed. */
public class Quickstart {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("aws.region", "us-east-1");
        settings.put("aws.endpoint",
            System.getenv().getOrDefault("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:4567"));

        var environment = StreamExecutionEnvironment.createLocalEnvironment();
        environment.fromData("hello").sinkTo(KinesisStreamsSink.<String>builder()
            .setKinesisClientProperties(settings)
            .setStreamName("quickstart")
            .setSerializationSchema(new SimpleStringSchema())
            .setPartitionKeyGenerator(text -> text)
            .build());
        environment.execute();

        settings.put("flink.stream.recordpublisher", "EFO");
        settings.put("flink.stream.efo.consumername", "flink");
        settings.put("flink.stream.initpos", "TRIM_HORIZON");
        var consumer = new FlinkKinesisConsumer<>("quickstart", new SimpleStringSchema(), settings);
        for (String text : environment.addSource(consumer).executeAndCollect(1)) {
            System.out.println("pushed: " + text);
        }
    }
}
