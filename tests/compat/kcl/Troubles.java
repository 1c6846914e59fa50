import java.util.logging.ConsoleHandler;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/**
 * Makes a `trouble` line of whatever the library warns of, and of what nobody caught. The whole log, also
 * that of the layers below, goes to standard error: what they tell of is handled, or the library warns too.
 */
final class Troubles extends Handler {
    private static final String FORMAT = "%1$tF %1$tT.%1$tL %4$s %3$s: %5$s%6$s%n";
    /** Kept here: a logger nobody holds is forgotten, and its level with it. */
    private static final Logger LIBRARY = Logger.getLogger("software.amazon.kinesis");
    private static final Logger UNCAUGHT = Logger.getLogger("uncaught");
    private static final Logger ROOT = Logger.getLogger("");

    private final SimpleFormatter formatter = new SimpleFormatter();

    static void listen() {
        System.setProperty("java.util.logging.SimpleFormatter.format", FORMAT);
        for (Handler handler : ROOT.getHandlers()) {
            ROOT.removeHandler(handler);
        }
        ROOT.setLevel(Level.WARNING);
        LIBRARY.setLevel(Level.INFO);
        ROOT.addHandler(new ConsoleHandler());
        var troubles = new Troubles();
        LIBRARY.addHandler(troubles);
        UNCAUGHT.addHandler(troubles);
        Thread.setDefaultUncaughtExceptionHandler(
            (thread, failure) -> UNCAUGHT.log(Level.SEVERE, "in " + thread.getName(), failure));
    }

    @Override
    public void publish(LogRecord record) {
        boolean serious = record.getLevel().intValue() >= Level.WARNING.intValue();
        String text = String.valueOf(formatter.formatMessage(record));
        if (serious || text.toLowerCase().contains("orphan")) {
            for (Throwable cause = record.getThrown(); cause != null; cause = cause.getCause()) {
                text += " | " + cause;
            }
            String mode = Thread.currentThread().getThreadGroup().getName();
            Lines.say(mode, "trouble", text.replaceAll("\\s+", " "));
        }
    }

    @Override
    public void flush() {
    }

    @Override
    public void close() {
    }
}
