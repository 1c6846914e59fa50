//! Every service quota and size bound, as a named number with its unit. Quotas follow the service's
//! published limits; bounds marked *own* are this server's, chosen so that memory stays bounded.

use std::time::Duration;

/// Bytes of a request body, beyond which the answer is 413 (10 MiB of data in base64, with overhead). Own.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 << 20;
/// Bytes of all header fields of a request. Own.
pub const REQUEST_HEADER_BYTES_MAX: u32 = 16 << 10;
/// Concurrent HTTP/2 streams a connection may open. Own.
pub const H2_STREAMS_MAX: u32 = 256;
/// Bytes an HTTP/2 stream is granted at once, so that any event fits whole. Own.
pub const H2_GRANT_BYTES_MAX: usize = 2 << 20;
/// Bytes gathered for an HTTP/2 connection's socket, beyond which its streams are granted nothing. Own.
pub const H2_OUTBOX_BYTES_MAX: usize = 1 << 20;
/// The same for a socket that has not taken what was sent last: its peer reads slowly, or not at all. Own.
pub const H2_OUTBOX_BYTES_BLOCKED: usize = 64 << 10;
/// Bytes that wait for it, beyond which nothing more is read: the peer makes us say what it does not hear.
/// Own.
pub const H2_BACKLOG_BYTES_MAX: usize = 4 << 20;
/// Bytes of header table used for replies, whatever more the peer offers. Own.
pub const H2_HEADER_TABLE_BYTES_MAX: usize = 4 << 10;
/// Resets, empty frames and the like that a peer may send from one keep-alive ping to the next. Own.
pub const H2_NUISANCES_MAX: u32 = 1000;
/// HTTP/2 receive windows, per stream and per connection. Own.
pub const H2_RECEIVE_WINDOW_BYTES: u32 = 1 << 20;
/// Seconds a connection may take for its TLS handshake, and for its first request's head. Own.
pub const HANDSHAKE_SECS_MAX: u64 = 10;
/// Connections open at once on the data port. Own.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Bytes of data and partition keys a shard accepts per second.
pub const SHARD_WRITE_BYTES_PER_SEC: u64 = 1 << 20;
/// Records a shard accepts per second.
pub const SHARD_WRITE_RECORDS_PER_SEC: u64 = 1000;
/// `GetRecords` calls per shard and second.
pub const SHARD_READ_CALLS_PER_SEC: u64 = 5;
/// Bytes `GetRecords` returns per shard and second.
pub const SHARD_READ_BYTES_PER_SEC: u64 = 2 << 20;
/// `GetShardIterator` calls per shard and second.
pub const SHARD_ITERATOR_CALLS_PER_SEC: u64 = 5;
/// Bytes pushed per consumer, shard and second.
pub const CONSUMER_PUSH_BYTES_PER_SEC: u64 = 2 << 20;
/// Calls per second of an operation of the control plane, unless it is one of those that follow.
pub const CONTROL_CALLS_PER_SEC: u64 = 5;
/// The same of `DescribeStream` and `UpdateShardCount`.
pub const FREQUENT_CONTROL_CALLS_PER_SEC: u64 = 10;
/// The same of `DescribeStreamSummary` and `DescribeStreamConsumer`, which clients wait with.
pub const POLLING_CALLS_PER_SEC: u64 = 20;
/// `ListShards` calls per stream and second.
pub const LIST_SHARDS_CALLS_PER_SEC: u64 = 1000;
/// `DescribeLimits` calls per second.
pub const DESCRIBE_LIMITS_CALLS_PER_SEC: u64 = 1;
/// Callers whose calls of the control plane are counted at once, each with each operation; an account that
/// calls about so many streams in a second is refused. Own.
pub const CALL_BUCKETS_MAX: usize = 65_536;
/// From one look for idle ones among too many of them to the next: every bucket refills in it. Own.
pub const CALL_BUCKETS_SWEEP: Duration = Duration::from_secs(1);
/// Consumers registered with one stream.
pub const CONSUMERS_PER_STREAM_MAX: usize = 20;
/// The same of a stream on demand whose account has committed itself to a minimum throughput.
pub const CONSUMERS_PER_COMMITTED_STREAM_MAX: usize = 50;

