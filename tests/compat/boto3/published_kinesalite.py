"""Assertions of kinesalite's tests, whose author ran them against the service: splitShard, mergeShards,
updateShardCount, listShards, removeTagsFromStream; shard ids however written, several broken constraints at once."""

from published_facts import FACTS, Fact, account_of, equal, fact, kinesis, new_stream, refused

KINESALITE = "kinesalite"
VALIDATION, ARGUMENT, NOT_FOUND = "ValidationException", "InvalidArgumentException", "ResourceNotFoundException"
NOWHERE = "published-nowhere"
LONG = 129 * "a"
PATTERN = "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
# Ids read as a shard's number, and ids that are none.
NUMBERS = ["2147483647", "any-2147483647", "a-00002147483647", "-00002147483647"]
NO_NUMBERS = ["2147483648", "shardId-002147483648", "ABKLFD8", "2.14E4"]
THIRDS = ["0", "113427455640312821154458202477256070484", "113427455640312821154458202477256070485",
          "226854911280625642308916404954512140969", "226854911280625642308916404954512140970",
          "340282366920938463463374607431768211455"]


def broken(*constraints):
    """Several constraints' text: the value, the member, what it must."""
    each = [f"Value {value} at '{member}' failed to satisfy constraint: Member must {text}"
            for value, member, text in constraints]
    errors = "error" if len(each) == 1 else "errors"
    return f"{len(each)} validation {errors} detected: " + "; ".join(each)


def empty(member):
    """An empty name breaks two constraints, the pattern first."""
    return [("''", member, PATTERN), ("''", member, "have length greater than or equal to 1")]


def too_long(member):
    """A name of 129 letters."""
    return (f"'{LONG}'", member, "have length less than or equal to 128")


def merge(stream, lower, upper):
    """A merge."""
    return {"StreamName": stream, "ShardToMerge": lower, "AdjacentShardToMerge": upper}


def scale(stream, count, kind="UNIFORM_SCALING"):
    """A change of the number of shards."""
    return {"StreamName": stream, "TargetShardCount": count, "ScalingType": kind}


def merges(name):
    """The cases of mergeShards.js."""
    account = account_of(name)
    where = f"in stream {name} under account {account}"
    rows = []
    for odd, lower in [(odd, lower) for odd in NUMBERS + NO_NUMBERS for lower in (True, False)]:
        pair = (odd, "any-0") if lower else ("any-0", odd)
        if odd in NUMBERS:
            text = f"Stream {NOWHERE} under account {account} not found."
        else:
            text = f"Could not find shard {odd} in stream {NOWHERE} under account {account}."
        rows.append((f"in an unknown stream shard `{odd}` as the {'lower' if lower else 'upper'} one is "
                     f"{'a number' if odd in NUMBERS else 'not found first'}", merge(NOWHERE, *pair), NOT_FOUND, text))
    unknown = f"Could not find shard shardId-000000000005 {where}."
    adjacent = "Shards shardId-{:012} and shardId-{:012} {} are not an adjacent pair of shards eligible for merging"
    return rows + [
        ("`shardId-5` is told with all its digits", merge(name, "shardId-5", "any-0"), NOT_FOUND, unknown),
        ("as the upper one too", merge(name, "any-0", "shardId-5"), NOT_FOUND, unknown),
        ("shards 0 and 2 are not adjacent", merge(name, "any-0", "any-2"), ARGUMENT, adjacent.format(0, 2, where)),
        ("shards 1 and 0 are not adjacent, the lower comes first", merge(name, "any-1", "any-0"), ARGUMENT,
         adjacent.format(1, 0, where)),
        ("empty names: six constraints", merge("", "", ""), VALIDATION,
         broken(*empty("shardToMerge"), *empty("adjacentShardToMerge"), *empty("streamName"))),
        ("long names: three constraints", merge(LONG, LONG, LONG), VALIDATION,
         broken(too_long("shardToMerge"), too_long("adjacentShardToMerge"), too_long("streamName"))),
    ]


def scalings(name):
    """The cases of updateShardCount.js that a model of today still has."""
    nowhere = f"Stream {NOWHERE} under account {account_of(name)} not found."
    return [
        ("empty members: four constraints", scale("", 0, ""), VALIDATION,
         broken(("''", "scalingType", "satisfy enum value set: [UNIFORM_SCALING]"), *empty("streamName"),
                ("'0'", "targetShardCount", "have value greater than or equal to 1"))),
        ("a name of 129 letters", scale(LONG, 1), VALIDATION, broken(too_long("streamName"))),
        ("an unknown stream", scale(NOWHERE, 2), NOT_FOUND, nowhere),
    ]


def split(stream, shard, at):
    """A split."""
    return {"StreamName": stream, "ShardToSplit": shard, "NewStartingHashKey": at}


