import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import software.amazon.awssdk.core.SdkSystemSetting;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.SdkHttpHeaders;

/** Looks on while the SDK sends: how often it tries, and in which of its two languages it is answered. */
final class Wire implements ExecutionInterceptor {
    private final Map<String, AtomicInteger> attempts = new ConcurrentHashMap<>();
    private final Map<String, Set<String>> contentTypes = new ConcurrentHashMap<>();

    /** The content type of everything but subscriptions, which the SDK always has in JSON. */
    static String contentType() {
        boolean cbor = SdkSystemSetting.CBOR_ENABLED.getBooleanValue().orElse(true);
        return cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
    }

    /** How often requests of this kind, such as `PutRecordRequest`, went out until now. */
    int attempts(Class<?> request) {
        var count = attempts.get(request.getSimpleName());
        return count == null ? 0 : count.get();
    }

    /** The content types requests of this kind had, and the answers to them. */
    Set<String> contentTypes(Class<?> request) {
        return contentTypes.getOrDefault(request.getSimpleName(), Set.of());
    }

    @Override
    public void beforeTransmission(Context.BeforeTransmission sending, ExecutionAttributes attributes) {
        String request = sending.request().getClass().getSimpleName();
        attempts.computeIfAbsent(request, it -> new AtomicInteger()).incrementAndGet();
        note(request, sending.httpRequest());
    }

    @Override
    public void afterTransmission(Context.AfterTransmission answered, ExecutionAttributes attributes) {
        note(answered.request().getClass().getSimpleName(), answered.httpResponse());
    }

    private void note(String request, SdkHttpHeaders message) {
        List<String> types = message.matchingHeaders("Content-Type");
        contentTypes.computeIfAbsent(request, it -> ConcurrentHashMap.newKeySet()).addAll(types);
    }
}
