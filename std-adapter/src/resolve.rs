//! From `localhost:http` to the addresses of sockets.

use crate::address::{Network, canonical};
use crate::ports;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The addresses that `address` stands for: Go's `net.ResolveTCPAddr`, but all of them, in the order
/// in which the system would try them.
///
/// `address` is `HOST:PORT`: `localhost:80`, `127.0.0.1:80`, `[::1]:80`, with a zone
/// `[fe80::1%eth0]:80`. Without a host, as in `:80`, it stands for all interfaces. The port may be a
/// name, such as `http`, out of `/etc/services`, or, where that does not list it, one of the fifteen
/// that Go knows by itself.
///
/// ```
/// use bellwire_std::{Network, resolve};
///
/// let addresses = resolve(Network::Tcp4, "127.0.0.1:http")?;
/// assert_eq!(addresses, ["127.0.0.1:80".parse().unwrap()]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for what is no such address, and for an unknown port;
/// [`ErrorKind::NotFound`] when the host has no address for `network`, as none has for
/// [`Network::Unix`]; those of the system's lookup. It takes the time that the lookup takes.
pub fn resolve(network: Network, address: &str) -> io::Result<Vec<SocketAddr>> {
    resolve_with(network, address, system)
        .map_err(|error| explain(format_args!("cannot resolve {address}"), &error))
}

/// Like [`resolve`], with the caller's way to look up a name, and errors that do not repeat the address.
pub(crate) fn resolve_with(
    network: Network,
    address: &str,
    look_up: impl FnOnce(&str) -> io::Result<Vec<IpAddr>>,
) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = split(address)?;
    let port = ports::port(port)?;
    let mut found = match literal(host, port)? {
        Some(found) => found,
        None => look_up(host)?
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect(),
    };
    for address in &mut found {
        *address = canonical(*address);
    }
    found.retain(|address| network.takes(address));
    if found.is_empty() {
        let what = format!("{host} has no address for {network}");
        return Err(io::Error::new(ErrorKind::NotFound, what));
    }
    Ok(found)
}

/// The addresses of a name, as the system knows them.
pub(crate) fn system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|a| a.ip()).collect())
}

/// `error`, with what was tried in front of it.
pub(crate) fn explain(tried: fmt::Arguments<'_>, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{tried}: {error}"))
}

/// Host and port of `HOST:PORT` or `[HOST]:PORT`.
fn split(address: &str) -> io::Result<(&str, &str)> {
    let invalid = |what| Err(io::Error::new(ErrorKind::InvalidInput, what));
    let parts = match address.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => address.rsplit_once(':'),
    };
    match parts {
        None => invalid("an address is written HOST:PORT, or [HOST]:PORT for IPv6"),
        Some((host, _)) if host.contains(':') && !address.starts_with('[') => {
            invalid("an IPv6 address stands in brackets, as in [::1]:80")
        }
        Some((_, "")) => invalid("the port is missing"),
        Some(parts) => Ok(parts),
    }
}

/// The addresses of a host that needs no lookup: none at all, or an IP address.
fn literal(host: &str, port: u16) -> io::Result<Option<Vec<SocketAddr>>> {
    let ips: Vec<IpAddr> = if host.is_empty() {
        vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()]
    } else if host.contains('%') {
        // Only the system knows the numbers of its zones.
        return Ok(Some((host, port).to_socket_addrs()?.collect()));
    } else if let Ok(ip) = host.parse() {
        vec![ip]
    } else {
        return Ok(None);
    };
    let addresses = ips.into_iter().map(|ip| SocketAddr::new(ip, port));
    Ok(Some(addresses.collect()))
}
