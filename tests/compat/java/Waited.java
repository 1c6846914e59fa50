import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/**
 * The asynchronous client seen as the synchronous one, each call waited for: both have the same operations
 * with the same parameters, so one text of checks serves both.
 */
final class Waited {
    private static final long CALL_SECS = 60;

    private final KinesisAsyncClient kinesis;

    private Waited(KinesisAsyncClient kinesis) {
        this.kinesis = kinesis;
    }

    static KinesisClient of(KinesisAsyncClient kinesis) {
        Class<?>[] seenAs = {KinesisClient.class};
        var loader = Waited.class.getClassLoader();
        return (KinesisClient) Proxy.newProxyInstance(loader, seenAs, new Waited(kinesis)::call);
    }

    private Object call(Object proxy, Method method, Object[] arguments) throws Throwable {
        Method counterpart = KinesisAsyncClient.class.getMethod(method.getName(), method.getParameterTypes());
        try {
            Object answer = counterpart.invoke(kinesis, arguments);
            if (answer instanceof CompletableFuture<?> future) {
                return future.get(CALL_SECS, TimeUnit.SECONDS);
            }
            return answer;
        } catch (InvocationTargetException | ExecutionException failure) {
            throw failure.getCause();
        }
    }
}
