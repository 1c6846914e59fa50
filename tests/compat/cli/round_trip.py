"""The AWS CLI, as typed in a shell: create, put, list, read, delete. Needs nothing beside `aws` on the PATH."""

import base64
import json
import os
import subprocess
import sys
import time

STREAM = "from-the-shell"
READS_MAX = 20
CALL_SECS_MAX = 60


def aws(*arguments):
    """Runs one command and reads its answer."""
    command = ["aws", "--endpoint-url", os.environ["FANLIGHT_ENDPOINT"], "--output", "json", "kinesis", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CALL_SECS_MAX, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def read(shard, wanted):
    """Polls one shard from its beginning until the record is there."""
    where = ("--stream-name", STREAM, "--shard-id", shard, "--shard-iterator-type", "TRIM_HORIZON")
    iterator = aws("get-shard-iterator", *where)["ShardIterator"]
    for _ in range(READS_MAX):
        answer = aws("get-records", "--shard-iterator", iterator)
        for record in answer["Records"]:
            if record["SequenceNumber"] == wanted:
                return base64.b64decode(record["Data"])
        iterator = answer["NextShardIterator"]
        time.sleep(0.2)
    raise AssertionError(f"{wanted} did not come in {READS_MAX} reads")


def run():
    """The round trip."""
    aws("create-stream", "--stream-name", STREAM, "--shard-count", "2")
    aws("wait", "stream-exists", "--stream-name", STREAM)
    listed = [shard["ShardId"] for shard in aws("list-shards", "--stream-name", STREAM)["Shards"]]
    assert listed == ["shardId-000000000000", "shardId-000000000001"], listed
    put = aws("put-record", "--stream-name", STREAM, "--partition-key", "key", "--data", "from the shell")
    data = read(put["ShardId"], put["SequenceNumber"])
    assert data == b"from the shell", data
    names = aws("list-streams")["StreamNames"]
    assert names == [STREAM], names
    aws("delete-stream", "--stream-name", STREAM)
    aws("wait", "stream-not-exists", "--stream-name", STREAM)


if __name__ == "__main__":
    try:
        run()
    except (AssertionError, KeyError, subprocess.TimeoutExpired) as error:
        print(json.dumps({"program": "round_trip", "ok": False, "error": str(error)[:2000]}))
        sys.exit(1)
    print(json.dumps({"program": "round_trip", "ok": True}))
