//! A device's client over TLS without heap or `std`, with `embedded-tls`, against the server.
//!
//! embedded-tls, with its feature `rustpki`, verifies these facts about a server:
//!
//! - The trusted authority signed the certificate with ECDSA on P-256, possibly through intermediates.
//! - The certificate is valid today, if the device has a clock.
//! - The certificate is for the host's name.
//! - The server holds the certificate's key.
//!
//! It does not verify that intermediates are authorities, the certificate's permitted usage, or
//! revocation. The authority that a device trusts should therefore sign servers only. embedded-tls
//! panics if a server renews its keys; this server does so after 2^24 records at the earliest.

use bellwire::blocking::Client;
use bellwire::{Command, Error, Gob, HeapComplexData, Line, Postcard};
use bellwire_std::{Conn, dial, tls};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::running::{Kind, PATIENCE, POSTCARD, Running, STRING, each, serve_over_tls};
use embedded_tls::blocking::{
    Aes128GcmSha256, Certificate, CryptoProvider, TlsConfig, TlsConnection, TlsContext,
};
use embedded_tls::pki::CertVerifier;
use embedded_tls::{CryptoRngCore, TlsClock, TlsError, TlsVerifier};
use rand_core::OsRng;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const GOB: Command<Gob<HeapComplexData>, Line> = Command::new("GOB");

/// The parts that a device needs for TLS: random numbers, a clock, and a trusted authority.
struct Device<'a> {
    rng: OsRng,
    verifier: CertVerifier<'a, Aes128GcmSha256, Clock, 1024>,
}

struct Clock;

impl TlsClock for Clock {
    fn now() -> Option<u64> {
        Some(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs(),
        )
    }
}

impl<'a> Device<'a> {
    fn that_trusts(authority: &'a [u8]) -> Self {
        Self {
            rng: OsRng,
            verifier: CertVerifier::new(Certificate::X509(authority)),
        }
    }
}

impl CryptoProvider for Device<'_> {
    type CipherSuite = Aes128GcmSha256;
    type Signature = &'static [u8];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.rng
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Aes128GcmSha256>, TlsError> {
        Ok(&mut self.verifier)
    }
}

/// A device's buffers. Each holds one record of up to 16640 bytes.
struct Buffers {
    incoming: Box<[u8]>,
    outgoing: Box<[u8]>,
}

impl Buffers {
    fn new() -> Self {
        Self {
            incoming: vec![0; 16640].into(),
            outgoing: vec![0; 1024].into(),
        }
    }

    /// Connects to `server`. Fails unless its certificate is for `host` and trusted by `device`.
    fn connect<'a>(
        &'a mut self,
        server: &Running,
        device: Device<'_>,
        host: &str,
    ) -> Result<TlsConnection<'a, Conn, Aes128GcmSha256>, TlsError> {
        let conn = dial(server.address, PATIENCE).unwrap();
        conn.set_deadline(Some(Instant::now() + PATIENCE));
        let mut tls = TlsConnection::new(conn, &mut self.incoming, &mut self.outgoing);
        let config = TlsConfig::new().with_server_name(host);
        tls.open(TlsContext::new(&config, device))?;
        Ok(tls)
    }
}

#[test]
fn a_device_can_use_every_format_over_tls() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |_| {});
        server
            .endpoint
            .handle(GOB, |(), data, reply| reply.send(&data.s))
            .unwrap();
        let mut buffers = Buffers::new();
        let device = Device::that_trusts(authority.der());
        let tls = buffers.connect(&server, device, HOST).unwrap();
        let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
        let mut client = Client::new(tls, &mut rx, &mut tx);
        let value = HeapComplexData {
            s: "string data".into(),
            ..HeapComplexData::default()
        };
        for _ in 0..100 {
            assert_eq!(client.call(STRING, "hi").unwrap(), "Thank you.");
            assert_eq!(client.call(POSTCARD, &value).unwrap(), "string data");
            assert_eq!(client.call(GOB, &value).unwrap(), "string data");
        }
    });
}

#[test]
fn a_request_and_its_reply_may_span_many_records() {
    const ECHO: Command<Line, Line> = Command::new("ECHO");
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |_| {});
    server
        .endpoint
        .handle(ECHO, |(), text, reply| reply.send(text))
        .unwrap();
    let mut buffers = Buffers::new();
    let device = Device::that_trusts(authority.der());
    let tls = buffers.connect(&server, device, HOST).unwrap();
    let (mut rx, mut tx) = (vec![0; 32768], vec![0; 32768]);
    let mut client = Client::new(tls, &mut rx, &mut tx);
    let text = "ß".repeat(15_000);
    assert_eq!(client.call(ECHO, &text).unwrap(), text);
}

#[test]
fn an_error_line_arrives_over_tls() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |limits| {
        limits.request_timeout = Duration::from_secs(1);
    });
    let mut buffers = Buffers::new();
    let device = Device::that_trusts(authority.der());
    let tls = buffers.connect(&server, device, HOST).unwrap();
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = Client::new(tls, &mut rx, &mut tx);
    let unknown = Command::<Postcard<u8>, Line>::new("NOBODY");
    let Err(Error::Remote(refusal)) = client.call(unknown, &1) else {
        panic!("it was not refused");
    };
    assert_eq!(
        refusal.to_string(),
        r#"server error (unknown-command): no command is named "NOBODY""#
    );
}

#[test]
fn a_device_rejects_a_server_of_another_authority() {
    let (authority, trusted) = (Authority::new(), Authority::new());
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |_| {});
    let mut buffers = Buffers::new();
    let device = Device::that_trusts(trusted.der());
    let refused = buffers.connect(&server, device, HOST).err();
    assert!(
        matches!(refused, Some(TlsError::InvalidCertificate)),
        "{refused:?}"
    );
}

#[test]
fn a_device_rejects_a_server_with_another_name() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |_| {});
    let mut buffers = Buffers::new();
    let device = Device::that_trusts(authority.der());
    let refused = buffers.connect(&server, device, "bell.example").err();
    assert!(
        matches!(refused, Some(TlsError::InvalidCertificate)),
        "{refused:?}"
    );
}

#[test]
fn a_device_without_the_required_certificate_is_rejected() {
    let authority = Authority::new();
    let acceptor: tls::Acceptor = authority.acceptor(Some(&authority));
    let server = serve_over_tls(Kind::Tasks, &acceptor, |_| {});
    let mut buffers = Buffers::new();
    let device = Device::that_trusts(authority.der());
    if let Ok(tls) = buffers.connect(&server, device, HOST) {
        let (mut rx, mut tx) = ([0; 256], [0; 256]);
        let refused = Client::new(tls, &mut rx, &mut tx)
            .call(STRING, "hi")
            .is_err();
        assert!(refused, "it was served");
    }
    assert!(server.texts.lock().unwrap().is_empty());
}
