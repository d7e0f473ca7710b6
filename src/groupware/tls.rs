//! TLS of every adapter: whom it trusts, and what a refusal means to people.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, Error as RustlsError, RootCertStore};

use super::TlsFault;

/// TLS 1.2 and 1.3; trusts this computer's authorities and those in `ca_file` (PEM).
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsFault> {
    let mut roots = system_roots().clone();
    if let Some(path) = ca_file {
        let unusable = |what: &dyn std::fmt::Display| TlsFault::Other(format!("the ca_file {} cannot be used: {what}", path.display()));
        let certificates =
            CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| unusable(&error))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(unusable(&"it holds no certificate"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| TlsFault::Other(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The authorities that this computer trusts, read once.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}

/// What a failure of TLS means.
pub(super) fn fault(error: &RustlsError) -> TlsFault {
    use rustls::AlertDescription as Alert;
    match error {
        RustlsError::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsFault::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::WrongHost,
            // Whose signature does not fit bears an issuer's name without being from it.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
            other => TlsFault::Other(format!("the server's certificate is not acceptable: {other}")),
        },
        RustlsError::PeerIncompatible(reason) => TlsFault::Outdated(format!("{reason:?}")),
        RustlsError::AlertReceived(alert @ (Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity)) => {
            TlsFault::Outdated(format!("{alert:?}"))
        }
        RustlsError::InvalidMessage(_) => {
            TlsFault::Other("the server does not speak TLS on this port; use its secure port, or security = \"starttls\"".to_owned())
        }
        other => TlsFault::Other(other.to_string()),
    }
}
