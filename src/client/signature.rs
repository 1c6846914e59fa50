//! Signature Version 4 of this client's one kind of request: a POST of a whole body to `/`. The SDK's own
//! signer would bring twenty-five crates along; the hashes are here already.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use http::header::HeaderMap;
use sha2::{Digest, Sha256};

use crate::types::Timestamp;

use super::time::compact;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "kinesis";
/// What is signed beside the body, in the order of the names.
const SIGNED: [&str; 4] = ["content-type", "host", "x-amz-date", "x-amz-target"];

/// As whom requests are signed.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// The access key: at Fanlight, it chooses the account.
    pub(super) access_key: String,
    /// The secret.
    pub(super) secret: String,
    /// Of temporary credentials.
    pub(super) session_token: Option<String>,
    /// The region.
    pub(super) region: String,
}

/// Adds date, token and signature to the headers of a request for `host`.
pub(super) fn sign(
    headers: &mut HeaderMap,
    host: &str,
    body: &[u8],
    credentials: &Credentials,
    now: Timestamp,
) {
    let date = compact(now);
    headers.insert("x-amz-date", value(&date));
    let mut signed: Vec<_> = SIGNED.to_vec();
    if let Some(token) = &credentials.session_token {
        headers.insert("x-amz-security-token", value(token));
        signed.insert(3, "x-amz-security-token");
    }
    let names = signed.join(";");
    let mut request = String::from("POST\n/\n\n");
    for name in signed {
        let text =
            if name == "host" { Some(host) } else { headers.get(name).and_then(|it| it.to_str().ok()) };
        let _ = writeln!(request, "{name}:{}", text.unwrap_or_default());
    }
    let _ = write!(request, "\n{names}\n{}", hex(&Sha256::digest(body)));
    let day = &date[..8];
    let scope = format!("{day}/{}/{SERVICE}/aws4_request", credentials.region);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(&request)));
    let signature = hex(&keyed(&signing_key(credentials, day), &to_sign));
    let access_key = &credentials.access_key;
    let text =
        format!("{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}");
    headers.insert(http::header::AUTHORIZATION, value(&text));
}

fn signing_key(credentials: &Credentials, day: &str) -> Vec<u8> {
    let secret = format!("AWS4{}", credentials.secret).into_bytes();
    [day, &credentials.region, SERVICE, "aws4_request"].iter().fold(secret, |key, part| keyed(&key, part))
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Keys with line feeds in them sign nothing: the service will say that the signature is incomplete.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore signs of the same request at the same moment.
    fn signed(session_token: Option<&str>) -> String {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: session_token.map(str::to_owned),
            region: "eu-west-1".into(),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", value("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", value("Kinesis_20131202.ListStreams"));
        let (host, now) = ("kinesis.eu-west-1.amazonaws.com", Timestamp::from_millis(1_795_723_200_000));
        sign(&mut headers, host, br#"{"Limit":3}"#, &credentials, now);
        headers["authorization"].to_str().unwrap().to_owned()
    }

    #[test]
    fn signatures_are_those_of_botocore() {
        assert_eq!(
            signed(None),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261126/eu-west-1/kinesis/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=4296857918f9ca4ef8154721d1f155c5992dc648076a244791ee3b0fae76b846"
        );
        let temporary = signed(Some("TOKEN"));
        assert!(temporary.ends_with("4f2054040891ab2ed6b9c2762b0e771b635f3a216c434007fbd5450d769d3d80"));
    }
}
