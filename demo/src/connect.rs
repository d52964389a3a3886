//! `bellwire connect`: the client over TCP.

use crate::address::ServerAddress;
use crate::convert::DataFormat;
use crate::output::{self, Unprinted};
use bellwire::Printable;
use bellwire_std::{Client, tls};
use commands::{GOB, POSTCARD, STRING, TEXT};
use std::error::Error;
use std::io;
use std::path::PathBuf;

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
    let mut builder = Client::builder().network(server.network);
    if arguments.tls {
        builder = builder.tls(connector(arguments)?, server.host());
    }
    let mut client = builder.connect(&server.text)?;
    print(&client.call(STRING, TEXT)?)?;
    let value = commands::value();
    match arguments.format {
        DataFormat::Gob => client.send(GOB, &value)?,
        DataFormat::Postcard => print(&client.call(POSTCARD, &value)?)?,
    }
    // The server can still answer a request without reply with an error line.
    Ok(client.finish()?)
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

/// Prints a reply escaped by [`Printable`], also into a pipe.
fn print(reply: &str) -> Result<(), Unprinted> {
    output::line(Printable::new(reply))
}
