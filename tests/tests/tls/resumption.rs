//! TLS sessions are never resumed, even if the peer offers it: each connection presents its certificates.

use bellwire_std::tls::rustls::pki_types::pem::PemObject;
use bellwire_std::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use bellwire_std::tls::rustls::server::ServerSessionMemoryCache;
use bellwire_std::tls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned,
};
use bellwire_std::{dial, tls};
use bellwire_tests::certificates::{Authority, Folder, HOST};
use bellwire_tests::not_tested;
use bellwire_tests::running::{PATIENCE, Running, each, serve_over_tls};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::{fs, thread};

/// A rustls server that offers clients to resume sessions, with stored tickets.
fn resuming_server(authority: &Authority) -> Arc<ServerConfig> {
    let signed = authority.sign(&[HOST]);
    let chain = CertificateDer::from_pem_slice(signed.chain.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.session_storage = ServerSessionMemoryCache::new(16);
    Arc::new(config)
}

/// A rustls client that resumes sessions whenever possible.
fn resuming_client(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().to_vec().into()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

/// Returns the kinds of two successive handshakes of `client`, as the resuming server reports them.
fn seen_by_a_server(authority: &Authority, client: &tls::Connector) -> [HandshakeKind; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let config = resuming_server(authority);
    let serving = thread::spawn(move || {
        [(); 2].map(|()| {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, listener.accept().unwrap().0);
            stream.write_all(b"hi").unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 1);
            stream.conn.handshake_kind().unwrap()
        })
    });
    for _ in 0..2 {
        let mut stream = client
            .connect(dial(&address, PATIENCE).unwrap(), HOST)
            .unwrap();
        // The tickets arrive before the text.
        stream.read_exact(&mut [0; 2]).unwrap();
        stream.write_all(b"!").unwrap();
    }
    serving.join().unwrap()
}

/// Returns the kinds of two successive handshakes of the resuming client.
fn seen_by_a_client(authority: &Authority, server: &Running) -> [HandshakeKind; 2] {
    let config = resuming_client(authority);
    [(); 2].map(|()| {
        let name = ServerName::try_from(HOST).unwrap();
        let session = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let socket = TcpStream::connect(server.address).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        stream.write_all(b"STRING\nhi\n").unwrap();
        stream.read_exact(&mut [0; 11]).unwrap();
        stream.conn.handshake_kind().unwrap()
    })
}

/// Cause: the connector stored the tickets of 256 servers, and resumed sessions.
#[test]
fn a_connector_never_resumes_a_session() {
    let authority = Authority::new();
    let kinds = seen_by_a_server(&authority, &authority.connector(None));
    assert_eq!(kinds, [HandshakeKind::Full; 2]);
}

#[test]
fn an_acceptor_never_resumes_a_session() {
    let authority = Authority::new();
    each(|kind| {
        let server = serve_over_tls(kind, &authority.acceptor(None), |_| {});
        let kinds = seen_by_a_client(&authority, &server);
        assert_eq!(kinds, [HandshakeKind::Full; 2]);
    });
}

/// Shows that the resuming server and client do resume sessions.
#[test]
fn the_test_server_and_client_resume_sessions() {
    let authority = Authority::new();
    let connector = tls::Connector::from(resuming_client(&authority));
    let [first, second] = seen_by_a_server(&authority, &connector);
    assert_eq!(first, HandshakeKind::Full);
    assert_eq!(second, HandshakeKind::Resumed);
}

#[test]
fn openssl_gets_no_session_ticket() {
    if Process::new("openssl").arg("version").output().is_err() {
        not_tested("against OpenSSL", "there is no program `openssl`");
        return;
    }
    let authority = Authority::new();
    let client = authority.sign(&["client"]);
    let folder = Folder::new("tls-resumption", &authority, &[("client", &client)]);
    let session = folder.file("session.pem");
    each(|kind| {
        let server = serve_over_tls(kind, &authority.acceptor(Some(&authority)), |_| {});
        for (arguments, connections) in [(&["-sess_out", &session][..], 1), (&["-reconnect"], 6)] {
            let told = handshakes(&folder, &server, arguments);
            assert_eq!(told.len(), connections, "{told:?}");
            let new = |line: &String| line.starts_with("New, TLSv1.3");
            assert!(told.iter().all(new), "{told:?}");
        }
        assert!(!fs::exists(&session).unwrap());
    });
}

/// Returns the lines of `openssl s_client` about its handshakes: `New` or `Reused`.
fn handshakes(folder: &Folder, server: &Running, arguments: &[&str]) -> Vec<String> {
    let mut openssl = Process::new("openssl")
        .args(["s_client", "-verify_return_error"])
        .args(["-connect", &server.address.to_string()])
        .args(["-CAfile", &folder.file("ca.pem")])
        .args(["-cert", &folder.file("client.pem")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The server ends the connection after this error line, so openssl exits.
    let mut requests = openssl.stdin.take().unwrap();
    requests.write_all(b"STRING\nhi\nNOPE\n").unwrap();
    let lines = BufReader::new(openssl.stdout.take().unwrap()).lines();
    let told = |line: &String| line.starts_with("New, ") || line.starts_with("Reused, ");
    let told = lines.map(Result::unwrap).filter(told).collect();
    drop(requests);
    openssl.wait().unwrap();
    told
}
