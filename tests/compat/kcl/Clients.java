import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.KinesisClientUtil;

/** The three clients of an application: Kinesis at the server, DynamoDB and CloudWatch at the companion. */
final class Clients {
    private static final URI COMPANION = URI.create(System.getenv("FANLIGHT_COMPANION"));

    final KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(
        KinesisAsyncClient.builder().endpointOverride(URI.create(System.getenv("FANLIGHT_ENDPOINT"))));
    final DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.builder().endpointOverride(COMPANION).build();
    final CloudWatchAsyncClient cloudWatch =
        CloudWatchAsyncClient.builder().endpointOverride(COMPANION).build();

    /** Makes the server's certificate the one this JVM trusts, as `-Djavax.net.ssl.trustStore` would. */
    static void trustCertificate() throws IOException, GeneralSecurityException {
        String certificate = System.getenv("FANLIGHT_CERTIFICATE");
        if (certificate == null) {
            return;
        }
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (var pem = new FileInputStream(certificate)) {
            var parsed = CertificateFactory.getInstance("X.509").generateCertificate(pem);
            store.setCertificateEntry("server", parsed);
        }
        var password = "changeit";
        var file = Files.createTempFile("trust", ".p12").toFile();
        file.deleteOnExit();
        try (var out = new FileOutputStream(file)) {
            store.store(out, password.toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.getPath());
        System.setProperty("javax.net.ssl.trustStorePassword", password);
    }
}
