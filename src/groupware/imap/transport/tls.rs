//! TLS 1.2 and 1.3 by rustls.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error as RustlsError, RootCertStore};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::groupware::{GroupwareError, TlsFault};
use crate::settings::ImapAccess;

use super::super::Limits;
use super::super::wire::Io;

/// Puts TLS over a stream and checks the server's certificate.
pub(in super::super) async fn secure(
    stream: Box<dyn Io>,
    access: &ImapAccess,
    server: &str,
    limits: &Limits,
) -> Result<Box<dyn Io>, GroupwareError> {
    let failed = |fault| GroupwareError::Tls { server: server.to_owned(), fault };
    let config = config(access.ca_file.as_deref()).map_err(failed)?;
    let name = ServerName::try_from(access.host.clone())
        .map_err(|_| failed(TlsFault::Other("its host name cannot stand in a certificate; check it in the settings".to_owned())))?;
    match timeout(limits.read, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(failure(&error, server)),
        Err(_) => Err(GroupwareError::Timeout { server: server.to_owned(), command: "TLS handshake", after: limits.read }),
    }
}

fn config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsFault> {
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

/// A handshake that failed: a matter of TLS, or of the connection.
fn failure(error: &io::Error, server: &str) -> GroupwareError {
    let server = server.to_owned();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
        Some(error) => GroupwareError::Tls { server, fault: fault(error) },
        None => GroupwareError::Offline { server, cause: error.to_string() },
    }
}

fn fault(error: &RustlsError) -> TlsFault {
    use rustls::AlertDescription as Alert;
    match error {
        RustlsError::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsFault::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::WrongHost,
            // A certificate that signed itself and is not marked as an authority ends in the last two.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
            CertificateError::Other(_) => TlsFault::UnknownIssuer,
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
