//! The other end of a connection, as a server knows it.

use crate::Address;

/// The client of a connection, known when its conversation begins.
///
/// The function given to `run_with` of either server makes a connection's context from it, after the header of
/// the PROXY protocol and the TLS handshake.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer {
    pub(crate) address: Address,
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl Peer {
    /// The client's address: with the PROXY protocol the one that the header tells.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The client's own certificate in DER, which the server has verified. `None` without TLS, or if the server
    /// demands no certificate.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificates().next()
    }

    /// The certificates that the client has shown, its own first, each in DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(Vec::as_slice)
    }
}