/// Bytes of one record's data that the service's model admits at all.
pub const RECORD_DATA_BYTES_MAX: usize = 10 << 20;
/// Bytes of one record's data on a stream with the default record size.
pub const RECORD_DATA_BYTES_DEFAULT: usize = 1 << 20;
/// Records in one `PutRecords` call.
pub const PUT_RECORDS_MAX: usize = 500;
/// Bytes of data and partition keys in one `PutRecords` call.
pub const PUT_RECORDS_BYTES_MAX: usize = 10 << 20;
/// Bytes of data and partition keys one `GetRecords` call returns.
pub const GET_RECORDS_BYTES_MAX: usize = 10 << 20;
/// Records one `GetRecords` call returns.
pub const GET_RECORDS_MAX: usize = 10_000;
/// Milliseconds a shard iterator stays valid.
pub const ITERATOR_MILLIS_MAX: u64 = 300_000;
/// Milliseconds a page token stays valid.
pub const PAGE_TOKEN_MILLIS_MAX: u64 = 300_000;
/// Streams that may be in CREATING at once.
pub const STREAMS_CREATING_MAX: usize = 5;
/// Consumers of a stream that may be in CREATING at once.
pub const CONSUMERS_CREATING_MAX: usize = 5;
/// Open shards of an account, all its streams together.
pub const SHARDS_PER_ACCOUNT_MAX: usize = 20_000;
/// Shards `UpdateShardCount` can ask for.
pub const SHARDS_BY_SCALING_MAX: u32 = 10_000;
/// Changes of the number of shards in a day, per stream.
pub const SCALINGS_PER_DAY_MAX: usize = 10;
/// Changes of mode in a day, per stream.
pub const MODE_CHANGES_PER_DAY_MAX: usize = 2;
/// Keys taken into use in a day, per stream.
pub const ENCRYPTIONS_PER_DAY_MAX: usize = 25;
/// Ends of encryption in a day, per stream.
pub const DECRYPTIONS_PER_DAY_MAX: usize = 25;
/// MiB per second that can be kept ready for a stream: 10 GiB.
pub const WARM_MIBPS_MAX: u32 = 10 << 10;
/// Streams on demand of an account.
pub const ON_DEMAND_STREAMS_MAX: usize = 50;
/// Shards of a new stream on demand, and what it never shrinks below.
pub const ON_DEMAND_SHARDS_MIN: u32 = 4;
/// Percent of its limit above which a shard on demand is split: what is there takes twice what comes. Own.
pub const ON_DEMAND_SPLIT_PERCENT: u32 = 50;
/// Seconds it has to be above it. Own.
pub const ON_DEMAND_SPLIT_SECS: u32 = 5;
/// Seconds in which a stream on demand at most doubles its shards. Own.
pub const ON_DEMAND_DOUBLE_SECS: u32 = 60;
/// Percent of one shard's limit below which two neighbours have to stay together to be merged. Own.
pub const ON_DEMAND_MERGE_PERCENT: u32 = 25;
/// Hours they have to stay there. Own.
pub const ON_DEMAND_MERGE_HOURS: u32 = 24;
/// Splits and merges of one stream in one second: each is a journaled command. Own.
pub const ON_DEMAND_ACTIONS_MAX: usize = 64;
/// Tags of a resource.
pub const TAGS_MAX: usize = 50;
/// Bytes of a resource policy.
pub const POLICY_BYTES_MAX: usize = 20 * 1024;
/// Accounts a server plays at most. Own.
pub const ACCOUNTS_MAX: usize = 10_000;
/// Shards of one stream however the quotas are set. Own.
pub const SHARDS_PER_STREAM_MAX: u32 = 100_000;
/// Closed shards past retention that leave a stream with one command. Own.
pub const SHARDS_FORGOTTEN_MAX: usize = 1000;
/// Such commands in a row; what is left waits for the next maintenance. Own.
pub const SHARDS_FORGOTTEN_TURNS_MAX: usize = 16;
/// Hours records are kept by default.
pub const RETENTION_HOURS_DEFAULT: u32 = 24;
/// Hours records are kept at most: 365 days.
pub const RETENTION_HOURS_MAX: u32 = 8760;

