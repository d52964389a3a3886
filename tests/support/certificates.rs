//! Certificates that live as long as a test.

use bellwire_std::tls::{Acceptor, Connector, Identity, RootCerts};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// The name, besides 127.0.0.1, for which the server's certificate of a test stands.
pub const HOST: &str = "localhost";

/// Who signs certificates.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both in PEM.
#[derive(Debug)]
pub struct Signed {
    /// The certificate.
    pub chain: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// A new one, with a name of its own.
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        Self::named(&format!(
            "Authority {}",
            MADE.fetch_add(1, Ordering::Relaxed)
        ))
    }

    /// A new one with this name.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// A certificate for these names.
    pub fn sign(&self, names: &[&str]) -> Signed {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        self.sign_as(&CertificateParams::new(names).unwrap())
    }

    /// A certificate as these parameters describe it.
    pub fn sign_as(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// As whom to trust.
    pub fn authorities(&self) -> RootCerts {
        RootCerts::from_pem(self.pem().as_bytes()).unwrap()
    }

    /// A server's side that is signed for [`HOST`] and 127.0.0.1, and demands certificates of these
    /// clients.
    pub fn acceptor(&self, clients: Option<&Self>) -> Acceptor {
        let clients = clients.map(Self::authorities);
        let identity = self.sign(&[HOST, "127.0.0.1"]).identity();
        Acceptor::new(identity, clients.as_ref()).unwrap()
    }

    /// A client's side that trusts it, and shows this.
    pub fn connector(&self, identity: Option<Signed>) -> Connector {
        let identity = identity.map(|signed| signed.identity());
        Connector::new(&self.authorities(), identity).unwrap()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Signed {
    /// As what to show.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// A folder of files in PEM for other programs, until it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// `ca.pem`, and for each of these names `NAME.pem`, with the certificate and then its key.
    pub fn new(test: &str, authority: &Authority, signed: &[(&str, &Signed)]) -> Self {
        let path = env::temp_dir().join(format!("bellwire-{test}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        fs::write(folder.file("ca.pem"), authority.pem()).unwrap();
        for (name, signed) in signed {
            let both = format!("{}{}", signed.chain, signed.key);
            fs::write(folder.file(&format!("{name}.pem")), both).unwrap();
        }
        folder
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> String {
        let path: &Path = &self.0.join(name);
        path.to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
