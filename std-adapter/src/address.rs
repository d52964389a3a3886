//! Networks and addresses.

use crate::SerialAddress;
use bellwire::Printable;
use socket2::SockAddr;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

/// The kind of network of an address: Go's argument `network` of `net.Dial` and `net.Listen`. Go has no serial ports.
///
/// ```
/// use bellwire_std::Network;
///
/// assert_eq!("tcp4".parse::<Network>()?, Network::Tcp4);
/// let error = "carrier-pigeon".parse::<Network>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"unknown network "carrier-pigeon"; expected tcp, tcp4, tcp6, unix or serial"#
/// );
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Network {
    /// TCP, over IPv4 or IPv6.
    #[default]
    Tcp,
    /// TCP over IPv4 only.
    Tcp4,
    /// TCP over IPv6 only.
    Tcp6,
    /// A Unix stream socket. Its address is a path.
    Unix,
    /// A serial port, for clients. Its address is a [`SerialAddress`]. It needs the feature `serial`.
    Serial,
}

impl Network {
    /// Returns whether this network uses the family of `address`.
    pub(crate) fn includes(self, address: &SocketAddr) -> bool {
        match self {
            Self::Tcp => true,
            Self::Tcp4 => address.is_ipv4(),
            Self::Tcp6 => address.is_ipv6(),
            Self::Unix | Self::Serial => false,
        }
    }
}

impl FromStr for Network {
    type Err = io::Error;

    /// Parses Go's names `tcp`, `tcp4`, `tcp6` and `unix`, and `serial`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other name.
    fn from_str(name: &str) -> io::Result<Self> {
        match name {
            "tcp" => Ok(Self::Tcp),
            "tcp4" => Ok(Self::Tcp4),
            "tcp6" => Ok(Self::Tcp6),
            "unix" => Ok(Self::Unix),
            "serial" => Ok(Self::Serial),
            _ => {
                let what =
                    format!("unknown network {name:?}; expected tcp, tcp4, tcp6, unix or serial");
                Err(io::Error::new(ErrorKind::InvalidInput, what))
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Tcp4 => "tcp4",
            Self::Tcp6 => "tcp6",
            Self::Unix => "unix",
            Self::Serial => "serial",
        })
    }
}

/// The address of one end of a connection: Go's `net.Addr`.
///
/// A peer chooses the path of its socket, so paths are displayed escaped, by [`Printable`].
///
/// ```
/// use bellwire_std::Address;
///
/// assert_eq!(Address::Tcp(([127, 0, 0, 1], 80).into()).to_string(), "127.0.0.1:80");
/// assert_eq!(Address::Unix(Some("/run/bell".into())).to_string(), "/run/bell");
/// assert_eq!(Address::Unix(Some("/run/\n".into())).to_string(), r"/run/\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a port. The address of an IPv4 peer is an IPv4 address, even if the socket
    /// is for both families.
    Tcp(SocketAddr),
    /// The path of a Unix socket; `None` for an unnamed socket, such as a client's.
    Unix(Option<PathBuf>),
    /// A serial port.
    Serial(Box<SerialAddress>),
}

impl Address {
    /// Returns the IP address and port, or `None` for a Unix socket and a serial port.
    ///
    /// ```
    /// assert_eq!(bellwire_std::Address::Unix(None).tcp(), None);
    /// ```
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::Serial(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(path)) => {
                let path = path.as_os_str().as_bytes();
                f.pad(&Printable::new(path).to_string())
            }
            Self::Unix(None) => f.pad("unix"),
            Self::Serial(address) => address.fmt(f),
        }
    }
}

impl From<SockAddr> for Address {
    fn from(address: SockAddr) -> Self {
        match address.as_socket() {
            Some(address) => Self::Tcp(canonical(address)),
            None => Self::Unix(address.as_pathname().map(PathBuf::from)),
        }
    }
}

/// Converts an IPv4-mapped IPv6 address to IPv4.
pub(crate) fn canonical(mut address: SocketAddr) -> SocketAddr {
    let ip = address.ip().to_canonical();
    if ip != address.ip() {
        address.set_ip(ip);
    }
    address
}