/// Seconds a subscription lasts.
pub const SUBSCRIPTION_SECS: u64 = 300;
/// Seconds after a successful subscription during which another for the same consumer and shard is refused.
pub const SUBSCRIPTION_TAKE_OVER_SECS: u64 = 5;
/// Seconds without records after which an empty event is pushed.
pub const SUBSCRIPTION_IDLE_SECS: u64 = 5;
/// Bytes of data and partition keys in one pushed event, unless one record is larger.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Bytes of data an event of a consumer behind the tip aims at: little enough that a commit need not wait
/// long for one being encoded. Own.
pub const EVENT_BYTES_BEHIND: usize = 128 << 10;
/// The same where a quota sets the pace: nothing is gained by larger ones. Own.
pub const EVENT_BYTES_BEHIND_PACED: usize = 32 << 10;
/// Records in one pushed event.
pub const EVENT_RECORDS_MAX: usize = 10_000;
/// Events encoded for one reader behind that are kept for the others of its shard.
pub const SHARED_EVENTS_OF_SHARD_MAX: usize = 128;
/// Bytes of them, of one shard.
pub const SHARED_EVENTS_BYTES_OF_SHARD_MAX: usize = 16 << 20;
/// The same, of all shards.
pub const SHARED_EVENTS_BYTES_MAX: usize = 64 << 20;
/// Subscriptions open at once in the whole server. Own.
pub const SUBSCRIPTIONS_MAX: usize = 100_000;

