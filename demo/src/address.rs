//! The address of a server, for every command.

use bellwire_std::{Network, SerialAddress};
use commands::PORT;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The address of a server. The default port is the demo's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// `Unix` for `unix:PATH`, `Serial` for `serial:PATH`, otherwise `Tcp`.
    pub network: Network,
    /// `HOST:PORT`, the path, or the whole address of a serial port.
    pub text: String,
}

impl ServerAddress {
    /// Returns the host as a certificate names it; `localhost` if the address has none.
    pub fn host(&self) -> &str {
        let host = match self.network {
            Network::Unix | Network::Serial => "",
            _ => self.text.rsplit_once(':').map_or("", |(host, _)| host),
        };
        // No certificate names an IPv6 zone.
        let host = host.trim_matches(['[', ']']).split('%').next();
        match host.unwrap_or("") {
            "" => "localhost",
            host => host,
        }
    }
}

impl FromStr for ServerAddress {
    type Err = String;

    /// Reads `HOST`, `HOST:PORT`, `:PORT`, `unix:PATH` or a [`SerialAddress`]. A host may be an IPv6 address, with a
    /// zone, and in brackets if a port follows. Does not check whether the host or port exists.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("the path is missing".to_owned()),
                path => Ok(Self {
                    network: Network::Unix,
                    text: path.to_owned(),
                }),
            };
        }
        if text.starts_with("serial:") {
            let address: SerialAddress = text.parse().map_err(|error| format!("{error}"))?;
            return Ok(Self {
                network: Network::Serial,
                text: address.to_string(),
            });
        }
        let bare = text.split('%').next().unwrap_or("");
        let text = if text.is_empty() {
            return Err("the address is empty".to_owned());
        } else if bare.parse::<Ipv6Addr>().is_ok() {
            format!("[{text}]:{PORT}")
        } else if !text.contains(':') || text.starts_with('[') && text.ends_with(']') {
            format!("{text}:{PORT}")
        } else {
            text.to_owned()
        };
        Ok(Self {
            network: Network::Tcp,
            text,
        })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.network == Network::Unix {
            f.write_str("unix:")?;
        }
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::ServerAddress;
    use bellwire_std::Network;

    fn parse(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    /// Cause: for `:61000`, the certificate had to name "", and commands accepted different forms.
    #[test]
    fn each_form_has_a_port_and_a_host() {
        for (text, address, host) in [
            ("localhost", "localhost:61000", "localhost"),
            ("localhost:80", "localhost:80", "localhost"),
            ("bell.example:http", "bell.example:http", "bell.example"),
            (":80", ":80", "localhost"),
            ("192.0.2.1", "192.0.2.1:61000", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1"),
            ("::1", "[::1]:61000", "::1"),
            ("::", "[::]:61000", "::"),
            ("[::1]", "[::1]:61000", "::1"),
            ("[::1]:80", "[::1]:80", "::1"),
            ("fe80::1%lo", "[fe80::1%lo]:61000", "fe80::1"),
            ("[fe80::1%lo]", "[fe80::1%lo]:61000", "fe80::1"),
            ("[fe80::1%lo]:80", "[fe80::1%lo]:80", "fe80::1"),
            ("localhost:", "localhost:", "localhost"),
        ] {
            let parsed = parse(text);
            assert_eq!(parsed.to_string(), address);
            assert_eq!(parsed.network, Network::Tcp);
            assert_eq!(parsed.host(), host);
        }
    }

    #[test]
    fn a_path_is_a_unix_socket() {
        let parsed = parse("unix:/run/bell:1");
        assert_eq!(
            (parsed.network, &*parsed.text),
            (Network::Unix, "/run/bell:1")
        );
        assert_eq!(parsed.to_string(), "unix:/run/bell:1");
        assert_eq!(parsed.host(), "localhost");
    }

    #[test]
    fn a_serial_port_is_printed_with_its_baud_rate() {
        for (text, address) in [
            ("serial:/dev/ttyUSB0", "serial:/dev/ttyUSB0?baud=115200"),
            ("serial:COM3?plain", "serial:COM3?baud=115200&plain"),
        ] {
            let parsed = parse(text);
            assert_eq!((parsed.network, &*parsed.text), (Network::Serial, address));
            assert_eq!(
                (&*parsed.to_string(), parsed.host()),
                (address, "localhost")
            );
        }
        let error = "serial:COM3?baud=x".parse::<ServerAddress>().unwrap_err();
        assert_eq!(error, r#"invalid baud rate "x"; expected a number from 1"#);
    }

    #[test]
    fn an_empty_address_is_an_error() {
        assert!("".parse::<ServerAddress>().is_err() && "unix:".parse::<ServerAddress>().is_err());
    }
}
