import java.nio.charset.StandardCharsets;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.common.StreamIdentifier;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.*;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;

/** Reads the stream "orders" by enhanced fan-out. The endpoints and keys come from the environment. */
public class Quickstart implements ShardRecordProcessor {
    public static void main(String[] arguments) {
        var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var stream = new SingleStreamTracker(StreamIdentifier.singleStreamInstance("orders"), start);
        var configs = new ConfigsBuilder(stream, "quickstart",
            KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder()),
            DynamoDbAsyncClient.create(), CloudWatchAsyncClient.create(), "worker-1", Quickstart::new);
        // By itself the library rests a minute once it listed the shards, and 20 s before handing them out.
        var leases = configs.leaseManagementConfig()
            .shardSyncIntervalMillis(1_000).leaseAssignmentIntervalMillis(1_000L);
        var metrics = configs.metricsConfig().metricsLevel(MetricsLevel.NONE);
        new Scheduler(configs.checkpointConfig(), configs.coordinatorConfig(), leases,
            configs.lifecycleConfig(), metrics, configs.processorConfig(), configs.retrievalConfig()).run();
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        for (var record : input.records()) {
            System.out.println("processed: " + StandardCharsets.UTF_8.decode(record.data()));
        }
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        try {
            input.checkpointer().checkpoint();
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    @Override
    public void initialize(InitializationInput input) {}

    @Override
    public void leaseLost(LeaseLostInput input) {}

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {}
}
