//! From settings to a stream of bytes: TCP, then TLS.

mod tcp;
mod tls;

use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::groupware::{GroupwareError, TlsFault};
use crate::settings::{ImapAccess, Security};
use crate::system::Resolver;

use super::Limits;
use super::wire::Io;

pub(super) use tls::secure;

/// Connects to the server, with TLS if the settings ask for it from the first byte. Without any encryption only a loopback address is accepted.
pub(super) async fn open(
    access: &ImapAccess,
    server: &str,
    resolver: &dyn Resolver,
    limits: &Limits,
) -> Result<Box<dyn Io>, GroupwareError> {
    let addresses = tcp::resolve(access, server, resolver, limits).await?;
    let allowed = allowed(addresses, access.security, server)?;
    let stream = tcp::connect(&allowed, server, limits).await?;
    if access.security == Security::Tls {
        secure(Box::new(stream), access, server, limits).await
    } else {
        Ok(Box::<TcpStream>::new(stream))
    }
}

/// Addresses that may be tried. It is the resolved address that counts: a name such as `localhost` may lead anywhere.
fn allowed(addresses: Vec<SocketAddr>, security: Security, server: &str) -> Result<Vec<SocketAddr>, GroupwareError> {
    if security != Security::None {
        return Ok(addresses);
    }
    let loopback: Vec<_> = addresses.into_iter().filter(|address| address.ip().to_canonical().is_loopback()).collect();
    if loopback.is_empty() {
        return Err(GroupwareError::Tls {
            server: server.to_owned(),
            fault: TlsFault::Other(
                "security = \"none\" is accepted on this computer only, because the password would cross the network in the clear; use \"tls\" or \"starttls\""
                    .to_owned(),
            ),
        });
    }
    Ok(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_encryption_only_loopback_addresses_are_tried() {
        let addresses = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = addresses(&["192.0.2.1:143", "127.0.0.1:143", "[::1]:143", "[::ffff:127.0.0.1]:143"]);
        assert_eq!(allowed(mixed.clone(), Security::None, "s").unwrap(), mixed[1..]);
        assert_eq!(allowed(mixed.clone(), Security::Starttls, "s").unwrap(), mixed);
        assert!(matches!(allowed(addresses(&["192.0.2.1:143"]), Security::None, "s"), Err(GroupwareError::Tls { .. })));
    }
}
