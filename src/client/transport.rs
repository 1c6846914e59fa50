//! HTTP to one server: a pool of connections for calls, and HTTP/2 connections that subscriptions share. What
//! went wrong below HTTP is told with what to do about it.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::time::timeout;

use crate::limits::{
    CLIENT_ANSWER_BYTES_MAX, CLIENT_CALL_SECS_MAX, CLIENT_CONNECT_SECS_MAX,
    CLIENT_SUBSCRIPTIONS_PER_CONNECTION, CLIENT_WINDOW_BYTES,
};

use super::Connect;
use super::failure::{Failure, Outcome};

type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Connections to one server.
pub(super) struct Transport {
    calls: Pool,
    /// Each holds one connection for so many subscriptions.
    lanes: std::cell::RefCell<Vec<Pool>>,
    tls: ClientConfig,
}

impl Transport {
    /// Connections that trust what the user trusts; none is opened yet.
    pub(super) fn new(connect: &Connect) -> Outcome<Self> {
        let tls = trusting(connect)?;
        let mut builder = Client::builder(TokioExecutor::new());
        // A pooled connection a restart has closed must not fail the call that finds out.
        builder.retry_canceled_requests(true).pool_timer(TokioTimer::new());
        let calls = builder.build(connector(tls.clone(), true));
        Ok(Self { calls, lanes: std::cell::RefCell::default(), tls })
    }

    /// One request and its whole answer.
    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Outcome<Response<Bytes>> {
        let uri = request.uri().clone();
        let exchange = async {
            let answer = self.calls.request(request).await.map_err(|error| failed(&uri, &error))?;
            let (head, body) = answer.into_parts();
            let whole = Limited::new(body, CLIENT_ANSWER_BYTES_MAX).collect().await;
            let broke = |error| Failure::unreachable(format!("{uri} broke off its answer: {error}"), AGAIN);
            Ok(Response::from_parts(head, whole.map_err(broke)?.to_bytes()))
        };
        let patience = Duration::from_secs(CLIENT_CALL_SECS_MAX);
        timeout(patience, exchange).await.unwrap_or_else(|_| Err(silent(&uri)))
    }

    /// One request by HTTP/2, and the head of an answer whose body goes on for minutes. `index` counts the
    /// subscriptions of this process, so that a connection carries no more of them than servers allow.
    pub(super) async fn stream(
        &self,
        index: usize,
        request: Request<Full<Bytes>>,
    ) -> Outcome<Response<Incoming>> {
        let uri = request.uri().clone();
        let lane = self.lane(index / CLIENT_SUBSCRIPTIONS_PER_CONNECTION);
        let asked = lane.request(request);
        match timeout(Duration::from_secs(CLIENT_CALL_SECS_MAX), asked).await {
            Ok(answer) => answer.map_err(|error| failed(&uri, &error)),
            Err(_) => Err(silent(&uri)),
        }
    }

    fn lane(&self, index: usize) -> Pool {
        let mut lanes = self.lanes.borrow_mut();
        while lanes.len() <= index {
            let mut builder = Client::builder(TokioExecutor::new());
            builder.http2_only(true).timer(TokioTimer::new()).pool_timer(TokioTimer::new());
            builder.http2_initial_stream_window_size(CLIENT_WINDOW_BYTES);
            builder.http2_initial_connection_window_size(16 * CLIENT_WINDOW_BYTES);
            lanes.push(builder.build(connector(self.tls.clone(), false)));
        }
        lanes[index].clone()
    }
}

const AGAIN: &str = "Try again; the server's log says more.";

fn connector(tls: ClientConfig, http1: bool) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(Duration::from_secs(CLIENT_CONNECT_SECS_MAX)));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if http1 {
        builder.enable_http1().wrap_connector(tcp)
    } else {
        builder.enable_http2().wrap_connector(tcp)
    }
}

/// The system's roots and the user's own; or anything at all.
fn trusting(connect: &Connect) -> Outcome<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Usage(format!("TLS cannot be set up: {error}")))?;
    if connect.insecure {
        let any = Arc::new(Anyone(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth());
    }
    let Some(file) = &connect.ca_cert else {
        let is_plain = !super::endpoint_text(connect).starts_with("https:");
        // The system's roots take a while to read, and nobody asks for them over a plain connection.
        let none = || builder.clone().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        if is_plain {
            return Ok(none());
        }
        return Ok(builder
            .clone()
            .with_native_roots()
            .map_or_else(|_| none(), |it| it.with_no_client_auth()));
    };
    Ok(builder.with_root_certificates(roots(file)?).with_no_client_auth())
}

fn roots(file: &Path) -> Outcome<RootCertStore> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("--ca-cert {}: no certificate can be read from it: {error}", file.display()))
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"it holds none")) } else { Ok(roots) }
}

/// Takes any certificate, for `--insecure`; that the peer has its key is still seen to.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn silent(uri: &Uri) -> Failure {
    let what = format!("{uri} did not answer within {CLIENT_CALL_SECS_MAX} s");
    Failure::unreachable(what, "Is it busy, or stopped in a debugger? `curl ADMIN/readyz` tells how it is.")
}

/// What a failed request means to whoever sent it.
fn failed(uri: &Uri, error: &Error) -> Failure {
    let cause = deepest(error);
    let what = format!("cannot reach {uri}: {cause}");
    let is_refused = kind_of(error) == Some(io::ErrorKind::ConnectionRefused);
    if is_refused {
        let port = uri.port_u16().unwrap_or_default();
        let hint = format!(
            "Is a server running there? Start one with `fanlight serve --listen 127.0.0.1:{port}`, or say where \
             it is with --endpoint."
        );
        return Failure::unreachable(what, hint);
    }
    Failure::unreachable(what, advice(uri, &cause, error.is_connect()))
}

fn advice(uri: &Uri, cause: &str, is_connect: bool) -> String {
    let is_tls = uri.scheme_str() == Some("https");
    let other = if is_tls { "http" } else { "https" };
    let authority = uri.authority().map_or("", |it| it.as_str());
    if is_tls && (cause.contains("UnknownIssuer") || cause.contains("CaUsedAsEndEntity")) {
        "Name its certificate with --ca-cert (of --tls-self-signed: DATA-DIR/tls/cert.pem), or use --insecure."
            .into()
    } else if is_tls && cause.contains("certificate") {
        "Use a name the certificate is for (of --tls-self-signed: localhost), or --insecure.".into()
    } else if is_tls && is_connect {
        format!("Does this port speak TLS? Try --endpoint {other}://{authority}.")
    } else if is_connect {
        "Check the address in --endpoint.".into()
    } else {
        format!(
            "If it speaks TLS, try --endpoint {other}://{authority}; if it was just restarted, try again."
        )
    }
}

/// The words of the error at the bottom: those above it only say that there is one.
fn deepest(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    words
}

fn kind_of(error: &Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = inner.source();
    }
    None
}
