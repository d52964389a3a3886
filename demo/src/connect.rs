//! `bellwire connect`: the client over TCP.

use crate::convert::DataFormat;
use crate::mission::{self, GOB, PORT, POSTCARD, STRING, TEXT};
use bellwire::blocking::Client;
use bellwire_std::{Conn, dial, tls};
use embedded_io::{Read, Write};
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long connecting, and each call, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `bellwire connect` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The server: HOST or HOST:PORT; the port is 61000 unless given.
    #[arg(value_name = "HOST[:PORT]")]
    server: String,
    /// How the structure is encoded. In gob it is not answered, as a Go server has it.
    #[arg(long, value_enum, default_value = "gob")]
    format: DataFormat,
    /// Speak TLS, and take a server only if an authority that is trusted signed its certificate.
    #[arg(long)]
    tls: bool,
    /// Trust the authorities in this file, in PEM, instead of those that this machine trusts.
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,
    /// Show the certificate in this file, in PEM, to a server that demands one.
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// Sends the text and the structure to the server, and prints the replies.
///
/// # Errors
/// When the server cannot be reached, refuses, or does not answer in time.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let server = with_port(&arguments.server);
    if !arguments.tls {
        return talk(dial(server, PATIENCE)?, arguments.format);
    }
    let connector = connector(arguments)?;
    let conn = dial(&server, PATIENCE)?;
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    talk(connector.connect(conn, host(&server))?, arguments.format)
}

fn connector(arguments: &Arguments) -> io::Result<tls::Connector> {
    let authorities = match &arguments.ca {
        Some(file) => tls::Authorities::from_file(file)?,
        None => tls::Authorities::system()?,
    };
    let files = arguments.cert.as_ref().zip(arguments.key.as_ref());
    let identity = files.map(|(chain, key)| tls::Identity::from_files(chain, key));
    tls::Connector::new(&authorities, identity.transpose()?)
}

fn talk(stream: impl Stream, format: DataFormat) -> Result<(), Box<dyn Error>> {
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut client = Client::new(stream, &mut rx, &mut tx);

    client.stream().be_patient();
    println!("{}", client.call(STRING, TEXT)?);
    client.stream().be_patient();
    let value = mission::value();
    match format {
        DataFormat::Gob => client.send(GOB, &value)?,
        DataFormat::Postcard => println!("{}", client.call(POSTCARD, &value)?),
    }
    // A request without reply may still be refused: then an error line comes before the end. Where
    // the server has gone already, the end shows why.
    let _ = client.stream().close_write();
    Ok(client.finish()?)
}

/// A connection, with TLS or without.
trait Stream: Read<Error = io::Error> + Write {
    fn conn(&self) -> &Conn;

    fn close_write(&mut self) -> io::Result<()>;

    fn be_patient(&self) {
        self.conn().set_deadline(Some(Instant::now() + PATIENCE));
    }
}

impl Stream for Conn {
    fn conn(&self) -> &Conn {
        self
    }

    fn close_write(&mut self) -> io::Result<()> {
        Self::close_write(self)
    }
}

impl Stream for tls::Conn {
    fn conn(&self) -> &Conn {
        self.get_ref()
    }

    fn close_write(&mut self) -> io::Result<()> {
        Self::close_write(self)
    }
}

/// The host of `HOST:PORT` or `[HOST]:PORT`, as a certificate names it; without one it is this machine.
fn host(server: &str) -> &str {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    match host.trim_matches(['[', ']']) {
        "" => "localhost",
        host => host,
    }
}

/// `server` with the demo's port, unless it has one.
pub(crate) fn with_port(server: &str) -> String {
    let bare = server
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bare.unwrap_or(server).parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, PORT).to_string(),
        Err(_) if server.contains(':') => server.to_owned(),
        Err(_) => format!("{server}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{host, with_port};

    #[test]
    fn a_server_without_a_port_gets_the_demos() {
        assert_eq!(with_port("localhost"), "localhost:61000");
        assert_eq!(with_port("192.0.2.1"), "192.0.2.1:61000");
        assert_eq!(with_port("::1"), "[::1]:61000");
        assert_eq!(with_port("[::1]"), "[::1]:61000");
    }

    /// Cause: of `:61000` the certificate was to be for the name "".
    #[test]
    fn a_certificate_is_for_the_host() {
        for (server, expected) in [
            ("bell.example:61000", "bell.example"),
            ("192.0.2.1:61000", "192.0.2.1"),
            ("[::1]:61000", "::1"),
            (":61000", "localhost"),
        ] {
            assert_eq!(host(server), expected);
        }
    }

    #[test]
    fn a_port_that_is_given_stays() {
        assert_eq!(with_port("localhost:80"), "localhost:80");
        assert_eq!(with_port("192.0.2.1:80"), "192.0.2.1:80");
        assert_eq!(with_port("[::1]:80"), "[::1]:80");
    }
}
