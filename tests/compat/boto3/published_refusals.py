"""Assertions of moto's tests about what is refused, as a table."""

from published_facts import MOTO, FACTS, FIRST, Fact, account_of, arn_of, new_stream, refused

VALIDATION, ARGUMENT, NOT_FOUND = "ValidationException", "InvalidArgumentException", "ResourceNotFoundException"
MIDDLE, END = 1 << 127, (1 << 128) - 1
SECOND = "shardId-000000000001"
INCREASE, DECREASE = "increase_stream_retention_period", "decrease_stream_retention_period"

TOO_SHORT = "Minimum allowed retention period is 24 hours. Requested retention period ({} hours) is too short."
TOO_LONG = "Maximum allowed retention period is 8760 hours. Requested retention period ({} hours) is too long."


def pattern(value, member, regex):
    """A constraint's text."""
    return (f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: {regex}")


def hours(name, wanted):
    """A change of retention."""
    return {"StreamName": name, "RetentionPeriodHours": wanted}


def split(name, shard, at):
    """A split."""
    return {"StreamName": name, "ShardToSplit": shard, "NewStartingHashKey": str(at)}


def known(name):
    """Every refusal that needs one stream of two shards, which none of them changes."""
    account, arn = account_of(name), arn_of(name)
    nowhere = f"Stream not-a-stream under account {account} not found."
    where = f"in stream {name} under account {account}"
    outside = MIDDLE - 105728
    unknown = arn.replace(name, "not-a-stream")
    longer = (f"Requested retention period (40 hours) for stream {name} can not be longer than existing retention "
              "period (24 hours). Use IncreaseRetentionPeriod API.")
    bounds = (f"NewStartingHashKey {outside} used in SplitShard() on shard {SECOND} {where} is not both greater than "
              f"one plus the shard's StartingHashKey {MIDDLE} and less than the shard's EndingHashKey {END}.")
    return [
        ("test_describe_non_existent_stream", "the summary of an unknown stream is ResourceNotFoundException",
         "describe_stream_summary", {"StreamName": "not-a-stream"}, NOT_FOUND, nowhere),
        ("test_describe_non_existent_stream (boto 2)", "the description of an unknown stream likewise",
         "describe_stream", {"StreamName": "not-a-stream"}, NOT_FOUND, nowhere),
        ("test_delete_unknown_stream", "deleting an unknown stream likewise",
         "delete_stream", {"StreamName": "not-a-stream"}, NOT_FOUND, nowhere),
        ("test_get_invalid_shard_iterator", "shard `123` is read as a shard's number and does not exist; the text has "
         "the full id, as moto's comment says of the service", "get_shard_iterator",
         {"StreamName": name, "ShardId": "123", "ShardIteratorType": "TRIM_HORIZON"}, NOT_FOUND,
         f"Shard shardId-000000000123 {where} does not exist"),
        ("test_invalid_increase_stream_retention_too_low", "20 hours are too short, with the bound in the text",
         INCREASE, hours(name, 20), ARGUMENT, TOO_SHORT.format(20)),
        ("test_invalid_increase_stream_retention_too_high", "9999 hours are too long, with the bound in the text",
         INCREASE, hours(name, 9999), ARGUMENT, TOO_LONG.format(9999)),
        ("test_decrease_stream_retention_period_upwards", "decreasing from 24 to 40 hours names the other operation",
         DECREASE, hours(name, 40), ARGUMENT, longer),
        ("test_decrease_stream_retention_period_too_low", "decreasing to 4 hours is too short",
         DECREASE, hours(name, 4), ARGUMENT, TOO_SHORT.format(4)),
        ("test_decrease_stream_retention_period_too_high", "decreasing to 9999 hours is too long",
         DECREASE, hours(name, 9999), ARGUMENT, TOO_LONG.format(9999)),
        ("test_split_shard_with_invalid_name", "a shard named `?` breaks the pattern of names",
         "split_shard", split(name, "?", MIDDLE), VALIDATION, pattern("?", "shardToSplit", "[a-zA-Z0-9_.-]+")),
        ("test_split_shard_with_unknown_name", "a shard named `unknown` cannot be found",
         "split_shard", split(name, "unknown", MIDDLE), NOT_FOUND, f"Could not find shard unknown {where}."),
        ("test_split_shard_invalid_hashkey", "a hash key of letters breaks the pattern of hash keys",
         "split_shard", split(name, SECOND, "sth"), VALIDATION,
         pattern("sth", "newStartingHashKey", r"0|([1-9]\d{0,38})")),
        ("test_split_shard_hashkey_out_of_bounds", "a hash key below the shard's range is told with the range",
         "split_shard", split(name, SECOND, outside), ARGUMENT, bounds),
        ("test_merge_shards_invalid_arg", "a merge with a shard that does not exist is refused by its id",
         "merge_shards", {"StreamName": name, "ShardToMerge": FIRST, "AdjacentShardToMerge": "shardId-000000000002"},
         NOT_FOUND, f"Could not find shard shardId-000000000002 {where}."),
        ("test_get_resource_policy_from_unknown_resource", "the policy of an unknown stream is not found",
         "get_resource_policy", {"ResourceARN": unknown}, NOT_FOUND, nowhere),
        ("test_delete_resource_policy_from_unknown_resource", "nor can it be deleted",
         "delete_resource_policy", {"ResourceARN": unknown}, NOT_FOUND, nowhere),
        ("test_delete_resource_policy_from_resource_without_policy", "a policy that was never put cannot be deleted",
         "delete_resource_policy", {"ResourceARN": arn}, NOT_FOUND, f"No resource policy found for resource ARN {arn}"),
        ("test_describe_stream_consumer_unknown", "an unknown consumer is not found",
         "describe_stream_consumer", {"ConsumerARN": f"{arn}/consumer/nobody:1"}, NOT_FOUND, None),
        ("test_invalid_shard_iterator_type", "an unknown type of iterator is refused",
         "get_shard_iterator", {"StreamName": name, "ShardId": FIRST, "ShardIteratorType": "invalid-type"},
         VALIDATION, None),
        ("test_get_records_latest", "LATEST beside a sequence number is refused (moto lets it pass)",
         "get_shard_iterator", {"StreamName": name, "ShardId": FIRST, "ShardIteratorType": "LATEST",
                                "StartingSequenceNumber": "1"}, ARGUMENT, None),
    ]


def register():
    """Makes facts of the table's rows."""
    for test, statement, operation, arguments, code, message in known(new_stream(ShardCount=2)):
        def holds(operation=operation, arguments=arguments, code=code, message=message):
            refused(code, message, operation, **arguments)
        FACTS.append(Fact(MOTO, test, statement, holds))
