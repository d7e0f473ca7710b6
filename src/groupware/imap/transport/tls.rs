//! TLS 1.2 and 1.3 by rustls.

use std::io;
use std::sync::Arc;

use rustls::Error as RustlsError;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::groupware::tls::{config, fault};
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

/// A handshake that failed: a matter of TLS, or of the connection.
fn failure(error: &io::Error, server: &str) -> GroupwareError {
    let server = server.to_owned();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
        Some(error) => GroupwareError::Tls { server, fault: fault(error) },
        None => GroupwareError::Offline { server, cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsAcceptor;

    use crate::settings::{AuthMethod, Secret, Security};

    use super::*;

    struct Authority {
        issuer: Issuer<'static, KeyPair>,
        file: tempfile::NamedTempFile,
    }

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(params.self_signed(&key).unwrap().pem().as_bytes()).unwrap();
            Self { issuer: Issuer::new(params, key), file }
        }

        /// Connects to a server with a certificate of this authority for `name`, valid until `until`.
        async fn connect(&self, name: &str, until: i32, ca_file: Option<&Path>) -> Result<Box<dyn Io>, GroupwareError> {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap())
                .unwrap();
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                let mut stream = TlsAcceptor::from(Arc::new(config)).accept(theirs).await?;
                stream.write_all(b"* OK hi").await?;
                stream.shutdown().await
            });
            secure(Box::new(ours), &access(ca_file), "mail.example.test:993", &Limits::default()).await
        }
    }

    fn access(ca_file: Option<&Path>) -> ImapAccess {
        ImapAccess {
            host: "mail.example.test".to_owned(),
            port: 993,
            security: Security::Tls,
            auth: AuthMethod::Password,
            user: "alice".to_owned(),
            secret: Secret::Environment("UNUSED".to_owned()),
            ca_file: ca_file.map(Path::to_owned),
        }
    }

    fn fault_of(outcome: Result<Box<dyn Io>, GroupwareError>) -> TlsFault {
        match outcome {
            Err(GroupwareError::Tls { fault, .. }) => fault,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("the connection was accepted"),
        }
    }

    #[tokio::test]
    async fn a_certificate_of_the_organisations_own_authority_is_accepted() {
        let authority = Authority::new();
        let mut stream = authority.connect("mail.example.test", 2100, Some(authority.file.path())).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "* OK hi");
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_certificate_is_told_apart() {
        let authority = Authority::new();
        let ca_file = Some(authority.file.path());
        assert_eq!(fault_of(authority.connect("mail.example.test", 2020, ca_file).await), TlsFault::Expired);
        assert_eq!(fault_of(authority.connect("other.example.test", 2100, ca_file).await), TlsFault::WrongHost);
        assert_eq!(fault_of(authority.connect("mail.example.test", 2100, None).await), TlsFault::UnknownIssuer);
    }

    #[tokio::test]
    async fn a_ca_file_that_cannot_be_used_is_named() {
        for path in [Path::new("/nonexistent/ca.pem"), Path::new(file!())] {
            assert!(matches!(config(Some(path)), Err(TlsFault::Other(text)) if text.contains(&*path.to_string_lossy())));
        }
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_told_apart_from_a_lost_connection() {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(b"* OK IMAP4rev1 ready, in the clear\r\n").await.unwrap();
        let outcome = secure(Box::new(ours), &access(None), "s:993", &Limits::default()).await;
        assert!(matches!(fault_of(outcome), TlsFault::Other(text) if text.contains("starttls")));
        let (ours, theirs) = tokio::io::duplex(4096);
        drop(theirs);
        assert!(matches!(secure(Box::new(ours), &access(None), "s:993", &Limits::default()).await, Err(GroupwareError::Offline { .. })));
    }

    #[test]
    fn outdated_versions_are_named() {
        let alert = RustlsError::AlertReceived(rustls::AlertDescription::ProtocolVersion);
        assert!(matches!(fault(&alert), TlsFault::Outdated(_)));
    }
}
