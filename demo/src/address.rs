//! A server's address, as every command takes it.

use crate::mission::PORT;
use bellwire_std::Network;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The address of a server, with the demo's port unless it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// TCP, or Unix for `unix:PATH`.
    pub network: Network,
    /// `HOST:PORT`, or the path.
    pub text: String,
}

impl ServerAddress {
    /// The host as a certificate names it; this machine for an address without one.
    pub fn host(&self) -> &str {
        let host = match self.network {
            Network::Unix => "",
            _ => self.text.rsplit_once(':').map_or("", |(host, _)| host),
        };
        // No certificate names a zone.
        let host = host.trim_matches(['[', ']']).split('%').next();
        match host.unwrap_or("") {
            "" => "localhost",
            host => host,
        }
    }
}

impl FromStr for ServerAddress {
    type Err = &'static str;

    /// Reads `HOST`, `HOST:PORT`, `:PORT`, an IPv6 address with or without brackets, a zone and, in
    /// brackets, a port, and `unix:PATH`. Whether there is such a host or port is seen when it is used.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("the path is missing"),
                path => Ok(Self {
                    network: Network::Unix,
                    text: path.to_owned(),
                }),
            };
        }
        let bare = text.split('%').next().unwrap_or("");
        let text = if text.is_empty() {
            return Err("the address is empty");
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

    /// Cause: of `:61000` the certificate was to be for the name "", and commands took different forms.
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
    fn an_address_that_is_empty_is_refused() {
        assert!("".parse::<ServerAddress>().is_err() && "unix:".parse::<ServerAddress>().is_err());
    }
}
