//! Where a connection begins or ends, and over what it runs.

use bellwire::Printable;
use socket2::SockAddr;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

/// What an address is to be understood as: Go's argument `network` of `net.Dial` and `net.Listen`.
///
/// ```
/// use bellwire_std::Network;
///
/// assert_eq!("tcp4".parse::<Network>()?, Network::Tcp4);
/// let error = "carrier-pigeon".parse::<Network>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"no network is named "carrier-pigeon"; there are tcp, tcp4, tcp6 and unix"#
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
    /// A Unix socket of the kind stream; its address is a path.
    Unix,
}

impl Network {
    /// Whether `address` is of a family that this network uses.
    pub(crate) fn takes(self, address: &SocketAddr) -> bool {
        match self {
            Self::Tcp => true,
            Self::Tcp4 => address.is_ipv4(),
            Self::Tcp6 => address.is_ipv6(),
            Self::Unix => false,
        }
    }
}

impl FromStr for Network {
    type Err = io::Error;

    /// Reads Go's names: `tcp`, `tcp4`, `tcp6` and `unix`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for another name.
    fn from_str(name: &str) -> io::Result<Self> {
        match name {
            "tcp" => Ok(Self::Tcp),
            "tcp4" => Ok(Self::Tcp4),
            "tcp6" => Ok(Self::Tcp6),
            "unix" => Ok(Self::Unix),
            _ => {
                let what =
                    format!("no network is named {name:?}; there are tcp, tcp4, tcp6 and unix");
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
        })
    }
}

/// One end of a connection: Go's `net.Addr`.
///
/// A peer chooses the path of its socket, so a path shows as [`Printable`] has it.
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
    /// An IP address and a port. An IPv4 peer of a socket for both families is shown as one.
    Tcp(SocketAddr),
    /// The path of a Unix socket; none for a socket without a name, as a dialing end is.
    Unix(Option<PathBuf>),
}

impl Address {
    /// The IP address and port, unless it is a Unix socket.
    ///
    /// ```
    /// assert_eq!(bellwire_std::Address::Unix(None).tcp(), None);
    /// ```
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
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

/// An IPv4 address that is written as an IPv6 address, as an IPv4 address.
pub(crate) fn canonical(mut address: SocketAddr) -> SocketAddr {
    let ip = address.ip().to_canonical();
    if ip != address.ip() {
        address.set_ip(ip);
    }
    address
}