/// Bytes a batch of one shard gathers before the next batch begins. Own.
pub const BATCH_BYTES_MAX: usize = 1 << 20;
/// Records in one batch: an event carries a batch whole. Own.
pub const BATCH_RECORDS_MAX: u32 = 10_000;
/// Bytes one journal commit carries, unless a single batch is larger. Own.
pub const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Bytes that may wait for a commit; beyond it puts are refused with a retriable error. Own.
pub const GATHERED_BYTES_MAX: usize = 64 << 20;
/// Bytes of one journal file. Own.
pub const JOURNAL_FILE_BYTES: u64 = 32 << 20;
/// Journal files kept from the start. Own.
pub const JOURNAL_FILES_MIN: usize = 2;
/// Journal files at most: commits wait for write-behind beyond it. Own.
pub const JOURNAL_FILES_MAX: usize = 4;
/// Journal files set aside after a failed write or sync at once: with so many no further one is made until
/// segments hold what they hold, and they are removed. Own.
pub const JOURNAL_FILES_RETIRED_MAX: usize = 8;
/// Commits failed in a row after which the log stops, to be tried every [`RESUME_MILLIS`]. Own.
pub const COMMIT_FAILURES_MAX: u32 = 3;
/// Milliseconds between attempts of a stopped log to go on, each with a fresh journal file. Own.
pub const RESUME_MILLIS: u64 = 1000;
/// Bytes a shard gathers in memory before they are written behind to its segment. Own.
pub const WRITE_BEHIND_BYTES: usize = 1 << 20;
/// Write-behinds in flight at once. Own.
pub const WRITE_BEHINDS_MAX: usize = 4;
/// Bytes of a shard's first segment file; each further one has four times what the one before held. Own.
pub const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Bytes of a segment file at most, unless one batch is larger. Own.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Bytes of log between two entries of a segment's index, and of one catch-up read. Own.
pub const READ_BLOCK_BYTES: usize = 256 << 10;
/// Bytes of one catch-up read while commits keep the disk busy, too. Own.
pub const READ_BLOCK_BYTES_SMALL: usize = 64 << 10;
/// Catch-up reads after a commit that count as beside commits. Own.
pub const READS_AFTER_COMMIT: usize = 64;
/// Bytes of the first reads from a segment at the start, at its beginning and at its end. Own.
pub const SCAN_FIRST_BYTES: usize = 16 << 10;
/// Bytes read at a time from a segment that has to be scanned at the start, and from a journal file. A last
/// segment with no more than this left is filled on by the next start. Own.
pub const SCAN_BYTES: usize = 1 << 20;
/// Shards whose records a clean stop brings from the journal to their segments; of more the journal keeps
/// them. Own.
pub const LOGS_FLUSHED_AT_STOP_MAX: usize = 256;
/// Catch-up reads in flight at once, all readers together: what a commit may find before it. Own.
pub const READS_IN_FLIGHT_MAX: usize = 4;
/// The same while there are commits. Own.
pub const READS_BESIDE_COMMIT_MAX: usize = 1;
/// Milliseconds a reader from disk waits at most for a commit under way before it goes on. Own.
pub const CATCH_UP_GIVES_WAY_MILLIS_MAX: u64 = 2;
/// Blocks asked for in advance for a reader that goes through a shard in order. Own.
pub const READ_AHEAD_BLOCKS_MAX: usize = 4;
/// Bytes kept for such a reader, those on their way included. Own.
pub const READ_AHEAD_BYTES: usize = 2 << 20;
/// The same where readers are few and ask for more at a time: a page, so that the next one is read while one
/// is sent. Own.
pub const READ_AHEAD_BYTES_OF_FEW: usize = GET_RECORDS_BYTES_MAX;
/// So many readers are few. Own.
pub const READERS_FEW_MAX: usize = 4;
/// Readers behind the tail whose place is kept, with what was read ahead for them; more take turns. Own.
pub const READERS_KEPT_MAX: usize = 64;
/// Tenths of a second after which the place of a reader that does not come back is forgotten. Own.
pub const READER_IDLE_TICKS_MAX: u32 = 50;
/// Bytes per second the scrubber reads by default: 1 TiB in a day and a half. Own.
pub const SCRUB_BYTES_PER_SEC_DEFAULT: u64 = 8 << 20;
/// Bytes of one of its reads. Own.
pub const SCRUB_BLOCK_BYTES: usize = 256 << 10;
/// Seconds from the start of one of its passes to that of the next, at least. Own.
pub const SCRUB_PASS_SECS_MIN: u64 = 3600;
/// Seconds it waits for a moment in which nothing else wants the disk, before it takes its turn anyway. Own.
pub const SCRUB_PATIENCE_SECS: u64 = 1;
/// Segments opened side by side at the start. Own.
pub const RECOVERED_AT_ONCE_MAX: usize = 64;
/// Segments that are written to and keep their descriptor: of the others it is opened again for the next
/// write. Own.
pub const SEGMENTS_OPEN_MAX: usize = 1024;
/// Bytes of recent records kept in memory by default. Own.
pub const TAIL_BYTES_DEFAULT: usize = 256 << 20;
/// Seconds an HTTP/1.1 connection may sit between requests, and a request's head may take. Longer than the
/// 60 s clients keep a pooled connection for, so that they, not the server, close it. Own.
pub const H1_IDLE_SECS_MAX: u64 = 75;
/// Bytes of an HTTP/1.1 connection that wait to leave with those of others. Own.
pub const H1_GATHERED_BYTES_MAX: usize = 16 << 10;
/// Bytes an HTTP/1.1 connection buffers for writing before it stops taking from its reply. Own.
pub const H1_WRITE_BUFFER_BYTES_MAX: usize = 64 << 10;
/// Bytes of an inbound HTTP/2 frame. Own.
pub const H2_FRAME_BYTES_MAX: u32 = 16 << 10;
/// Seconds between HTTP/2 keep-alive pings. Own.
pub const H2_PING_SECS: u64 = 20;
/// Seconds after a keep-alive ping within which the peer must have sent something. Own.
pub const H2_PING_ANSWER_SECS_MAX: u64 = 10;
/// Bytes of a page of records that are encoded at a time, unless one record is larger. Own.
pub const REPLY_PIECE_BYTES: usize = 256 << 10;
/// Seconds a peer may leave a whole reply standing without taking a byte of it. Own.
pub const REPLY_STALL_SECS_MAX: u64 = 30;
/// Seconds a request body may take whatever its pace; after them it owes [`REQUEST_BODY_BYTES_PER_SEC_MIN`].
/// Own.
pub const REQUEST_BODY_GRACE_SECS: u64 = 10;
/// Bytes per second a request body must bring after its grace period. Own.
pub const REQUEST_BODY_BYTES_PER_SEC_MIN: u64 = 1 << 10;
/// Bytes of request bodies held at once on one port, beyond which the answer is 503. Own.
pub const REQUEST_BODIES_BYTES_MAX: usize = 512 << 20;
/// Seconds a connection's sent bytes may stay unacknowledged by the peer's kernel (`TCP_USER_TIMEOUT`). Own.
pub const UNACKNOWLEDGED_SECS_MAX: u64 = 60;
/// Milliseconds the accept loop rests when the system has no descriptor or memory for a connection. Own.
pub const ACCEPT_REST_MS: u64 = 100;
/// Seconds open connections get to finish at shutdown. Own.
pub const DRAIN_SECS_MAX: u64 = 10;
/// Connections open at once on the admin port. Own.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Event streams the console serves at once: the other connections of the admin port stay for scrapers. Own.
pub const CONSOLE_VIEWERS_MAX: usize = 24;
/// Events that wait for a console's viewer; one that takes none of them for so long is dropped. Own.
pub const CONSOLE_EVENTS_MAX: usize = 8;
/// From one look of the console at the data path to the next, however many look on. Own.
pub const CONSOLE_LOOK: Duration = Duration::from_secs(1);
/// Looks whose counts are kept: quantiles are those of so many seconds. Own.
pub const CONSOLE_LOOKS_KEPT: usize = 10;
/// Streams of which looks are kept at once. Own.
pub const CONSOLE_STREAMS_WATCHED_MAX: usize = CONSOLE_VIEWERS_MAX;
/// Streams of one page of the console's list. Own.
pub const CONSOLE_STREAM_ROWS_MAX: usize = 100;
/// Streams the console looks through for them. Own.
pub const CONSOLE_STREAMS_MAX: usize = 10_000;
/// Shards of a stream the console shows; of more, the latest. Own.
pub const CONSOLE_SHARDS_MAX: usize = 10_000;
/// Questions of the console that wait for the data path; what is one too many is answered with 503. Own.
pub const CONSOLE_ASKS_MAX: usize = 64;
/// Bytes of a request's body to the console: a record put by hand. Own.
pub const CONSOLE_BODY_BYTES_MAX: usize = 256 << 10;
/// Seconds such a body may take. Own.
pub const CONSOLE_BODY_SECS_MAX: u64 = 10;
/// From one look of a console's tail at its shard to the next. Own.
pub const CONSOLE_TAIL_LOOK: Duration = Duration::from_millis(250);
/// Records it shows of one look; those before them are told as skipped. Own.
pub const CONSOLE_TAIL_RECORDS_MAX: u64 = 50;
/// Bytes of batches it takes from memory at one look, and at least one. Own.
pub const CONSOLE_TAIL_BYTES_MAX: usize = 256 << 10;
/// Bytes of a record's data that it shows. Own.
pub const CONSOLE_TAIL_DATA_BYTES_MAX: usize = 512;
/// Looks without a record after which a tail says that it is still there. Own.
pub const CONSOLE_TAIL_QUIET_LOOKS: u32 = 60;

