import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.streaming.api.functions.sink.RichSinkFunction;

/**
 * Prints each record as it comes. A line cannot be taken back: after a failure the records since the last
 * checkpoint are printed again, so the attempt is told too, and each checkpoint made.
 */
final class Lines extends RichSinkFunction<String> implements CheckpointListener {
    @Override
    public void open(OpenContext context) {
        var task = getRuntimeContext().getTaskInfo();
        say("started " + task.getIndexOfThisSubtask() + " " + task.getAttemptNumber());
    }

    @Override
    public void invoke(String line, Context context) {
        say(line);
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) {
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        say("checkpoint " + subtask + " " + checkpoint);
    }

    /** One call per line: subtasks share the stream, and it is flushed at each line's end. */
    private static void say(String line) {
        System.out.println(line);
    }
}
