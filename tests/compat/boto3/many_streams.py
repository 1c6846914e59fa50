"""More streams than calls are allowed in a second, created in a loop: the default retries make it good."""

from common import check, client, verdict

STREAMS = 12


def run():
    """Creates them one after the other and lists them all."""
    kinesis = client()
    names = [f"many-{number:02}" for number in range(STREAMS)]
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    pages = kinesis.get_paginator("list_streams").paginate()
    listed = [name for page in pages for name in page["StreamNames"]]
    check(listed == names, f"listed {listed}")
    return {"streams": len(listed)}


if __name__ == "__main__":
    verdict("many_streams", run)
