"""How long after boto3 has put a record `fanlight tail --follow` prints it."""

import json
import os
import statistics
import subprocess
import threading
import time

import boto3

STREAM = "timed"
ROUNDS = 100
WITHIN_MS = 50

kinesis = boto3.client("kinesis", endpoint_url=os.environ["FANLIGHT_ENDPOINT"])
kinesis.create_stream(StreamName=STREAM, ShardCount=2)
kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})

tail = subprocess.Popen(
    [os.environ["FANLIGHT_BINARY"], "tail", STREAM, "--follow", "--raw"], stdout=subprocess.PIPE, text=True
)
printed = {}
changed = threading.Condition()


def read():
    for line in tail.stdout:
        now = time.monotonic_ns()
        with changed:
            printed[line.strip()] = now
            changed.notify_all()


threading.Thread(target=read, daemon=True).start()


def put(name):
    kinesis.put_record(StreamName=STREAM, PartitionKey=name, Data=name.encode())
    return time.monotonic_ns()


def wait(name, seconds):
    with changed:
        changed.wait_for(lambda: name in printed, timeout=seconds)
        return printed.get(name)


# Until both shards are subscribed to, what is put is not this reader's.
probes = (f"probe-{index}" for index in range(1000))
heard = 0
while heard < 8:
    probe = next(probes)
    put(probe)
    heard = heard + 1 if wait(probe, 0.5) else 0

after_ms, missing = [], []
for index in range(ROUNDS):
    name = f"record-{index}"
    put_at = put(name)
    at = wait(name, 10)
    if at is None:
        missing.append(name)
    else:
        after_ms.append((at - put_at) / 1e6)
tail.send_signal(2)
ended = tail.wait(timeout=20)

after_ms.sort()
median = statistics.median(after_ms) if after_ms else None
verdict = {
    "ok": not missing and ended == 0 and median <= WITHIN_MS,
    "after_put_returned_ms": {
        "median": round(median, 2),
        "p95": round(after_ms[int(len(after_ms) * 0.95)], 2),
        "max": round(after_ms[-1], 2),
    },
    "missing": missing,
}
print(json.dumps(verdict))
