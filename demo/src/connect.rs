//! `bellwire connect`: the client over TCP.

use crate::address::ServerAddress;
use crate::convert::DataFormat;
use crate::output::{self, Unprinted};
use bellwire::Printable;
use bellwire::blocking::Client;
use bellwire_std::{Conn, Dialer, tls};
use commands::{GOB, POSTCARD, STRING, TEXT};
use embedded_io::{Read, Write};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The time limit for connecting and for each call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The command line of `bellwire connect`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The server: HOST[:PORT] or unix:PATH.
    server: ServerAddress,
    /// The encoding of the structure. As in the Go tutorial, the server sends no reply to gob.
    #[arg(long, value_enum, default_value = "gob")]
    format: DataFormat,
    /// Use TLS, and accept only a server whose certificate a trusted authority signed.
    #[arg(long)]
    tls: bool,
    /// Trust the authorities in this PEM file instead of this machine's.
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,
    /// Present the certificate in this PEM file to a server that requires one.
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    cert: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// Sends the text and the structure to the server, and prints the replies. Characters that would
/// control a terminal are escaped.
///
/// # Errors
/// If the server is unreachable, returns an error or exceeds the time limit, or if printing fails.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let server = &arguments.server;
    let dial = || {
        let dialer = Dialer::new().timeout(TIMEOUT);
        dialer.dial(server.network, &server.text)
    };
    if !arguments.tls {
        return talk(dial()?, arguments.format);
    }
    let connector = connector(arguments)?;
    let conn = dial()?;
    conn.set_deadline(Some(Instant::now() + TIMEOUT));
    talk(connector.connect(conn, server.host())?, arguments.format)
}

fn connector(arguments: &Arguments) -> io::Result<tls::Connector> {
    let authorities = match &arguments.ca {
        Some(file) => tls::RootCerts::from_file(file)?,
        None => tls::RootCerts::system()?,
    };
    let files = arguments.cert.as_ref().zip(arguments.key.as_ref());
    let identity = files.map(|(chain, key)| tls::Identity::from_files(chain, key));
    tls::Connector::new(&authorities, identity.transpose()?)
}

fn talk(stream: impl Stream, format: DataFormat) -> Result<(), Box<dyn Error>> {
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut client = Client::new(stream, &mut rx, &mut tx);

    client.stream().set_timeouts();
    print(client.call(STRING, TEXT)?)?;
    client.stream().set_timeouts();
    let value = commands::value();
    match format {
        DataFormat::Gob => client.send(GOB, &value)?,
        DataFormat::Postcard => print(client.call(POSTCARD, &value)?)?,
    }
    // The server can still answer a request without reply with an error line. If the server has
    // closed already, reading until the end reports why.
    let _ = client.stream().close_write();
    Ok(client.finish()?)
}

/// Prints a reply escaped by [`Printable`], also into a pipe.
fn print(reply: &str) -> Result<(), Unprinted> {
    output::line(Printable::new(reply))
}

/// A connection, with TLS or without.
trait Stream: Read<Error = io::Error> + Write {
    fn conn(&self) -> &Conn;

    fn close_write(&mut self) -> io::Result<()>;

    fn set_timeouts(&self) {
        self.conn().set_deadline(Some(Instant::now() + TIMEOUT));
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
