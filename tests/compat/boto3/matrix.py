"""boto3 against every operation of streams: groups of checks, each on streams of its own, one JSON line each.

`matrix.py streams put` runs these groups only.
"""

import boto3

from common import client
from matrix_bounds import errors, large, queues_and_channels, throttles
from matrix_data import get, put
from matrix_fan_out import consumers, fan_out, shard_end, takeover
from matrix_settings import distribution, encryption, modes, monitoring, policies, retention, tags
from matrix_streams import scaling, shards, streams
from report import run_matrix

GROUPS = {
    "streams": streams,
    "put": put,
    "get": get,
    "shards": shards,
    "scaling": scaling,
    "consumers": consumers,
    "fan-out": fan_out,
    "shard-end": shard_end,
    "takeover": takeover,
    "retention": retention,
    "monitoring": monitoring,
    "encryption": encryption,
    "modes": modes,
    "distribution": distribution,
    "tags": tags,
    "policies": policies,
    "errors": errors,
    "throttles": throttles,
    "large": large,
    "queues and channels": queues_and_channels,
}


def bound(group):
    """A group that is given a client as an application would build it."""
    return lambda name: group(client(), name)


if __name__ == "__main__":
    run_matrix("boto3", boto3.__version__, {name: bound(group) for name, group in GROUPS.items()})
