import java.io.FileInputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClientBuilder;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.KinesisClientBuilder;

/** The ways to connect that `FANLIGHT_TRANSPORT` names, each as a user would set it up. */
final class Transports {
    private static final URI ENDPOINT = URI.create(System.getenv("FANLIGHT_ENDPOINT"));

    /** What the asynchronous client's HTTP is told, by the name of the transport. */
    private static final Map<String, UnaryOperator<NettyNioAsyncHttpClient.Builder>> ASYNCHRONOUS =
        new TreeMap<>(Map.of(
            // Plain text has no negotiation: HTTP/2 begins by prior knowledge.
            "h2c", http -> http2(http, ProtocolNegotiation.ASSUME_PROTOCOL),
            "h2c-16k", http -> window(http2(http, ProtocolNegotiation.ASSUME_PROTOCOL), 16 * 1024),
            "h2c-64k", http -> window(http2(http, ProtocolNegotiation.ASSUME_PROTOCOL), 65_535),
            "h2-tls", http -> http2(http, ProtocolNegotiation.ALPN),
            // What the SDK did before 2.30: HTTP/2 inside TLS, and no word about it in the handshake.
            "h2-tls-assumed", http -> http2(http, ProtocolNegotiation.ASSUME_PROTOCOL),
            "http1-async", http -> http.protocol(Protocol.HTTP1_1)));

    private Transports() {
    }

    static String name() {
        return System.getenv("FANLIGHT_TRANSPORT");
    }

    static boolean isSynchronous() {
        return switch (name()) {
            case "http1", "http1-tls" -> true;
            default -> false;
        };
    }

    static KinesisAsyncClientBuilder asynchronous() {
        var settings = ASYNCHRONOUS.get(name());
        if (settings == null) {
            throw new IllegalArgumentException("FANLIGHT_TRANSPORT is none of " + ASYNCHRONOUS.keySet());
        }
        var http = settings.apply(NettyNioAsyncHttpClient.builder());
        if (overTls()) {
            TrustManager[] trusted = trusted();
            http.tlsTrustManagersProvider(() -> trusted);
        }
        return located(KinesisAsyncClient.builder()).httpClientBuilder(http);
    }

    static KinesisClientBuilder synchronous() {
        var http = Apache5HttpClient.builder();
        if (overTls()) {
            TrustManager[] trusted = trusted();
            http.tlsTrustManagersProvider(() -> trusted);
        }
        return located(KinesisClient.builder()).httpClientBuilder(http);
    }

    private static <B extends AwsClientBuilder<B, C>, C> B located(B builder) {
        // A transport that is not what its name says would let a run prove the wrong thing.
        if (name().contains("tls") != overTls()) {
            throw new IllegalArgumentException(name() + " does not go with " + ENDPOINT);
        }
        return builder.endpointOverride(ENDPOINT);
    }

    private static boolean overTls() {
        return ENDPOINT.getScheme().toLowerCase(Locale.ROOT).equals("https");
    }

    private static NettyNioAsyncHttpClient.Builder http2(NettyNioAsyncHttpClient.Builder http,
                                                         ProtocolNegotiation negotiation) {
        return http.protocol(Protocol.HTTP2).protocolNegotiation(negotiation);
    }

    private static NettyNioAsyncHttpClient.Builder window(NettyNioAsyncHttpClient.Builder http, int bytes) {
        return http.http2Configuration(it -> it.initialWindowSize(bytes));
    }

    /** Trusts the server's certificate, and nothing else. */
    private static TrustManager[] trusted() {
        try (var file = new FileInputStream(System.getenv("FANLIGHT_CERTIFICATE"))) {
            var store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int number = 0;
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("certificate-" + number++, certificate);
            }
            var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            return factory.getTrustManagers();
        } catch (Exception failure) {
            throw new IllegalStateException("the server's certificate cannot be read", failure);
        }
    }
}
