//! The headers every request carries. The server accepts any credentials, but their form must be complete.

/// Names the operation.
pub(crate) const TARGET: &str = "x-amz-target";

/// Everything but the operation.
pub(crate) const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-date", "20260101T000000Z"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDLOADTEST/20260101/us-east-1/kinesis/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=00000000000000000000000000000000000000000000000000000000f00dcafe",
    ),
];
