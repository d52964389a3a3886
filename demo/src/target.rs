//! The server of a subcommand, and how to connect to it.

use crate::address::ServerAddress;
use crate::failure::Failure;
use bellwire_std::{Client, tls};
use std::io;
use std::path::PathBuf;

/// The address of a server, and the options for TLS.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// The server: HOST, HOST:PORT, :PORT, unix:PATH or serial:PATH.
    #[arg(value_name = "SERVER")]
    address: ServerAddress,
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

impl Target {
    /// Connects to the server.
    ///
    /// # Errors
    /// If the server is unreachable, or a file of TLS cannot be used.
    pub fn connect(&self) -> Result<Client, Failure> {
        let mut builder = Client::builder().network(self.address.network);
        if self.tls {
            builder = builder.tls(
                self.connector().map_err(Failure::usage)?,
                self.address.host(),
            );
        }
        Ok(builder.connect(&self.address.text)?)
    }

    fn connector(&self) -> io::Result<tls::Connector> {
        let authorities = match &self.ca {
            Some(file) => tls::RootCerts::from_file(file)?,
            None => tls::RootCerts::system()?,
        };
        let files = self.cert.as_ref().zip(self.key.as_ref());
        let identity = files.map(|(chain, key)| tls::Identity::from_files(chain, key));
        tls::Connector::new(&authorities, identity.transpose()?)
    }
}
