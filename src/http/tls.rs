//! TLS of our own, for installations without a proxy in front. A renewed certificate is taken up
//! without a restart.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::app::config::TlsFiles;

/// How often a handshake looks whether the files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the TLS {what} {path}: {detail}")]
pub struct TlsError {
    what: &'static str,
    path: String,
    detail: String,
}

/// The server's side of TLS 1.2 and 1.3 with the files' certificate.
///
/// # Errors
/// When a file cannot be read, holds nothing of its kind, or key and certificate do not belong together.
pub(super) fn server_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let kept = Kept { key: Arc::new(read(files)?), changed: changed(files), looked: Instant::now() };
    let certificate = Certificate { files: files.clone(), kept: Mutex::new(kept) };
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let builder = versions.map_err(|e| complaint("certificate", &files.certificate, e))?;
    Ok(builder.with_no_client_auth().with_cert_resolver(Arc::new(certificate)))
}

struct Kept {
    key: Arc<CertifiedKey>,
    changed: [Option<SystemTime>; 2],
    looked: Instant,
}

/// The certificate as it last was in the files.
struct Certificate {
    files: TlsFiles,
    kept: Mutex<Kept>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.files.certificate).finish()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.looked.elapsed() >= LOOK_EVERY {
            kept.looked = Instant::now();
            kept.renew(&self.files);
        }
        Some(kept.key.clone())
    }
}

impl Kept {
    /// Takes up changed files; as long as they cannot be used, what was read before goes on.
    fn renew(&mut self, files: &TlsFiles) {
        let now = changed(files);
        if now == self.changed {
            return;
        }
        match read(files) {
            Ok(key) => {
                tracing::info!(certificate = %files.certificate.display(), "the renewed TLS certificate is in use");
                (self.key, self.changed) = (Arc::new(key), now);
            }
            Err(error) => tracing::error!(%error, "the TLS files have changed and cannot be used: the earlier certificate goes on"),
        }
    }
}

fn changed(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| fs_err::metadata(path).and_then(|m| m.modified()).ok())
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let pem = fs_err::read(&files.certificate).map_err(|e| complaint("certificate", &files.certificate, e))?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| complaint("certificate", &files.certificate, e))?;
    if chain.is_empty() {
        return Err(complaint("certificate", &files.certificate, "the file holds no certificate in PEM form"));
    }
    let pem = fs_err::read(&files.key).map_err(|e| complaint("key", &files.key, e))?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| complaint("key", &files.key, e))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|e| complaint("key", &files.key, e))
}

fn complaint(what: &'static str, path: &std::path::Path, detail: impl fmt::Display) -> TlsError {
    TlsError { what, path: path.display().to_string(), detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &TlsFiles) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(["nas.example".to_owned()]).unwrap();
        fs_err::write(&files.certificate, made.cert.pem()).unwrap();
        fs_err::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }

    #[test]
    fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        let first = write(&files);
        let mut kept = Kept { key: Arc::new(read(&files).unwrap()), changed: [None; 2], looked: Instant::now() };
        let shown = |kept: &Kept| kept.key.end_entity_cert().unwrap().to_vec();
        assert_eq!(shown(&kept), first);
        fs_err::write(&files.certificate, "half a file").unwrap();
        kept.renew(&files);
        assert_eq!(shown(&kept), first);
        let second = write(&files);
        kept.renew(&files);
        assert_eq!(shown(&kept), second);
        let complaint = |files: &TlsFiles| read(files).unwrap_err().to_string();
        assert!(complaint(&TlsFiles { key: dir.path().join("none"), ..files.clone() }).contains("cannot use the TLS key"));
        assert!(complaint(&TlsFiles { certificate: files.key.clone(), ..files.clone() }).contains("holds no certificate"));
    }
}
