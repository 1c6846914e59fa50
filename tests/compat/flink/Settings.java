import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Properties;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.config.AWSConfigConstants;

/** Where the server is, whose certificate to trust, and the mini cluster that every job here runs in. */
final class Settings {
    private static final int PARALLELISM = 2;
    private static final Duration CHECKPOINT_EVERY = Duration.ofSeconds(1);
    private static final Duration RESTART_AFTER = Duration.ofSeconds(1);
    private static final int RESTARTS_MAX = 60;
    private static final String LOOPBACK = "127.0.0.1";
    private static final String ACCOUNT = "000000000000";

    private Settings() {}

    static String required(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is not set");
        }
        return value;
    }

    static String optional(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    /** What every connector needs; keys come from the environment by the SDKs' own chain. */
    static Properties connection() {
        var properties = new Properties();
        properties.setProperty(AWSConfigConstants.AWS_REGION, required("AWS_REGION"));
        properties.setProperty(AWSConfigConstants.AWS_ENDPOINT, required("FANLIGHT_ENDPOINT"));
        return properties;
    }

    /** The newer source and the sink want an ARN instead of a name. */
    static String streamArn() {
        String name = required("FANLIGHT_STREAM");
        return "arn:aws:kinesis:%s:%s:stream/%s".formatted(required("AWS_REGION"), ACCOUNT, name);
    }

    /** Job and task manager in this process, on the loopback only; checkpoints are exactly-once. */
    static StreamExecutionEnvironment miniCluster() {
        var configuration = new Configuration();
        configuration.set(JobManagerOptions.BIND_HOST, LOOPBACK);
        configuration.set(TaskManagerOptions.BIND_HOST, LOOPBACK);
        configuration.set(RestOptions.BIND_ADDRESS, LOOPBACK);
        configuration.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, CHECKPOINT_EVERY);
        configuration.set(
            CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
        configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        configuration.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, RESTARTS_MAX);
        configuration.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, RESTART_AFTER);
        return StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, configuration);
    }

    /**
     * Makes this process trust the server's certificate. The fan-out client takes neither a certificate nor
     * "trust all" from its properties, so the trust store of the whole process is the one way.
     */
    static void trustCertificate() throws IOException, GeneralSecurityException {
        String pem = System.getenv("FANLIGHT_CERTIFICATE");
        if (pem == null) {
            return;
        }
        String password = "changeit";
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream in = Files.newInputStream(Path.of(pem))) {
            var certificate = CertificateFactory.getInstance("X.509").generateCertificate(in);
            store.setCertificateEntry("fanlight", certificate);
        }
        Path file = Files.createTempFile("trust", ".p12");
        file.toFile().deleteOnExit();
        try (OutputStream out = Files.newOutputStream(file)) {
            store.store(out, password.toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", password);
    }
}
