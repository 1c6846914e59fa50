"""The AWS CLI, every command it has: groups of checks, each on streams of its own, one JSON line each.

`matrix.py streams put` runs these groups only. Needs nothing beside `aws` on the PATH.
"""

from matrix_records import encryption, get, large, put, throttles
from matrix_settings import errors, modes, monitoring, policies, retention, tags
from matrix_streams import consumers, scaling, shards, streams
from shell import Absent, check, operations, run_matrix, version


def without(command, why):
    """A group that cannot be, as long as the CLI says it has no such command."""

    def group(_name):
        check(command not in operations(), f"the CLI has {command} by now: this group is to be written")
        raise Absent(why)

    return group


def queues_and_channels(_name):
    """Neither has a command."""
    commands = {"create-queue", "list-queues", "create-channel", "list-channels"} & operations()
    check(not commands, f"the CLI has {commands} by now: this group is to be written")
    raise Absent("the CLI has no queues and no channels")


NO_SUBSCRIBE = without("subscribe-to-shard", "the CLI has no subscribe-to-shard")
DISTRIBUTION = "update-stream-record-distribution-strategy"
GROUPS = {
    "streams": streams,
    "put": put,
    "get": get,
    "shards": shards,
    "scaling": scaling,
    "consumers": consumers,
    "fan-out": NO_SUBSCRIBE,
    "shard-end": NO_SUBSCRIBE,
    "takeover": NO_SUBSCRIBE,
    "retention": retention,
    "monitoring": monitoring,
    "encryption": encryption,
    "modes": modes,
    "distribution": without(DISTRIBUTION, f"the CLI has no {DISTRIBUTION}"),
    "tags": tags,
    "policies": policies,
    "errors": errors,
    "throttles": throttles,
    "large": large,
    "queues and channels": queues_and_channels,
}

if __name__ == "__main__":
    run_matrix("AWS CLI", version(), GROUPS)
