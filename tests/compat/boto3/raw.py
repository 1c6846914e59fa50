"""One HTTP/1.1 request as no SDK would send it."""

import http.client
import urllib.parse

from common import ENDPOINT

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + 64 * "0"
)
JSON = "application/x-amz-json-1.1"


def connect():
    """A fresh connection; the error cases must not lean on each other."""
    url = urllib.parse.urlsplit(ENDPOINT)
    return http.client.HTTPConnection(url.hostname, url.port, timeout=20)


def request(target=None, body=b"{}", content_type=JSON, method="POST"):
    """Sends one request; returns status, headers and body."""
    headers = {"Authorization": AUTHORIZATION, "X-Amz-Date": "20261101T000000Z", "Content-Type": content_type}
    if target:
        headers["X-Amz-Target"] = target
    return exchange(method, body, headers)


def exchange(method, body, headers):
    """The answer, also when the server gave it before it had read the whole body."""
    connection = connect()
    try:
        try:
            connection.request(method, "/", body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()
