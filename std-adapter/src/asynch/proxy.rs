//! The header of the PROXY protocol, version 2, with which a load balancer tells a client's address.

use ppp::v2::{Addresses, Command, Header};
use std::io;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Bytes of the part that tells the length of the rest.
const FIXED: usize = 16;

/// Bytes that the rest may take: an address has at most 216, and load balancers add some hundred.
/// Without a limit of its own, each connection could have 64 KiB set aside before it is known.
const REST: usize = 4096;

/// Reads the header, up to exactly its last byte, and returns the address in it; or none where the
/// balancer speaks for itself, as it does to see whether the server is well.
pub(super) async fn read_header(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut bytes = vec![0; FIXED];
    stream.read_exact(&mut bytes).await.map_err(ended)?;
    if !bytes.starts_with(ppp::v2::PROTOCOL_PREFIX) {
        return Err(invalid(
            "it does not begin with a header of the PROXY protocol, version 2",
        ));
    }
    let rest = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if rest > REST {
        return Err(invalid("its PROXY protocol header is too long"));
    }
    bytes.resize(FIXED + rest, 0);
    stream
        .read_exact(&mut bytes[FIXED..])
        .await
        .map_err(ended)?;
    let header = Header::try_from(&bytes[..])
        .map_err(|error| invalid(&format!("its PROXY protocol header is wrong: {error}")))?;
    Ok(match (header.command, header.addresses) {
        (Command::Proxy, Addresses::IPv4(ip)) => Some((ip.source_address, ip.source_port).into()),
        (Command::Proxy, Addresses::IPv6(ip)) => Some((ip.source_address, ip.source_port).into()),
        _ => None,
    })
}

/// The error of a connection on which the header does not come.
pub(super) fn no_header(kind: io::ErrorKind, why: &str) -> io::Error {
    io::Error::new(kind, format!("its PROXY protocol header {why}"))
}

fn ended(error: io::Error) -> io::Error {
    match error.kind() {
        kind @ io::ErrorKind::UnexpectedEof => {
            no_header(kind, "had not come when the connection ended")
        }
        _ => error,
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