def splits(name):
    """The cases of splitShard.js."""
    account = account_of(name)
    bounds = ("NewStartingHashKey {} used in SplitShard() on shard shardId-{:012} in stream " + name + " under account "
              + account + " is not both greater than one plus the shard's StartingHashKey {} and less than the shard's "
              "EndingHashKey {}.")
    much = 39 * "9"
    rows = [(f"in an unknown stream shard `{odd}` is a number", split(NOWHERE, odd, "0"), NOT_FOUND,
             f"Stream {NOWHERE} under account {account} not found.") for odd in NUMBERS]
    rows += [(f"in an unknown stream shard `{odd}` is not found first", split(NOWHERE, odd, "0"), NOT_FOUND,
              f"Could not find shard {odd} in stream {NOWHERE} under account {account}.") for odd in NO_NUMBERS]
    return rows + [
        ("`shardId-5` is told with all its digits", split(name, "shardId-5", "0"), NOT_FOUND,
         f"Could not find shard shardId-000000000005 in stream {name} under account {account}."),
        ("a hash key of 1 is too small", split(name, "shard-0", "1"), ARGUMENT, bounds.format(1, 0, *THIRDS[:2])),
        ("the shard's last hash key is too big", split(name, "shard-0", THIRDS[1]), ARGUMENT,
         bounds.format(THIRDS[1], 0, *THIRDS[:2])),
        ("a hash key past all shards is too big", split(name, "shard-2", much), ARGUMENT,
         bounds.format(much, 2, *THIRDS[4:])),
        ("empty members: five constraints", split("", "", ""), VALIDATION,
         broken(("''", "newStartingHashKey", r"satisfy regular expression pattern: 0|([1-9]\d{0,38})"),
                *empty("streamName"), *empty("shardToSplit"))),
        ("long names: two constraints", split(LONG, LONG, "0"), VALIDATION,
         broken(too_long("streamName"), too_long("shardToSplit"))),
    ]


def untag(stream, *keys):
    """Tags to remove."""
    return {"StreamName": stream, "TagKeys": list(keys)}


def untaggings(name):
    """The cases of removeTagsFromStream.js."""
    account = account_of(name)
    invalid = ("Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, "
               "_ . / = + - % @.")
    illegal = (f"Failed to remove tags from stream {name} under account {account} because some tags contained illegal "
               "characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.")
    keys = ("satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater "
            "than or equal to 1]")
    return [
        (f"{character!r} is no character of a key", untag(name, f"abc{character}def"), ARGUMENT, invalid)
        for character in (";", "\t", "\n", ",")
    ] + [
        ("'%' is none either, in other words", untag(name, "abc%def"), ARGUMENT, illegal),
        ("an unknown stream comes before characters", untag(NOWHERE, ";"), NOT_FOUND,
         f"Stream {NOWHERE} under account {account} not found."),
        ("a key of 129 letters", untag(name, "a", LONG, "b"), VALIDATION,
         broken((f"'[a, {LONG}, b]'", "tagKeys", keys))),
        ("no keys and no name: three constraints", untag(""), VALIDATION,
         broken(("'[]'", "tagKeys", "have length greater than or equal to 1"), *empty("streamName"))),
    ]


@fact(KINESALITE, "removeTagsFromStream: functionality", "letters, spaces and `_./=+-@:` are fine, unknown keys too")
def removed():
    name = new_stream()
    odd = ["ü0 _.", "/=+-@:"]
    kinesis.add_tags_to_stream(StreamName=name, Tags={key: "a" for key in ["a", *odd]})
    equal(sorted(tag["Key"] for tag in kinesis.list_tags_for_stream(StreamName=name)["Tags"]), sorted(["a", *odd]))
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=[*odd, "b", "c"])
    equal(kinesis.list_tags_for_stream(StreamName=name)["Tags"], [{"Key": "a", "Value": "a"}])


@fact(KINESALITE, "listShards: functionality", "three shards: ids, thirds of the hash space, numbers of 56 digits")
def thirds():
    shards = kinesis.list_shards(StreamName=new_stream(ShardCount=3))["Shards"]
    equal([each["ShardId"] for each in shards], [f"shardId-{index:012}" for index in range(3)])
    ranges = [each["HashKeyRange"] for each in shards]
    equal([each[end] for each in ranges for end in ("StartingHashKey", "EndingHashKey")], THIRDS)
    equal([len(each["SequenceNumberRange"]["StartingSequenceNumber"]) for each in shards], [56, 56, 56])


def register():
    """Makes facts of the tables' rows."""
    name = new_stream(ShardCount=3)
    for test, operation, rows in [("mergeShards: validations", "merge_shards", merges(name)),
                                  ("splitShard: validations", "split_shard", splits(name)),
                                  ("removeTagsFromStream: validations", "remove_tags_from_stream", untaggings(name)),
                                  ("updateShardCount: validations", "update_shard_count", scalings(name)),
                                  ("listShards: validations", "list_shards", [
                                      ("an unknown stream", {"StreamName": NOWHERE}, NOT_FOUND,
                                       f"Stream {NOWHERE} under account {account_of(name)} not found.")])]:
        for statement, arguments, code, message in rows:
            def holds(operation=operation, arguments=arguments, code=code, message=message):
                refused(code, message, operation, **arguments)
            FACTS.append(Fact(KINESALITE, test, statement, holds))
