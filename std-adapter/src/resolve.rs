//! Resolving names such as `localhost:http` to socket addresses.

use crate::address::{Network, canonical};
use crate::ports;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

/// Resolves `address` to socket addresses: Go's `net.ResolveTCPAddr`. Unlike Go, it returns all of
/// them, in the system's order of preference. It takes as long as the system's lookup.
///
/// `address` is `HOST:PORT`: `localhost:80`, `127.0.0.1:80`, `[::1]:80`, or `[fe80::1%eth0]:80` with
/// a zone. Without a host, as in `:80`, it means all interfaces. The port may be a name such as
/// `http`, from `/etc/services` or from the fifteen names that Go knows by itself.
///
/// As in Go, an IPv4 address has four decimal numbers without leading zeros. `127.1`, `010.0.0.1`
/// and `0x7f000001` are not valid hosts, although the system's own lookup accepts them. Unlike in
/// Go, the port is required, it cannot have a sign, and a zone must be an interface of this machine.
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
/// - [`ErrorKind::InvalidInput`] for a malformed address or an unknown port.
/// - [`ErrorKind::NotFound`] for an unknown zone, or if the host has no address for `network`. No
///   host has one for [`Network::Unix`].
/// - Any error of the system's lookup.
pub fn resolve(network: Network, address: &str) -> io::Result<Vec<SocketAddr>> {
    resolve_with(network, address, system)
        .map_err(|error| explain(format_args!("cannot resolve {address}"), &error))
}

/// Resolves like [`resolve`], but with the given lookup. Errors do not repeat the address.
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
    found.retain(|address| network.includes(address));
    if found.is_empty() {
        let what = format!("{host} has no address for {network}");
        return Err(io::Error::new(ErrorKind::NotFound, what));
    }
    Ok(found)
}

/// Looks up a name with the system's resolver.
pub(crate) fn system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|a| a.ip()).collect())
}

/// Prefixes `error` with the action that was tried.
pub(crate) fn explain(tried: fmt::Arguments<'_>, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{tried}: {error}"))
}

/// Splits `HOST:PORT` or `[HOST]:PORT` into host and port.
fn split(address: &str) -> io::Result<(&str, &str)> {
    let parts = match address.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => address.rsplit_once(':'),
    };
    match parts {
        Some((host, _)) if host.contains(':') && !address.starts_with('[') => Err(invalid(
            "an IPv6 address must be in brackets, as in [::1]:80",
        )),
        Some((_, "")) => Err(invalid("the port is missing")),
        Some((host, port)) if !host.contains(['[', ']']) => Ok((host, port)),
        _ => Err(invalid(
            "an address is written HOST:PORT, or [HOST]:PORT for IPv6",
        )),
    }
}

/// Returns the addresses of an empty host or an IP address, or `None` if `host` needs a lookup.
fn literal(host: &str, port: u16) -> io::Result<Option<Vec<SocketAddr>>> {
    let addresses = if host.is_empty() {
        let all: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        all.map(|ip| SocketAddr::new(ip, port)).to_vec()
    } else if let Ok(ip) = host.parse() {
        vec![SocketAddr::new(ip, port)]
    } else if let Some((ip, zone)) = zoned(host) {
        vec![SocketAddrV6::new(ip, port, 0, interface(zone)?).into()]
    } else if host.contains([':', '%']) || is_number(host) {
        return Err(invalid(&format!("{host} is not an IP address")));
    } else {
        return Ok(None);
    };
    Ok(Some(addresses))
}

/// Splits an IPv6 address with a zone into its parts.
fn zoned(host: &str) -> Option<(Ipv6Addr, &str)> {
    let (ip, zone) = host.split_once('%')?;
    let ip = ip.parse().ok()?;
    (!zone.is_empty()).then_some((ip, zone))
}

/// Returns the index of the interface `zone`, a name or a number. The system's lookup finds it, but
/// only for link-local addresses.
fn interface(zone: &str) -> io::Result<u32> {
    let found = (format!("fe80::%{zone}"), 0).to_socket_addrs();
    if let Some(SocketAddr::V6(address)) = found.ok().and_then(|mut found| found.next()) {
        return Ok(address.scope_id());
    }
    let what = format!("this machine has no interface {zone:?}");
    Err(io::Error::new(ErrorKind::NotFound, what))
}

/// Returns whether `host` may be an IPv4 address as C's `inet_aton` accepts it, such as `127.1` or
/// `0x7f000001`. Such forms would mislead a program that compares addresses as text.
fn is_number(host: &str) -> bool {
    host.split('.').all(|part| {
        let hexadecimal = part.strip_prefix("0x").or(part.strip_prefix("0X"));
        hexadecimal.map_or_else(
            || part.bytes().all(|byte| byte.is_ascii_digit()),
            |digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        )
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}
