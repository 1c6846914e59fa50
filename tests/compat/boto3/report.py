"""How a matrix reports: one JSON line for each group of checks, whichever client makes them.

Knows no SDK, so that the AWS CLI's matrix can use it too.
"""

import json
import os
import sys
import time
import traceback

READY_SECS_MAX = 15
WHY_CHARACTERS_MAX = 500
TRANSPORTS = {"http1": "http", "http1-tls": "https"}


class Absent(Exception):
    """What a group is about does not exist, in the client or in the server yet; its text says which."""


def check(holds, message):
    """An assertion that optimised Python keeps."""
    if not holds:
        raise AssertionError(message)


def same(what, found, wanted):
    """Two things that have to be equal, shown where they are not."""
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def wait_until(holds, what, seconds=READY_SECS_MAX):
    """Polls until `holds()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def require_transport():
    """The transport asked for has to be the one the endpoint speaks; TLS has to be verified."""
    transport, endpoint = os.environ["FANLIGHT_TRANSPORT"], os.environ["FANLIGHT_ENDPOINT"]
    check(transport in TRANSPORTS, f"no such transport: {transport}; there are {', '.join(TRANSPORTS)}")
    scheme = TRANSPORTS[transport]
    check(endpoint.startswith(f"{scheme}://"), f"{transport} cannot be spoken to {endpoint}")
    check(scheme == "http" or os.environ.get("AWS_CA_BUNDLE"), "TLS without AWS_CA_BUNDLE")


def say(**line):
    """One line of the report, at once."""
    print(json.dumps(line), flush=True)


def judge(name, group):
    """Runs one group; whatever goes wrong in it is its own."""
    try:
        group(f"matrix-{name.replace(' ', '-')}")
    except Absent as reason:
        say(group=name, absent=str(reason))
    except Exception as error:
        traceback.print_exc()
        say(group=name, ok=False, why=f"{type(error).__name__}: {error}"[:WHY_CHARACTERS_MAX])
        return False
    else:
        say(group=name, ok=True)
    return True


def run_matrix(client, version, groups):
    """Runs all groups, or those the command line names, each with a stream name of its own; then exits."""
    require_transport()
    chosen = sys.argv[1:] or list(groups)
    unknown = [name for name in chosen if name not in groups]
    if unknown:
        sys.exit(f"no such group: {', '.join(unknown)}; there are: {', '.join(groups)}")
    say(client=client, version=version)
    failed = [name for name in chosen if not judge(name, groups[name])]
    say(program="matrix", ok=not failed)
    sys.exit(1 if failed else 0)
