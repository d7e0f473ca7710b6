//! TLS of every adapter: whom it trusts, and what a refusal means to people.

use std::path::Path;

use rustls::{CertificateError, ClientConfig, Error as RustlsError};

use super::TlsFault;

/// TLS 1.2 and 1.3; trusts this computer's authorities and those in `ca_file` (PEM).
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsFault> {
    crate::system::tls_config(ca_file).map_err(TlsFault::Other)
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
