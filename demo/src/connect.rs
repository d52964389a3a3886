//! `bellwire connect`: the client over TCP.

use crate::address::ServerAddress;
use crate::convert::DataFormat;
use crate::mission::{self, GOB, POSTCARD, STRING, TEXT};
use crate::output::{self, Unprinted};
use bellwire::Printable;
use bellwire::blocking::Client;
use bellwire_std::{Conn, Dialer, tls};
use embedded_io::{Read, Write};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long connecting, and each call, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `bellwire connect` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The server: HOST[:PORT] or unix:PATH.
    server: ServerAddress,
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

/// Sends the text and the structure to the server, and prints the replies, in which characters that
/// would command a terminal are escaped.
///
/// # Errors
/// When the server cannot be reached, refuses, or does not answer in time; those of printing.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let server = &arguments.server;
    let dial = || {
        let dialer = Dialer::new().timeout(PATIENCE);
        dialer.dial(server.network, &server.text)
    };
    if !arguments.tls {
        return talk(dial()?, arguments.format);
    }
    let connector = connector(arguments)?;
    let conn = dial()?;
    conn.set_deadline(Some(Instant::now() + PATIENCE));
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

    client.stream().be_patient();
    print(client.call(STRING, TEXT)?)?;
    client.stream().be_patient();
    let value = mission::value();
    match format {
        DataFormat::Gob => client.send(GOB, &value)?,
        DataFormat::Postcard => print(client.call(POSTCARD, &value)?)?,
    }
    // A request without reply may still be refused: then an error line comes before the end. Where
    // the server has gone already, the end shows why.
    let _ = client.stream().close_write();
    Ok(client.finish()?)
}

/// Prints a reply as [`Printable`] has it, also into a pipe.
fn print(reply: &str) -> Result<(), Unprinted> {
    output::line(Printable::new(reply))
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
