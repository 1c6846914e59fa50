//! The port's certificate: read from PEM files, or made by ourselves and kept so that clients can trust it.
//!
//! The crypto provider is named here and never installed for the process, so there is nothing to install
//! twice.

use std::fs::{OpenOptions, create_dir_all};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate file cannot be read, or holds none.
    #[error("cannot read a certificate from {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The key file cannot be read, or holds none.
    #[error("cannot read a private key from {}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key are not of use together.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The made certificate could not be kept.
    #[error("cannot keep the certificate in {}: {source}", path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// How a port speaks TLS. Cheap to clone, shared by all cores.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    plain_allowed: bool,
}

impl Tls {
    /// Reads the certificate chain and its key from PEM files.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let unreadable = |source| TlsError::Certificate { path: certificate.to_owned(), source };
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .map_err(unreadable)?
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        if chain.is_empty() {
            return Err(unreadable(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|source| TlsError::Key { path: key.to_owned(), source })?;
        Ok(Self { config: Arc::new(server_config(chain, key)?), plain_allowed: false })
    }

    /// Serves plain connections on the same port as well.
    pub fn allow_plain(mut self) -> Self {
        self.plain_allowed = true;
        self
    }

    pub(super) fn plain_allowed(&self) -> bool {
        self.plain_allowed
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Some SDKs open a connection per request: with tickets they resume, and the server keeps no state for
    // it.
    config.ticketer = Ticketer::new()?;
    Ok(config)
}

/// A certificate of our own making, and where it is kept.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// Ready to serve with.
    pub tls: Tls,
    /// The certificate file, for clients to trust.
    pub certificate: PathBuf,
}

impl SelfSigned {
    /// Takes the certificate kept in `dir`, or makes one for this host and keeps it there.
    pub fn kept_in(dir: &Path) -> Result<Self, TlsError> {
        let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        if !certificate.exists() || !key.exists() {
            make(dir, &certificate, &key)?;
        }
        Ok(Self { tls: Tls::from_pem_files(&certificate, &key)?, certificate })
    }
}

fn make(dir: &Path, certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let made = rcgen::generate_simple_self_signed(host_names())?;
    create_dir_all(dir).map_err(|source| TlsError::Keep { path: dir.to_owned(), source })?;
    // In this order no crash leaves a certificate beside a key that is not its own.
    let _ = std::fs::remove_file(certificate);
    keep(key, 0o600, &made.signing_key.serialize_pem())?;
    keep(certificate, 0o644, &made.cert.pem())
}

/// The names a client on this machine or network may use.
fn host_names() -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    if !host.is_empty() && host != "localhost" && host.is_ascii() {
        names.push(host.into_owned());
    }
    names
}

/// Writes a new file beside and renames it, so that it has its mode from the first byte and is whole or not
/// there.
fn keep(path: &Path, mode: u32, pem: &str) -> Result<(), TlsError> {
    let write = || -> io::Result<()> {
        let fresh = path.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|source| TlsError::Keep { path: path.to_owned(), source })
}
