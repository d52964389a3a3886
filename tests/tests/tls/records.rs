//! TLS records made by hand: fragmented TLS messages, and records with few or no bytes of content.

use bellwire::{Command, Line, NoReply, Reply};
use bellwire_std::tls::rustls::crypto::cipher::{
    MessageEncrypter, OutboundChunks, OutboundPlainMessage,
};
use bellwire_std::tls::rustls::crypto::ring;
use bellwire_std::tls::rustls::pki_types::CertificateDer;
use bellwire_std::tls::rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion,
    RootCertStore, SupportedCipherSuite, version::TLS13,
};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::net::{LONG, SHORT};
use bellwire_tests::running::{
    Kind, PATIENCE, Running, each, serve_on_one_thread, serve_over_tls, until,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The start of a key update that claims a length of 60 000 bytes.
const KEY_UPDATE: [u8; 4] = [24, 0, 0xea, 0x60];

/// A client that encrypts its own records after a handshake.
struct Client {
    socket: TcpStream,
    seal: Box<dyn MessageEncrypter>,
    sealed: u64,
}

impl Client {
    fn new(server: &Running, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.der().to_vec()))
            .unwrap();
        let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        let host = HOST.try_into().unwrap();
        let mut session = ClientConnection::new(config.into(), host).unwrap();
        let mut socket = server.connect();
        while session.is_handshaking() || session.wants_write() {
            session.complete_io(&mut socket).unwrap();
        }
        let Some(SupportedCipherSuite::Tls13(suite)) = session.negotiated_cipher_suite() else {
            panic!("it is TLS 1.3");
        };
        let (sealed, secrets) = session.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
        else {
            panic!("they are for a known method");
        };
        let seal = suite.aead_alg.encrypter(key, iv);
        Self {
            socket,
            seal,
            sealed,
        }
    }

    /// Returns an encrypted record with `content`.
    fn record(&mut self, typ: ContentType, content: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        let record = self.seal.encrypt(message, self.sealed).unwrap();
        self.sealed += 1;
        record.encode()
    }

    /// Sends a record. Returns false if the server has ended the connection.
    fn send(&mut self, typ: ContentType, content: &[u8]) -> bool {
        let record = self.record(typ, content);
        self.socket.write_all(&record).is_ok()
    }
}

/// Waits until the server ends the connection.
fn ends(mut socket: &TcpStream) {
    loop {
        match socket.read(&mut [0; 4096]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A client that does not react to the server's alert would otherwise hold its connection.
#[test]
fn a_forged_record_ends_the_connection_at_once() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |_| {});
        let mut client = Client::new(&server, &authority);
        let forged = [&[23, 3, 3, 0, 32][..], &[7; 32]].concat();
        client.socket.write_all(&forged).unwrap();
        ends(&client.socket);
    });
}

/// Cause: such a client had the time of an idle connection, minutes, while the server held its bytes.
#[test]
fn an_incomplete_tls_message_has_the_time_limit_of_a_request() {
    each(|kind| {
        let authority = Authority::new();
        let acceptor = authority.acceptor(None);
        let server = serve_over_tls(kind, &acceptor, |limits| limits.request_timeout = SHORT);
        let mut client = Client::new(&server, &authority);
        // Bytes that arrive together with content do not count.
        client.send(ContentType::ApplicationData, b"STRING\nhi\n");
        until(|| *server.texts.lock().unwrap() == ["hi"]);
        client.send(ContentType::Handshake, &KEY_UPDATE);
        client.send(ContentType::Handshake, &[0; 1000]);
        ends(&client.socket);
    });
}

#[test]
fn a_trickled_tls_message_does_not_extend_the_time_limit() {
    each(|kind| {
        let authority = Authority::new();
        let acceptor = authority.acceptor(None);
        let server = serve_over_tls(kind, &acceptor, |limits| limits.request_timeout = SHORT);
        let mut client = Client::new(&server, &authority);
        client.send(ContentType::Handshake, &KEY_UPDATE);
        let begin = Instant::now();
        while client.send(ContentType::Handshake, &[0; 50]) {
            thread::sleep(Duration::from_millis(20));
            assert!(begin.elapsed() < PATIENCE, "the server still reads");
        }
    });
}

#[test]
fn an_incomplete_tls_message_counts_as_bytes_in_flight() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |limits| {
        limits.bytes_in_flight = 4096;
        limits.request_timeout = LONG;
    });
    let mut client = Client::new(&server, &authority);
    client.send(ContentType::Handshake, &KEY_UPDATE);
    for _ in 0..8 {
        client.send(ContentType::Handshake, &[0; 1000]);
    }
    ends(&client.socket);
}

