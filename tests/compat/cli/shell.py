"""The AWS CLI as typed in a shell: one `aws kinesis` command each, its answer or the error it tells."""

import base64
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

# The report lies with boto3's programs and needs nothing of boto3.
sys.path.append(str(Path(__file__).resolve().parents[1] / "boto3"))

from report import Absent, check, run_matrix, same, wait_until  # noqa: E402

__all__ = [
    "Absent",
    "attempt",
    "aws",
    "check",
    "create_stream",
    "data_of",
    "once_active",
    "operations",
    "refusal",
    "run_matrix",
    "same",
    "shard_id",
    "stream_arn",
    "summary",
    "together",
    "version",
    "wait_until",
]

CALL_SECS_MAX = 60
ACTIVE_SECS_MAX = 20
# As many as there are likely to be cores: each command is half a second of computing.
AT_ONCE_MAX = 3
ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation[^:]*: (.+)", re.DOTALL)
NOT_YET = ("ResourceNotFoundException", "ResourceInUseException")


class Refused(Exception):
    """The error a command told: its code, and the text with it."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


def run(*arguments, **variables):
    """Runs `aws` to its end; certificates are verified against AWS_CA_BUNDLE, as everywhere."""
    endpoint = {"AWS_ENDPOINT_URL_KINESIS": os.environ["FANLIGHT_ENDPOINT"], "AWS_DEFAULT_OUTPUT": "json"}
    return subprocess.run(
        ["aws", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=CALL_SECS_MAX,
        check=False,
        env={**os.environ, **endpoint, **variables},
    )


def attempt(*arguments, **variables):
    """One command; answers what it printed, read as JSON. Raises the error it told."""
    done = run("kinesis", *arguments, **variables)
    if error := ERROR.search(done.stderr):
        raise Refused(error[1], error[2].strip())
    check(done.returncode == 0, f"{arguments[0]}: exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def aws(command, **options):
    """One command with options by their names: `aws("put-record", stream_name="a")`."""
    return attempt(command, *flags(options))


def flags(options):
    """Options as the shell has them; True stands for a flag without a value."""
    words = []
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is True else [value]
    return words


def refusal(code, command, **options):
    """A command that has to be refused, at once; answers the text of the error."""
    try:
        attempt(command, *flags(options), AWS_MAX_ATTEMPTS="1")
    except Refused as error:
        same(f"error of {command}", error.code, code)
        check(error.text, f"{code} without a text")
        return error.text
    raise AssertionError(f"{command} was not refused with {code}: {options}")


def once_active(command, **options):
    """A command on a stream that may still be CREATING or UPDATING: tried again until it is not."""
    deadline = time.monotonic() + ACTIVE_SECS_MAX
    while True:
        try:
            return aws(command, **options)
        except Refused as error:
            if error.code not in NOT_YET or time.monotonic() > deadline:
                raise


def together(*calls):
    """Runs commands that do not depend on each other side by side; answers in their order."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE_MAX) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def create_stream(name, shards=1):
    """Creates a stream; `once_active` waits for it, which saves the command that asks."""
    aws("create-stream", stream_name=name, shard_count=shards)


def summary(name):
    """The stream as describe-stream-summary tells it."""
    return once_active("describe-stream-summary", stream_name=name)["StreamDescriptionSummary"]


def stream_arn(name):
    """A stream's ARN, which differs in its name only from any other's here: asked for once."""
    if not hasattr(stream_arn, "prefix"):
        stream_arn.prefix = summary(name)["StreamARN"].removesuffix(name)
    return stream_arn.prefix + name


def operations():
    """The commands `aws kinesis` has: it lists them when it is given one that it has not. Asked for once."""
    if not hasattr(operations, "known"):
        done = run("kinesis", "no-such-command")
        check("Invalid choice, valid choices are" in done.stderr, done.stderr[-300:])
        operations.known = set(re.findall(r"[a-z]+(?:-[a-z]+)+", done.stderr.split("valid choices are")[1]))
        check("put-record" in operations.known, done.stderr[-300:])
    return operations.known


def version():
    """What the command says of itself."""
    done = run("--version")
    found = re.search(r"aws-cli/(\S+)", done.stdout + done.stderr)
    check(found, f"no version in {done.stdout}{done.stderr}")
    return found[1]


def shard_id(number):
    """What the service calls a stream's shard of this number."""
    return f"shardId-{number:012}"


def data_of(record):
    """A record's data."""
    return base64.b64decode(record["Data"], validate=True)
