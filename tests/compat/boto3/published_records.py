"""Assertions of moto's tests about records: what is put is read, from wherever, within bounds."""

from datetime import datetime, timedelta, timezone

from common import check, wait_until
from published_facts import (NEWEST, equal, iterator, keys_of, kinesis, moto, new_stream, put, put_some, read, refused)

MIB = 1 << 20
KEY = "key"
AT, AFTER, WHEN = "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"
TOO_LONG = "failed to satisfy constraint: Member must have length less than or equal to"


def arrival(name):
    """When the last record arrived, by the server."""
    return read(iterator(name))["Records"][-1]["ApproximateArrivalTimestamp"]


def after_the_clock_moved(moment):
    """A time the client's clock shows that is later than `moment` by a millisecond at least."""
    wait_until(lambda: datetime.now(timezone.utc) > moment + timedelta(milliseconds=2), "a later millisecond")
    return datetime.now(timezone.utc)


@moto("test_basic_shard_iterator", "reading an empty shard gives no records, an iterator and 0 behind")
def empty():
    page = read(iterator(new_stream()))
    equal((page["Records"], page["MillisBehindLatest"], bool(page["NextShardIterator"])), ([], 0, True))


@moto("test_put_records", "a record is read with its data, key and the sequence number put told")
def there_and_back():
    name = new_stream()
    number = put(name, "1234", b"hello world")["SequenceNumber"]
    [record] = read(iterator(name))["Records"]
    equal([record[each] for each in ("Data", "PartitionKey", "SequenceNumber")], [b"hello world", "1234", number])


@moto("test_put_records (boto 2)", "a partition key that is a number is refused")
def number_for_a_key():
    refused("SerializationException", None, "put_record", StreamName=new_stream(), Data=b"hello world",
            PartitionKey=1234)


@moto("test_get_records_limit", "three of five with a limit, the other two from the next iterator")
def limit():
    name = new_stream()
    put_some(name, "01234")
    page = read(iterator(name), Limit=3)
    equal((keys_of(page), keys_of(read(page["NextShardIterator"]))), (list("012"), list("34")))


@moto("test_get_records_at_sequence_number", "AT_SEQUENCE_NUMBER begins with that record")
def at_number():
    name = new_stream()
    second = put_some(name, "1234")[1]["SequenceNumber"]
    first = read(iterator(name, AT, StartingSequenceNumber=second))["Records"][0]
    equal((first["SequenceNumber"], first["Data"]), (second, b"2"))


@moto("test_get_records_after_sequence_number", "AFTER_SEQUENCE_NUMBER begins with the next; 0 behind at the end")
def after_number():
    name = new_stream()
    second, third = [each["SequenceNumber"] for each in put_some(name, "1234")[1:3]]
    page = read(iterator(name, AFTER, StartingSequenceNumber=second))
    equal((page["Records"][0]["SequenceNumber"], page["Records"][0]["Data"]), (third, b"3"))
    equal(page["MillisBehindLatest"], 0)


@moto("test_get_records_latest", "LATEST gives what is put after the iterator was taken")
def latest():
    name = new_stream()
    put_some(name, "1234")
    newest = iterator(name, NEWEST)
    number = put(name, "last_record")["SequenceNumber"]
    page = read(newest)
    equal([(each["SequenceNumber"], each["Data"]) for each in page["Records"]], [(number, b"last_record")])
    equal(page["MillisBehindLatest"], 0)


@moto("test_get_records_at_timestamp, test_get_records_timestamp_filtering", "AT_TIMESTAMP gives what arrived since")
def at_time():
    name = new_stream()
    put_some(name, "1234")
    moment = after_the_clock_moved(arrival(name))
    put_some(name, "56789")
    page = read(iterator(name, WHEN, Timestamp=moment))
    equal((keys_of(page), page["MillisBehindLatest"]), (list("56789"), 0))
    floor = moment - timedelta(milliseconds=1)
    check(all(each["ApproximateArrivalTimestamp"] > floor for each in page["Records"]), "arrived before")


@moto("test_get_records_at_very_old_timestamp", "a time long before the stream gives all")
def old_time():
    name = new_stream()
    put_some(name, "1234")
    page = read(iterator(name, WHEN, Timestamp=1))
    equal((keys_of(page), page["MillisBehindLatest"]), (list("1234"), 0))


@moto("test_get_records_from_empty_stream_at_timestamp", "an empty stream read from now on gives nothing, 0 behind")
def empty_at_time():
    name = new_stream()
    now = datetime.now(timezone.utc) - timedelta(milliseconds=5)
    page = read(iterator(name, WHEN, Timestamp=now))
    equal((page["Records"], page["MillisBehindLatest"]), ([], 0))


@moto("test_get_records_millis_behind_latest", "a page that leaves a later record tells how far it is behind")
def behind():
    name = new_stream()
    put(name, "0")
    after_the_clock_moved(arrival(name))
    put(name, "1")
    after_the_clock_moved(arrival(name))
    page = read(iterator(name), Limit=1)
    check(keys_of(page) == ["0"] and page["MillisBehindLatest"] > 0, page)


def entries(*sizes):
    """Entries of these many bytes."""
    return [{"Data": b"a" * size, "PartitionKey": KEY} for size in sizes]


def accepted(*sizes):
    """All entries are taken."""
    answer = kinesis.put_records(StreamName=new_stream(), Records=entries(*sizes))
    equal((answer["FailedRecordCount"], len(answer["Records"])), (0, len(sizes)))


@moto("test_record_data_exceeds_1mb", "an entry of a MiB and a byte is refused with its place and the bound")
def over_a_mib():
    over = MIB + 1
    text = (f"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim={over} cap={over}]' at "
            f"'records.1.member.data' {TOO_LONG} {MIB}")
    refused("ValidationException", text, "put_records", StreamName=new_stream(), Records=entries(over))


@moto("test_record_data_and_partition_key_exactly_1mb, …_smaller_than_1mb", "an entry of a MiB with its key is taken")
def a_mib():
    accepted(MIB - len(KEY), MIB - len(KEY) - 1)


@moto("test_total_record_data_exact_5mb", "five MiB in one call are taken")
def five_mib():
    accepted(*5 * [MIB - len(KEY)])


@moto("test_total_record_data_exceeds_5mb", "a call over the total is refused with the bound, which is 10 MiB now")
def over_the_total():
    refused("InvalidArgumentException", "Records size exceeds 10 MB limit", "put_records", StreamName=new_stream(),
            Records=entries(*10 * [MIB]))


@moto("test_too_many_records", "501 entries are refused")
def too_many():
    refused("ValidationException", None, "put_records", StreamName=new_stream(), Records=entries(*501 * [1]))
