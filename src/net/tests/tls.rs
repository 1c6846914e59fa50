//! TLS on the data port: ALPN or none, HTTP/1.1 and HTTP/2, plain beside it, certificates from files and our
//! own.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Serving, ask, h2_client, local, read_all, read_until, start};
use crate::net::{SelfSigned, Tls, TlsError};

fn client(certificate: &Path, alpn: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn connect(connector: &TlsConnector, server: &Serving, name: &'static str) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(server.address).await.unwrap();
    connector.connect(ServerName::try_from(name).unwrap(), socket).await.unwrap()
}

#[tokio::test]
async fn speaks_http2_with_and_without_alpn() {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let own = SelfSigned::kept_in(dir.path()).unwrap();
        let server = start(Rc::default(), Some(own.tls)).await;
        for (alpn, agreed) in [(&["h2", "http/1.1"][..], Some(b"h2".as_slice())), (&[], None)] {
            let socket = connect(&client(&own.certificate, alpn), &server, "localhost").await;
            assert_eq!(socket.get_ref().1.alpn_protocol(), agreed);
            let client = h2_client(socket, 1 << 20).await;
            let mut response = ask(&client, "/", "x".repeat(100_000)).await;
            assert_eq!(read_all(response.body_mut()).await.len(), 100_018);
        }
    })
    .await;
}

#[tokio::test]
async fn speaks_http1_with_and_without_alpn() {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let own = SelfSigned::kept_in(dir.path()).unwrap();
        let server = start(Rc::default(), Some(own.tls)).await;
        for alpn in [&["http/1.1"][..], &[]] {
            // By address too: the certificate names it.
            let mut socket = connect(&client(&own.certificate, alpn), &server, "127.0.0.1").await;
            socket.write_all(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            read_until(&mut socket, b"POST h ok").await;
        }
    })
    .await;
}

#[tokio::test]
async fn plain_is_refused_beside_tls_unless_allowed() {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let own = SelfSigned::kept_in(dir.path()).unwrap();
        let request = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n";

        let strict = start(Rc::default(), Some(own.tls.clone())).await;
        let mut socket = TcpStream::connect(strict.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        // Closed or reset, by how much of the request was read; answered never.
        assert!(matches!(socket.read(&mut [0; 64]).await, Ok(0) | Err(_)));

        let both = start(Rc::default(), Some(own.tls.allow_plain())).await;
        let mut socket = TcpStream::connect(both.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        read_until(&mut socket, b"POST h ").await;
        connect(&client(&own.certificate, &["h2"]), &both, "localhost").await;
    })
    .await;
}

#[tokio::test]
async fn sessions_resume() {
    local(async {
        let dir = tempfile::tempdir().unwrap();
        let own = SelfSigned::kept_in(dir.path()).unwrap();
        let server = start(Rc::default(), Some(own.tls)).await;
        let connector = client(&own.certificate, &["http/1.1"]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut socket = connect(&connector, &server, "localhost").await;
            socket.write_all(b"POST / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
            read_until(&mut socket, b"POST h ").await;
            assert_eq!(socket.get_ref().1.handshake_kind(), Some(kind));
        }
    })
    .await;
}

#[test]
fn a_certificate_of_our_own_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let read = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
    SelfSigned::kept_in(&dir.path().join("deeper")).unwrap();
    SelfSigned::kept_in(dir.path()).unwrap();
    let first = read("cert.pem");
    SelfSigned::kept_in(dir.path()).unwrap();
    assert_eq!(read("cert.pem"), first);
    let mode = std::fs::metadata(dir.path().join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let own = SelfSigned::kept_in(dir.path()).unwrap();
    let (missing, key) = (dir.path().join("missing.pem"), dir.path().join("key.pem"));

    let error = Tls::from_pem_files(&missing, &key).unwrap_err();
    assert!(
        matches!(error, TlsError::Certificate { .. }) && error.to_string().contains("missing.pem"),
        "{error}"
    );
    let error = Tls::from_pem_files(&key, &key).unwrap_err();
    assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
    let error = Tls::from_pem_files(&own.certificate, &own.certificate).unwrap_err();
    assert!(matches!(error, TlsError::Key { .. }) && error.to_string().contains("cert.pem"), "{error}");

    let other = tempfile::tempdir().unwrap();
    SelfSigned::kept_in(other.path()).unwrap();
    let error = Tls::from_pem_files(&own.certificate, &other.path().join("key.pem")).unwrap_err();
    assert!(matches!(error, TlsError::Unusable(_)), "{error}");
}