/// Series of metrics kept at once; what would be more is not counted, and that is. Own.
pub const SERIES_MAX: u64 = 200_000;
/// From one look for retired series to the next. Own.
pub const SERIES_SWEEP: Duration = Duration::from_secs(5);
/// Looks after which the series of what is gone go too: five minutes, so that slow scrapers see its end. Own.
pub const SERIES_RETIRED_SWEEPS: u32 = 60;
/// Seconds the command line waits for a connection to a server. Own.
pub const CLIENT_CONNECT_SECS_MAX: u64 = 5;
/// Seconds it waits for an answer. Own.
pub const CLIENT_CALL_SECS_MAX: u64 = 30;
/// Bytes of an answer it takes: a page of 10 MiB in base64 and more. Own.
pub const CLIENT_ANSWER_BYTES_MAX: usize = 32 << 20;
/// Times it makes a call that is refused for its rate. Own.
pub const CLIENT_CALL_ATTEMPTS_MAX: u32 = 30;
/// Milliseconds of its first rest before something is tried again, and of its longest. Own.
pub const CLIENT_RETRY_MILLIS_MIN: u64 = 50;
/// See [`CLIENT_RETRY_MILLIS_MIN`]. Own.
pub const CLIENT_RETRY_MILLIS_MAX: u64 = 2_000;
/// Bytes each of its subscriptions lets the server send before it has read them. Own.
pub const CLIENT_WINDOW_BYTES: u32 = 2 << 20;
/// Subscriptions it holds on one connection. Own.
pub const CLIENT_SUBSCRIPTIONS_PER_CONNECTION: usize = 100;
/// Seconds without an event after which a subscription is given up: servers send one every five. Own.
pub const CLIENT_SILENCE_SECS_MAX: u64 = 20;
/// Batches of records that wait to be printed; beyond it nothing more is read. Own.
pub const TAIL_BATCHES_MAX: usize = 64;
/// Records of each shard that `tail --from -N` can ask for: they are held in memory. Own.
pub const TAIL_LAST_RECORDS_MAX: usize = 10_000;
/// Milliseconds between two reads of a shard: five a second are all there are. Own.
pub const TAIL_READ_MILLIS: u64 = 205;
/// Seconds `tail` takes at its end to deregister its consumer. Own.
pub const TAIL_DEREGISTER_SECS_MAX: u64 = 3;
/// Bytes of a line that `put --lines` takes: no record is larger. Own.
pub const PUT_LINE_BYTES_MAX: usize = RECORD_DATA_BYTES_MAX;
/// Bytes of records in one of its calls, unless one is larger. Own.
pub const PUT_CALL_BYTES_MAX: usize = 4 << 20;
/// Lines it has read ahead. Own.
pub const PUT_LINES_AHEAD_MAX: usize = 2 * PUT_RECORDS_MAX;
/// Times in a row it makes a call of which no record is taken. Own.
pub const PUT_ATTEMPTS_MAX: u32 = 12;
/// Looks at the metrics that `top` keeps to tell rates and quantiles from. Own.
pub const TOP_LOOKS_MAX: usize = 11;
/// Streams of which `top` asks how many shards they have, where the metrics do not tell. Own.
pub const TOP_STREAMS_ASKED_MAX: usize = 20;
/// Seconds `top` waits for one look before it says that the server is away. Own.
pub const TOP_LOOK_SECS_MAX: u64 = 3;
/// Keys pressed that wait to be taken. Own.
pub const TOP_KEYS_MAX: usize = 16;
/// Spans that wait to be exported; one too many is dropped and counted. Own.
pub const SPANS_QUEUED_MAX: usize = 4096;
/// Spans of one message to the collector. Own.
pub const SPANS_EXPORTED_MAX: usize = 512;
/// Seconds the collector may take for one. Own.
pub const SPANS_EXPORT_SECS_MAX: u64 = 10;
/// Bytes of its answer. Own.
pub const SPANS_ANSWER_BYTES_MAX: usize = 1 << 20;
/// Seconds a clean stop waits for the last ones to be sent. Own.
pub const SPANS_AT_STOP_SECS_MAX: u64 = 2;
/// Milliseconds after the first of them in which they are gathered. Own.
pub const SPANS_GATHER_MILLIS: u64 = 1000;
