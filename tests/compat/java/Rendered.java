import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import software.amazon.awssdk.awscore.AwsResponse;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.SdkField;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.core.util.SdkAutoConstructList;
import software.amazon.awssdk.core.util.SdkAutoConstructMap;

/**
 * Answers as text that is the same in every run: each member of the model, by name. What differs between runs
 * by its nature is named instead, the same thing by the same name each time it comes.
 */
final class Rendered {
    private static final Pattern SEQUENCE_NUMBER = Pattern.compile("\\b\\d{56}\\b");
    /** Creation times in consumer ARNs, and milliseconds in messages. */
    private static final Pattern TIME = Pattern.compile("\\b1\\d{9}(\\d{3})?\\b");
    private static final Duration ABOUT = Duration.ofMinutes(10);
    private static final int HOURS_MAX = 48;
    private static final int SHOWN_MAX = 256;

    private final Map<String, String> numbers = new HashMap<>();
    private final Instant began = Instant.now();

    String answer(AwsResponse answer) {
        boolean traced = answer.responseMetadata().requestId().matches("[0-9a-f-]{36}");
        return "%d, request id %s, %s".formatted(
            answer.sdkHttpResponse().statusCode(), traced ? "there" : "missing", value("", answer));
    }

    String refusal(AwsServiceException error) {
        var details = error.awsErrorDetails();
        return "%s %d %s, request id %s, %d attempt(s): %s".formatted(error.getClass().getSimpleName(),
            error.statusCode(), details.errorCode(), error.requestId() == null ? "missing" : "there",
            error.numAttempts(), text(details.errorMessage()));
    }

    /** A member's value. */
    String value(String member, Object value) {
        // The SDK shows a list or map that did not come as an empty one of a kind of its own.
        if (value == null || value instanceof SdkAutoConstructList || value instanceof SdkAutoConstructMap) {
            return "absent";
        }
        if (value instanceof SdkPojo structure) {
            return structure.sdkFields().stream().map(field -> member(field, structure))
                .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof List<?> list) {
            return list.stream().map(each -> value(member, each)).collect(Collectors.joining(", ", "[", "]"));
        }
        if (value instanceof Map<?, ?> map) {
            return new TreeMap<>(map).entrySet().stream()
                .map(each -> each.getKey() + "=" + value(member, each.getValue()))
                .collect(Collectors.joining(", ", "map(", ")"));
        }
        return scalar(member, value);
    }

    private String member(SdkField<?> field, SdkPojo structure) {
        return field.memberName() + ": " + value(field.memberName(), field.getValueOrDefault(structure));
    }

    private String scalar(String member, Object value) {
        if (value instanceof Instant time) {
            return time(time);
        }
        if (value instanceof SdkBytes bytes) {
            return data(bytes.asByteArray());
        }
        return switch (member) {
            case "ShardIterator", "NextShardIterator", "NextToken" -> "<" + member + ">";
            case "MillisBehindLatest" -> (Long) value == 0 ? "0" : "<behind>";
            default -> value instanceof String text ? '"' + text(text) + '"' : value.toString();
        };
    }

    /** Long data by what they begin with and a checksum: differences show, and lines stay short. */
    private static String data(byte[] data) {
        var checksum = new CRC32();
        checksum.update(data);
        String start = HexFormat.of().formatHex(data, 0, Math.min(data.length, SHOWN_MAX));
        return "%d bytes %s, CRC-32 %08x".formatted(data.length, start, checksum.getValue());
    }

    /** About now, or so many hours from now; any other time is wrong, and shown. */
    private String time(Instant time) {
        double hours = Duration.between(began, time).toMillis() / 3_600_000.0;
        long whole = Math.round(hours);
        boolean near = Math.abs(hours - whole) * 60 < ABOUT.toMinutes() && Math.abs(whole) <= HOURS_MAX;
        return near ? "<now%+dh>".formatted(whole) : time.toString();
    }

    private String text(String text) {
        String named = SEQUENCE_NUMBER.matcher(text).replaceAll(found ->
            numbers.computeIfAbsent(found.group(), number -> "<number " + numbers.size() + ">"));
        return TIME.matcher(named).replaceAll("<time>");
    }
}
