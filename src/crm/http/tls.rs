//! The TLS configuration: the system's certificate authorities and the organisation's own.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::crm::CrmError;

/// A client configuration that trusts the system's authorities and those in `ca_file` (PEM).
pub(super) fn config(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, CrmError> {
    let mut roots = rustls::RootCertStore::empty();
    // Single unreadable system certificates are common and harmless; having none at all shows when the connection is made.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let wrong = |cause: String| CrmError::Tls { cause: format!("the certificate file {}: {cause}; see crm.ca_file", path.display()) };
        let mut count = 0;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("it holds no PEM certificate".to_owned()));
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| CrmError::Tls { cause: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
