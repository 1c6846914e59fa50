import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kinesis.source.KinesisStreamsSource;
import org.apache.flink.kinesis.shaded.software.amazon.awssdk.services.kinesis.model.Record;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;
import org.apache.flink.streaming.connectors.kinesis.serialization.KinesisDeserializationSchema;
import org.apache.flink.util.Collector;

/** The connector's three ways to read a stream, each from its beginning and as lines to print. */
final class Sources {
    private Sources() {}

    static DataStream<String> read(StreamExecutionEnvironment environment, String mode) {
        return switch (mode) {
            case "efo" -> environment.addSource(consumer(fanOut()));
            case "polling" -> environment.addSource(consumer(reading()));
            case "source" -> environment.fromSource(source(), WatermarkStrategy.noWatermarks(), "kinesis")
                .returns(Types.STRING);
            default -> throw new IllegalArgumentException("no such FANLIGHT_MODE: " + mode);
        };
    }

    private static Properties reading() {
        Properties properties = Settings.connection();
        properties.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        properties.setProperty("flink.shard.discovery.intervalmillis", "1000");
        return properties;
    }

    /**
     * The connector registers the consumer itself. LAZY: its tasks do that, and deregister it at their end.
     * EAGER: this process does, before the job starts, and nobody deregisters it.
     */
    private static Properties fanOut() {
        Properties properties = reading();
        String registration = Settings.optional("FANLIGHT_REGISTRATION", "LAZY");
        properties.setProperty("flink.stream.recordpublisher", "EFO");
        properties.setProperty("flink.stream.efo.consumername", Settings.required("FANLIGHT_CONSUMER"));
        properties.setProperty("flink.stream.efo.registration", registration);
        return properties;
    }

    /** The older source, which polls unless told otherwise. */
    private static FlinkKinesisConsumer<String> consumer(Properties properties) {
        String stream = Settings.required("FANLIGHT_STREAM");
        return new FlinkKinesisConsumer<>(stream, new ConsumedLine(), properties);
    }

    /** The newer source, which can only poll in this version. */
    private static KinesisStreamsSource<String> source() {
        var configuration = new Configuration();
        reading().forEach((key, value) -> configuration.setString((String) key, (String) value));
        return KinesisStreamsSource.<String>builder()
            .setStreamArn(Settings.streamArn())
            .setSourceConfig(configuration)
            .setDeserializationSchema(new PolledLine())
            .build();
    }

    private static String line(String shardId, String sequenceNumber, byte[] data) {
        return "record " + shardId + " " + sequenceNumber + " " + new String(data, StandardCharsets.UTF_8);
    }

    /** What the older source tells of a record. */
    private static final class ConsumedLine implements KinesisDeserializationSchema<String> {
        @Override
        public String deserialize(
                byte[] data, String key, String sequence, long arrivedAt, String stream, String shardId) {
            return line(shardId, sequence, data);
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return Types.STRING;
        }
    }

    /** What the newer source tells of a record. */
    private static final class PolledLine implements
            org.apache.flink.connector.kinesis.source.serialization.KinesisDeserializationSchema<String> {
        @Override
        public void deserialize(Record record, String stream, String shardId, Collector<String> lines) {
            lines.collect(line(shardId, record.sequenceNumber(), record.data().asByteArray()));
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return Types.STRING;
        }
    }
}
