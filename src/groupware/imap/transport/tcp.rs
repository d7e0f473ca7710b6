//! TCP connections.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::groupware::GroupwareError;
use crate::settings::ImapAccess;
use crate::system::Resolver;

use super::super::Limits;

/// The server's addresses.
pub(super) async fn resolve(
    access: &ImapAccess,
    server: &str,
    resolver: &dyn Resolver,
    limits: &Limits,
) -> Result<Vec<SocketAddr>, GroupwareError> {
    let found = timeout(limits.connect, resolver.resolve(&access.host, access.port)).await;
    let offline = |cause: String| GroupwareError::Offline { server: server.to_owned(), cause };
    match found {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(offline("its name has no address".to_owned())),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(offline(format!("its name was not found: {error}"))),
        Err(_) => Err(GroupwareError::Timeout { server: server.to_owned(), command: "name look-up", after: limits.connect }),
    }
}

/// Connects to the first address that answers. The last failure is reported.
pub(super) async fn connect(addresses: &[SocketAddr], server: &str, limits: &Limits) -> Result<TcpStream, GroupwareError> {
    let mut failure = GroupwareError::Offline { server: server.to_owned(), cause: "no address to try".to_owned() };
    for address in addresses {
        failure = match timeout(limits.connect, connect_to(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => GroupwareError::Offline { server: server.to_owned(), cause: error.to_string() },
            Err(_) => GroupwareError::Timeout { server: server.to_owned(), command: "connect", after: limits.connect },
        };
    }
    Err(failure)
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that was killed, or a network that was left, says nothing; the system finds out.
    socket.set_keepalive(true)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
