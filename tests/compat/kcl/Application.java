import java.time.Duration;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.StreamIdentifier;
import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * A consumer application as its users configure it. Where a setting is not the library's own, the reason is
 * that workers here are killed each minute, not each month.
 */
final class Application {
    private static final String STREAM = System.getenv("FANLIGHT_STREAM");
    private static final String WORKER = System.getenv("FANLIGHT_WORKER");

    private Application() {
    }

    static Scheduler scheduler(String mode) {
        var clients = new Clients();
        var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var stream = new SingleStreamTracker(StreamIdentifier.singleStreamInstance(STREAM), start);
        var configs = new ConfigsBuilder(stream, STREAM + "-" + mode, clients.kinesis, clients.dynamo,
            clients.cloudWatch, WORKER, () -> new Processor(mode));
        return new Scheduler(
            configs.checkpointConfig(),
            coordinator(configs.coordinatorConfig()),
            leases(configs.leaseManagementConfig()),
            configs.lifecycleConfig(),
            // CloudWatch is spoken to in CBOR over RPC, which no stand-in understands.
            configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
            configs.processorConfig(),
            configs.retrievalConfig().retrievalSpecificConfig(retrieval(mode, clients, configs)));
    }

    private static RetrievalSpecificConfig retrieval(String mode, Clients clients, ConfigsBuilder configs) {
        return switch (mode) {
            case "fanout" -> new FanOutConfig(clients.kinesis)
                .streamName(STREAM).applicationName(configs.applicationName());
            case "polling" -> new PollingConfig(STREAM, clients.kinesis).idleTimeBetweenReadsInMillis(1_000);
            default -> throw new IllegalArgumentException("no such mode: " + mode);
        };
    }

    private static CoordinatorConfig coordinator(CoordinatorConfig config) {
        // A child begins within a second of its parents' end, not within ten.
        return config.parentShardPollIntervalMillis(1_000);
    }

    private static LeaseManagementConfig leases(LeaseManagementConfig config) {
        // Leases are handed out each 5 s instead of 20; one not renewed for failoverTimeMillis is free.
        config.failoverTimeMillis(10_000).leaseAssignmentIntervalMillis(5_000L);
        // Who hands them out is among those killed: its successor comes after 15 s, not after 2 min.
        config.dynamoDbLockBasedLeaderLeaseDurationInMillis(15_000)
            .dynamoDbLockBasedLeaderHeartbeatPeriodInMillis(3_000);
        // A dead worker is given no leases once it missed two reports: 10 s, not 60. All workers share one
        // machine, so they are weighed by what they read and not by its load.
        config.workerUtilizationAwareAssignmentConfig().disableWorkerMetrics(true)
            .workerMetricsReporterFreqInMillis(Duration.ofSeconds(5).toMillis());
        // Shards without a lease are looked for each 10 s, not each 2 min; once it listed the shards (at the
        // very start, too) the library rests a second, not a minute.
        return config.leasesRecoveryAuditorExecutionFrequencyMillis(10_000).shardSyncIntervalMillis(1_000);
    }
}
