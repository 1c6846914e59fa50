"""Bad input: code, status and text of the answer, by boto3's eyes and on the raw wire."""

import json
import re

from botocore.exceptions import ClientError

import raw
from common import check, client, create_stream, register_consumer, verdict
from error_table import TOO_LONG_BODY_BYTES, Known, calls, raw_requests

STREAM = "bad-input"

kinesis = client(parameter_validation=False, retries={"total_max_attempts": 1})


def prepare():
    """A stream with two shards, a record in each, and a consumer: what the table's entries refer to."""
    stream_arn = create_stream(kinesis, STREAM, 2)
    shards = [shard["HashKeyRange"]["StartingHashKey"] for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]]
    numbers = [
        kinesis.put_record(StreamName=STREAM, Data=b"x", PartitionKey="k", ExplicitHashKey=start)["SequenceNumber"]
        for start in shards
    ]
    account = stream_arn.split(":")[4]
    consumer = register_consumer(kinesis, stream_arn, "registered")
    return Known(STREAM, stream_arn, account, consumer, numbers)


def one_call(case):
    """Calls through boto3 and reads the error it raises."""
    try:
        answer = getattr(kinesis, case.operation)(**case.arguments)
    except ClientError as error:
        metadata = error.response["ResponseMetadata"]
        code = with_request_ids(metadata["HTTPHeaders"], error.response["Error"]["Code"])
        return metadata["HTTPStatusCode"], code, error.response["Error"]["Message"]
    return 200, None, str({name: value for name, value in answer.items() if name != "ResponseMetadata"})[:300]


def one_raw(case):
    """Sends the bytes and reads the answer's envelope; an answer in XML or without a body counts as its text."""
    status, headers, body = raw.request(case.target, case.body, case.content_type, case.method)
    text = body.decode()
    if headers.get("content-type") != raw.JSON or not text:
        return status, None, text
    envelope = json.loads(text)
    code = with_request_ids(headers, envelope.get("__type"))
    return status, code, envelope.get("message", envelope.get("Message", ""))


def with_request_ids(headers, code):
    """The code, spoilt when an answer lacks what support asks for first."""
    missing = [name for name in ("x-amzn-requestid", "x-amz-id-2") if not headers.get(name)]
    return f"{code} without {missing}" if missing else code


def mismatch(case, got):
    """What is wrong with an answer, or None."""
    status, code, message = got
    if (status, code) == (case.status, case.code) and re.fullmatch(case.message, message, re.DOTALL):
        return None
    return f"{case.name}\n   wanted {case.status} {case.code} {case.message}\n   got    {status} {code} {message[:400]}"


def too_long():
    """A body past the bound: 413 without a text, whether or not the server reads it to its end."""
    status, _, body = raw.request("Kinesis_20131202.PutRecord", b" " * TOO_LONG_BODY_BYTES)
    return None if (status, body) == (413, b"") else f"body too long: got {status} {body[:200]!r}, wanted an empty 413"


def run():
    """Every case is tried before the first complaint."""
    known = prepare()
    called, sent = calls(known), raw_requests()
    wrong = [mismatch(case, one_call(case)) for case in called]
    wrong += [mismatch(case, one_raw(case)) for case in sent]
    wrong = [each for each in [*wrong, too_long()] if each]
    cases = len(called) + len(sent) + 1
    check(not wrong, f"{len(wrong)} of {cases} answers differ:\n" + "\n".join(wrong))
    return {"cases": cases}


if __name__ == "__main__":
    verdict("errors", run)