#[test]
fn an_incomplete_client_hello_counts_as_bytes_in_flight() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |limits| {
        limits.bytes_in_flight = 4096;
        limits.handshake_timeout = LONG;
    });
    let mut stream = server.connect();
    // The start of a client hello that claims a length of 60 000 bytes, and 8000 of its bytes.
    stream
        .write_all(&[22, 3, 1, 0, 4, 1, 0, 0xea, 0x60])
        .unwrap();
    for _ in 0..8 {
        let _ = stream.write_all(&[&[22, 3, 3, 3, 0xe8][..], &[0; 1000]].concat());
    }
    ends(&stream);
}

#[test]
fn empty_records_start_no_request_time() {
    each(|kind| {
        let authority = Authority::new();
        let acceptor = authority.acceptor(None);
        let server = serve_over_tls(kind, &acceptor, |limits| limits.request_timeout = SHORT);
        let mut client = Client::new(&server, &authority);
        for _ in 0..10 {
            client.send(ContentType::ApplicationData, &[]);
        }
        thread::sleep(3 * SHORT);
        client.send(ContentType::ApplicationData, b"STRING\nhi\n");
        until(|| *server.texts.lock().unwrap() == ["hi"]);
    });
}

/// A turn is counted in the bytes of records. One byte of a request can take 23 of them.
///
/// Cause: turns were counted in bytes of requests, so such a flood did the work of many turns in one.
#[test]
fn a_flood_of_one_byte_records_gets_at_most_one_turn() {
    const FLOOD: Command<Line, NoReply> = Command::new("FLOOD");
    const BLOCK: Command<Line, NoReply> = Command::new("BLOCK");
    const TRICKLE: Command<Line, NoReply> = Command::new("TRICKLE");
    const ROUNDS: usize = 10;
    /// Requests of 8 records in a turn of 8 KiB, plus as many in a read beyond it.
    const TURN: usize = 2 * 8192 / (8 * 23);
    let authority = Authority::new();
    let server = serve_on_one_thread(|server| server.tls = Some(authority.acceptor(None)));
    let flooded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&flooded);
    let flood = move |(): &mut (), _text: &str, reply: Reply<'_, NoReply>| {
        count.fetch_add(1, Ordering::SeqCst);
        reply.none()
    };
    server.endpoint.handle(FLOOD, flood).unwrap();
    let (blocked, is_blocked) = mpsc::channel();
    let (unblock, unblocked) = mpsc::channel::<()>();
    let unblocked = Mutex::new(unblocked);
    let block = move |(): &mut (), _text: &str, reply: Reply<'_, NoReply>| {
        blocked.send(()).unwrap();
        let _ = unblocked.lock().unwrap().recv_timeout(PATIENCE);
        reply.none()
    };
    server.endpoint.handle(BLOCK, block).unwrap();

    // Each request waits for its connection's turn: the handler of one connection sends the next
    // request of the other.
    let mut trickles = [(); 2].map(|()| Client::new(&server, &authority));
    let requests: Vec<_> = (0..ROUNDS)
        .map(|round| {
            let request = format!("TRICKLE\n{round}\n");
            let trickle = &mut trickles[round % 2];
            let record = trickle.record(ContentType::ApplicationData, request.as_bytes());
            (trickle.socket.try_clone().unwrap(), record)
        })
        .collect();
    let first = requests[0].1.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (count, counts) = (Arc::clone(&flooded), Arc::clone(&seen));
    let trickle = move |(): &mut (), text: &str, reply: Reply<'_, NoReply>| {
        counts.lock().unwrap().push(count.load(Ordering::SeqCst));
        let round: usize = text.parse().unwrap();
        if let Some((socket, record)) = requests.get(round + 1) {
            let mut socket = socket;
            socket.write_all(record).unwrap();
        }
        reply.none()
    };
    server.endpoint.handle(TRICKLE, trickle).unwrap();
    // Blocks the server's thread until all bytes have arrived.
    let mut blocking = Client::new(&server, &authority);
    let mut floods = [(); 2].map(|()| Client::new(&server, &authority));
    blocking.send(ContentType::ApplicationData, b"BLOCK\nhere\n");
    is_blocked.recv_timeout(PATIENCE).unwrap();
    for flood in &mut floods {
        for _ in 0..40 * TURN {
            for byte in b"FLOOD\nx\n" {
                assert!(flood.send(ContentType::ApplicationData, &[*byte]));
            }
        }
    }
    trickles[0].socket.write_all(&first).unwrap();
    unblock.send(()).unwrap();
    until(|| seen.lock().unwrap().len() == ROUNDS);
    let seen = seen.lock().unwrap();
    println!("requests of the floods seen by then: {seen:?}");
    for pair in seen.windows(2) {
        let most = floods.len() * 2 * TURN;
        assert!(pair[1] - pair[0] <= most, "{} > {most}", pair[1] - pair[0]);
    }
    assert!(seen[ROUNDS - 1] > TURN, "the floods did not flow");
}
