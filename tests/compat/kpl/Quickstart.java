import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;

/** Puts one record with the Kinesis Producer Library and prints the shard that took it. */
public final class Quickstart {
    public static void main(String[] arguments) throws Exception {
        var producer = new KinesisProducer(new KinesisProducerConfiguration()
            .setRegion("us-east-1")
            .setKinesisEndpoint("127.0.0.1").setKinesisPort(4567) // always TLS
            .setCaCertFile("fanlight-data/tls/cert.pem")
            .setMetricsLevel("none"));
        var hello = ByteBuffer.wrap("hello".getBytes(StandardCharsets.UTF_8));
        var result = producer.addUserRecord("orders", "a key", hello).get();
        System.out.println("put: " + result.getShardId());
        producer.destroy();
    }
}
