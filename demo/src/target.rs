//! The server of a subcommand, and how to connect to it.

use crate::address::ServerAddress;
use crate::failure::Failure;
use bellwire_std::{Client, ClientBuilder, tls};
use std::io;
use std::path::PathBuf;

/// The address of a server, and the options for TLS.
#[derive(Debug, clap::Args)]
pub struct Target {
    /// The server: HOST, HOST:PORT, :PORT, unix:PATH or serial:PATH.
    #[arg(value_name = "SERVER")]
    pub(crate) address: ServerAddress,
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
    /// The name in the server's certificate, if it is not the address's host.
    #[arg(long, value_name = "NAME", requires = "tls")]
    server_name: Option<String>,
}

impl Target {
    /// Connects to the server.
    ///
    /// # Errors
    /// If the server is unreachable, or a file of TLS cannot be used.
    pub fn connect(&self) -> Result<Client, Failure> {
        self.connect_with(Client::builder())
    }

    /// Connects to the server with more options.
    ///
    /// # Errors
    /// See [`connect`](Self::connect).
    pub(crate) fn connect_with(&self, builder: ClientBuilder) -> Result<Client, Failure> {
        let mut builder = builder.network(self.address.network);
        if let Some((connector, name)) = self.tls()? {
            builder = builder.tls(connector, name);
        }
        Ok(builder.connect(&self.address.text)?)
    }

    /// Returns how to use TLS, and the name that the server's certificate must have. `None` without TLS.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub(crate) fn tls(&self) -> Result<Option<(tls::Connector, &str)>, Failure> {
        if !self.tls {
            return Ok(None);
        }
        let name = self.server_name.as_deref();
        let name = name.unwrap_or_else(|| self.address.host());
        Ok(Some((self.connector().map_err(Failure::usage)?, name)))
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
