//! What the programs share: the SDK's client of the server under test, and how failures are told.

use std::env;
use std::error::Error;
use std::iter;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::{Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};

/// Any failure, with its text.
pub type Failure = Box<dyn Error + Send + Sync>;

/// More than the SDK's own three: calls are meant to meet the service's throttles here.
const ATTEMPTS_MAX: u32 = 8;
/// Between two questions whether something has come about, and how many there are at most.
const POLL: Duration = Duration::from_millis(100);
const POLLS_MAX: usize = 150;

/// Returns a failure with this text unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+).into());
        }
    };
}

/// A client of the server under test, which goes over `FANLIGHT_TRANSPORT`.
///
/// # Errors
/// If the environment does not say what is needed, or the certificate cannot be read.
pub fn connect() -> Result<Client, Failure> {
    let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
    let keys = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "env",
    );
    let endpoint = variable("FANLIGHT_ENDPOINT")?;
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version_latest()
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(keys)
        .http_client(http_client(&variable("FANLIGHT_TRANSPORT")?, &endpoint)?)
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .build();
    Ok(Client::from_conf(config))
}

/// The SDK speaks HTTP/1.1 without TLS and negotiates HTTP/2 with it; there is no setting for anything else.
fn http_client(transport: &str, endpoint: &str) -> Result<SharedHttpClient, Failure> {
    let http = aws_smithy_http_client::Builder::new();
    match transport {
        "http1" if endpoint.starts_with("http:") => Ok(http.build_http()),
        "h2-tls" if endpoint.starts_with("https:") => {
            let pem = std::fs::read(env::var("FANLIGHT_CERTIFICATE")?)?;
            let trust = tls::TrustStore::empty().with_pem_certificate(pem);
            let context = tls::TlsContext::builder().with_trust_store(trust).build()?;
            let tls = http.tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
            Ok(tls.tls_context(context).build_https())
        }
        _ => {
            Err(format!("{endpoint} cannot be reached over {transport:?} (http1 and h2-tls are known)")
                .into())
        }
    }
}

/// An error with what caused it: the SDK's own texts leave that out.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let texts = iter::successors(Some(error), |&it| it.source()).map(ToString::to_string);
    let mut texts: Vec<_> = texts.collect();
    texts.dedup();
    texts.join(": ")
}

/// Polls until the future answers that it is done, bounded.
///
/// # Errors
/// If the future fails, or never says so.
pub async fn until<F>(what: &str, mut done: impl FnMut() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<bool, Failure>>,
{
    for _ in 0..POLLS_MAX {
        if done().await? {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(format!("{what}: not after {POLLS_MAX} polls").into())
}
