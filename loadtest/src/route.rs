//! The way to the server: its address, and TLS if it serves that.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::client::Protocol;

/// A connection to the server.
pub(crate) type Socket = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Where the server is, and whom to trust there. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Route {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Route {
    /// To a server that serves plain connections.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// To a server that serves TLS with the certificate in this PEM file, made for localhost.
    pub(crate) fn trusting(address: SocketAddr, certificate: &Path) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)? {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address, tls: Some(Arc::new(config)) })
    }

    /// Connects, to speak this protocol.
    pub(crate) async fn connect(&self, protocol: Protocol) -> io::Result<Socket> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let Some(trusting) = &self.tls else { return Ok(Either::Left(socket)) };
        let mut config = ClientConfig::clone(trusting);
        config.alpn_protocols = vec![match protocol {
            Protocol::H1 => b"http/1.1".to_vec(),
            Protocol::H2 => b"h2".to_vec(),
        }];
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
        Ok(Either::Right(Box::new(stream)))
    }
}
