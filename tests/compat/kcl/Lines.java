import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.util.stream.Stream;

/**
 * Standard output, a line for everything that happens, each begun by the mode (or `worker`: by neither):
 * `start SHARD SEQUENCE_NUMBER`, `record SHARD SEQUENCE_NUMBER SUB_SEQUENCE_NUMBER MICROS DATA`, `end SHARD`,
 * `lost SHARD`, `trouble TEXT`.
 */
final class Lines {
    private static final PrintStream OUT =
        new PrintStream(new FileOutputStream(FileDescriptor.out), false, UTF_8);

    private Lines() {
    }

    static void say(String... words) {
        sayAll(Stream.<String[]>of(words));
    }

    /** Says these together, and has them out before it returns: a kill then loses none. */
    static void sayAll(Stream<String[]> lines) {
        synchronized (OUT) {
            lines.forEach(words -> OUT.append(String.join(" ", words)).append('\n'));
            OUT.flush();
        }
    }
}
