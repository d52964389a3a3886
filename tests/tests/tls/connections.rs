//! TLS: certificates, transferred data, time limits and the end of connections.

use bellwire::blocking::Client;
use bellwire::{Command, Error, Gob, HeapComplexData, Line};
use bellwire_std::tls::rustls::{ClientConfig, ClientConnection, RootCertStore};
use bellwire_std::tls::{self, Connector};
use bellwire_std::{Conn, Endpoint, Listener, Network, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::gate::Gate;
use bellwire_tests::net;
use bellwire_tests::running::{
    Kind, LONG, PATIENCE, POSTCARD, Running, SLOW, STRING, each, serve, serve_over_tls,
    serve_tasks, until,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const GOB: Command<Gob<HeapComplexData>, Line> = Command::new("GOB");

/// A time limit that a handshake usually meets.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// Starts a server with a certificate, and returns a connector that trusts it.
fn open_server(kind: Kind) -> (Running, Connector) {
    let authority = Authority::new();
    let server = serve_over_tls(kind, &authority.acceptor(None), |_| {});
    (server, authority.connector(None))
}

fn reach(server: &Running) -> Conn {
    let conn = dial(server.address, PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    conn
}

fn connect(server: &Running, connector: &Connector) -> tls::Conn {
    connector.connect(reach(server), HOST).unwrap()
}

/// Sends `bytes`, shuts down the sending, and returns all replies up to a clean end.
fn answer(server: &Running, connector: &Connector, bytes: impl AsRef<[u8]>) -> String {
    let mut conn = connect(server, connector);
    conn.write_all(bytes.as_ref()).unwrap();
    conn.close_write().unwrap();
    rest(&mut conn)
}

fn rest(conn: &mut tls::Conn) -> String {
    let mut text = String::new();
    conn.read_to_string(&mut text).unwrap();
    text
}

/// Returns the error of a call over `conn`.
fn refusal(conn: tls::Conn) -> String {
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let error = Client::new(conn, &mut rx, &mut tx)
        .call(STRING, "hi")
        .unwrap_err();
    let Error::Transport(error) = error else {
        panic!("{error}");
    };
    error.to_string()
}

#[test]
fn every_format_works_over_tls() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        server
            .endpoint
            .handle(GOB, |(), data, reply| reply.send(&data.s))
            .unwrap();
        let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
        let mut client = Client::new(connect(&server, &connector), &mut rx, &mut tx);
        let value = HeapComplexData {
            n: 23,
            s: "string data".into(),
            ..HeapComplexData::default()
        };
        let thanks = client.call(STRING, "Additional data.").unwrap();
        assert_eq!(thanks, "Thank you.");
        assert_eq!(client.call(POSTCARD, &value).unwrap(), "string data");
        assert_eq!(client.call(GOB, &value).unwrap(), "string data");
    });
}

#[test]
fn pipelined_requests_are_answered_after_the_client_shuts_down_sending() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let replies = answer(&server, &connector, "STRING\nhi\n".repeat(1000));
        assert_eq!(replies, "Thank you.\n".repeat(1000));
    });
}

#[test]
fn requests_may_arrive_in_records_of_one_byte() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        for byte in "STRING\nhi\n".repeat(20).bytes() {
            conn.write_all(&[byte]).unwrap();
        }
        conn.close_write().unwrap();
        assert_eq!(rest(&mut conn), "Thank you.\n".repeat(20));
    });
}

#[test]
fn a_payload_may_span_many_records() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let text = "ß".repeat(30_000);
        let reply = answer(&server, &connector, format!("STRING\n{text}\n"));
        assert_eq!(reply, "Thank you.\n");
        assert_eq!(*server.texts.lock().unwrap(), [text]);
    });
}

#[test]
fn a_late_reader_gets_megabytes_of_replies() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let conn = reach(&server);
        socket2::SockRef::from(&conn)
            .set_recv_buffer_size(65536)
            .unwrap();
        let mut conn = connector.connect(conn, HOST).unwrap();
        conn.write_all("LONG\n".repeat(8000).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(200));
        let mut replies = vec![0; 8_000_000];
        conn.read_exact(&mut replies).unwrap();
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        assert!(replies.chunks(1000).all(|reply| reply == line));
        conn.close_write().unwrap();
        assert_eq!(rest(&mut conn), "");
    });
}

/// If a record counted as sent once it is encrypted, nothing would wait for socket space.
#[test]
fn a_record_that_the_socket_cannot_take_is_sent_later() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Accepted sockets inherit the buffer size.
    socket2::SockRef::from(&listener)
        .set_send_buffer_size(4096)
        .unwrap();
    let endpoint = Endpoint::new();
    endpoint
        .handle(LONG, |(), (), reply| reply.send(&"x".repeat(999)))
        .unwrap();
    let listener = Listener::try_from(listener).unwrap();
    let mut server = bellwire_std::tokio::Server::from_listener(listener, endpoint);
    server.tls = Some(authority.acceptor(None));
    let (address, stopper) = (server.local_addr().clone(), server.shutdown_handle());
    let running = thread::spawn(move || server.run_on_threads(1));

    let conn = dial(address, PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    socket2::SockRef::from(&conn)
        .set_recv_buffer_size(4096)
        .unwrap();
    let mut conn = authority.connector(None).connect(conn, HOST).unwrap();
    // Two records; the second has to wait.
    conn.write_all(&b"LONG\n".repeat(32)).unwrap();
    thread::sleep(Duration::from_millis(100));
    conn.read_exact(&mut vec![0; 32_000]).unwrap();
    stopper.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_client_that_does_not_read_replies_in_time_is_disconnected() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.reply_timeout = Duration::from_millis(200);
            limits.connections = 1;
        });
        let connector = authority.connector(None);
        let mut greedy = connect(&server, &connector);
        let flood = "LONG\n".repeat(1000);
        while greedy.write_all(flood.as_bytes()).is_ok() {}
        drop(greedy);
        is_well_again(&server, &connector);
    });
}

/// Waits until the server has a free permit and serves.
fn is_well_again(server: &Running, connector: &Connector) {
    until(|| {
        // The handshake may exceed a short limit.
        let Ok(mut conn) = connector.connect(reach(server), HOST) else {
            return false;
        };
        let mut reply = String::new();
        let _ = conn.write_all(b"STRING\nhi\n");
        let _ = conn.close_write();
        conn.read_to_string(&mut reply).is_ok() && reply == "Thank you.\n"
    });
}

#[test]
fn a_client_with_a_certificate_of_the_trusted_authority_is_served() {
    each(|kind| {
        let (authority, clients) = (Authority::new(), Authority::new());
        let server = serve_over_tls(kind, &authority.acceptor(Some(&clients)), |_| {});
        let connector = authority.connector(Some(clients.sign(&["client"])));
        assert_eq!(answer(&server, &connector, "STRING\nhi\n"), "Thank you.\n");
    });
}

#[test]
fn a_client_without_the_required_certificate_is_rejected() {
    each(|kind| {
        let (authority, clients) = (Authority::new(), Authority::new());
        let server = serve_over_tls(kind, &authority.acceptor(Some(&clients)), |_| {});
        let connector = authority.connector(None);
        assert_eq!(
            refusal(connect(&server, &connector)),
            "the TLS connection failed: the peer requires a certificate"
        );
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_client_with_a_certificate_of_another_authority_is_rejected() {
    each(|kind| {
        let (authority, clients) = (Authority::new(), Authority::new());
        let server = serve_over_tls(kind, &authority.acceptor(Some(&clients)), |_| {});
        let connector = authority.connector(Some(authority.sign(&["client"])));
        assert_eq!(
            refusal(connect(&server, &connector)),
            "the TLS connection failed: the peer rejected this end's certificate"
        );
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_client_rejects_a_server_of_an_unknown_authority() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let stranger = Authority::new().connector(None);
        let error = stranger.connect(reach(&server), HOST).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the TLS handshake failed: the peer's certificate is not signed by a trusted authority"
        );
        assert_eq!(answer(&server, &connector, "STRING\nhi\n"), "Thank you.\n");
    });
}

/// Cause: a new authority with the same name as the trusted one was reported as a bad signature.
#[test]
fn authorities_with_the_same_name_are_distinguished() {
    let (old, new) = (Authority::named("Bell"), Authority::named("Bell"));
    let server = serve_over_tls(Kind::Tasks, &old.acceptor(Some(&old)), |_| {});
    let error = new.connector(None).connect(reach(&server), HOST);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the TLS handshake failed: the peer's certificate is not signed by a trusted authority"
    );
    let connector = old.connector(Some(new.sign(&["client"])));
    assert_eq!(
        refusal(connect(&server, &connector)),
        "the TLS connection failed: the peer rejected this end's certificate"
    );
}

#[test]
fn a_client_rejects_a_server_with_another_name() {
    let (server, connector) = open_server(Kind::Tasks);
    let error = connector.connect(reach(&server), "bell.example");
    assert_eq!(
        error.unwrap_err().to_string(),
        r#"the TLS handshake failed: the peer's certificate is not for "bell.example""#
    );
    assert!(connector.connect(reach(&server), "127.0.0.1").is_ok());
}

#[test]
fn an_invalid_host_name_is_a_clear_error() {
    let (server, connector) = open_server(Kind::Tasks);
    let error = connector.connect(reach(&server), "bell example");
    assert_eq!(
        error.unwrap_err().to_string(),
        r#""bell example" is neither a name nor an IP address"#
    );
}

#[test]
fn a_plain_client_at_a_tls_port_gets_an_error_line() {
    each(|kind| {
        let (server, _) = open_server(kind);
        let told = "!refused this port speaks TLS only; connect with TLS\n";
        for input in ["STRING\nhi\n", "A", &"GOB\n".repeat(100_000)] {
            assert_eq!(server.answer(input), told);
        }
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_tls_client_at_a_plain_port_gets_a_clear_error() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let connector = Authority::new().connector(None);
        let error = connector.connect(reach(&server), HOST).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the TLS handshake failed: the peer does not speak TLS; connect without TLS"
        );
        assert!(server.is_well());
    });
}

#[test]
fn a_silent_client_holds_its_permit_only_for_the_handshake_time() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.handshake_timeout = HANDSHAKE;
            limits.connections = 1;
        });
        let mut silent = server.connect();
        assert_eq!(silent.read(&mut [0]).unwrap(), 0);
        drop(silent);
        is_well_again(&server, &authority.connector(None));
    });
}

#[test]
fn a_trickled_client_hello_does_not_extend_the_handshake_time() {
    let hello = client_hello();
    trickles(&hello.iter().map(|byte| vec![*byte]).collect::<Vec<_>>());
}

/// Each record is complete, so no record is ever received in part.
#[test]
fn a_client_hello_trickled_in_records_does_not_extend_the_handshake_time() {
    let hello = client_hello();
    let records = hello[5..].iter().map(|byte| vec![22, 3, 3, 0, 1, *byte]);
    trickles(&records.collect::<Vec<_>>());
}

/// Sends a client hello in `pieces`, slowly. Expects the server to close the connection before the end.
fn trickles(pieces: &[Vec<u8>]) {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.handshake_timeout = HANDSHAKE;
            limits.request_timeout = net::LONG;
            limits.connections = 1;
        });
        let mut trickle = server.connect();
        let begin = Instant::now();
        for piece in pieces {
            thread::sleep(Duration::from_millis(100));
            if trickle.write_all(piece).is_err() {
                break;
            }
        }
        assert!(begin.elapsed() < PATIENCE, "the server read all pieces");
        drop(trickle);
        is_well_again(&server, &authority.connector(None));
    });
}

/// Returns a client hello.
fn client_hello() -> Vec<u8> {
    let provider = tls::rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let host = HOST.try_into().unwrap();
    let mut session = ClientConnection::new(Arc::new(config), host).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn an_invalid_client_hello_ends_the_connection() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut stream = server.connect();
        // A record and a handshake message of valid lengths, with invalid content.
        let mut nonsense = vec![22, 3, 1, 2, 0, 1, 0, 1, 0xfc];
        nonsense.resize(5 + 512, 0xff);
        stream.write_all(&nonsense).unwrap();
        let mut end = Vec::new();
        stream.read_to_end(&mut end).unwrap();
        assert_eq!(end[..3], [21, 3, 3], "no alert");
        assert_eq!(answer(&server, &connector, "STRING\nhi\n"), "Thank you.\n");
    });
}

#[test]
fn a_tampered_record_ends_the_connection() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        conn.write_all(b"STRING\nbefore\n").unwrap();
        conn.read_exact(&mut [0; 11]).unwrap();
        let forged = [23, 3, 3, 0, 32].into_iter().chain([7; 32]);
        let bytes: Vec<u8> = forged.collect();
        conn.get_ref().clone().write_all(&bytes).unwrap();
        let error = conn.read(&mut [0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the TLS connection failed: received fatal alert: BadRecordMac"
        );
        assert_eq!(*server.texts.lock().unwrap(), ["before"]);
    });
}

/// Cause: such a client had the time of an idle connection, minutes, while a record's bytes were held.
#[test]
fn an_incomplete_record_has_the_time_limit_of_a_request() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(200);
        });
        let requests = "STRING\nhi\n".repeat(3);
        for before in ["", &requests] {
            let mut conn = connect(&server, &authority.connector(None));
            conn.write_all(before.as_bytes()).unwrap();
            let mut part = vec![23, 3, 3, 0x41, 0];
            part.resize(16_600, 0);
            conn.get_ref().clone().write_all(&part).unwrap();
            let thanks = "Thank you.\n".repeat(before.lines().count() / 2);
            let told = rest(&mut conn);
            assert!(told.starts_with(&format!("{thanks}!timed-out ")), "{told}");
        }
    });
}

#[test]
fn a_trickled_record_does_not_extend_the_time_limit() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(300);
        });
        let conn = connect(&server, &authority.connector(None));
        let mut socket = conn.get_ref().clone();
        let begin = Instant::now();
        let mut record = [23, 3, 3, 0x40, 0].into_iter().chain([0].repeat(16384));
        while socket.write_all(&[record.next().unwrap()]).is_ok() {
            thread::sleep(Duration::from_millis(20));
            assert!(begin.elapsed() < PATIENCE, "the server still reads");
        }
    });
}

#[test]
fn an_incomplete_record_counts_as_bytes_in_flight() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Tasks, &authority.acceptor(None), |limits| {
        limits.bytes_in_flight = 16_384;
    });
    let mut conn = connect(&server, &authority.connector(None));
    let header = [23, 3, 3, 0x40, 1];
    conn.get_ref().clone().write_all(&header).unwrap();
    assert!(rest(&mut conn).starts_with("!busy "));
}

#[test]
fn a_request_truncated_without_close_notify_is_not_run() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        conn.write_all(b"STRING\nwhole\nNOTE\nin pa").unwrap();
        // The socket's end arrives without TLS's end.
        conn.get_ref().close_write().unwrap();
        let mut text = String::new();
        let _ = conn.read_to_string(&mut text);
        assert_eq!(text, "Thank you.\n");
        assert_eq!(*server.texts.lock().unwrap(), ["whole"]);
    });
}

#[test]
fn a_client_reports_an_end_without_close_notify_as_an_error() {
    let authority = Authority::new();
    let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let cutting = thread::spawn(move || {
        let mut conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        conn.write_all(b"Thank").unwrap();
        conn.get_ref().close();
    });
    let conn = dial(address, PATIENCE).unwrap();
    let mut conn = connector.connect(conn, HOST).unwrap();
    let mut text = String::new();
    let error = conn.read_to_string(&mut text).unwrap_err();
    assert_eq!(text, "Thank");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(
        error.to_string(),
        "the TLS connection was cut: it ended without close_notify"
    );
    cutting.join().unwrap();
}

#[test]
fn a_slow_reply_arrives_after_the_client_has_shut_down_sending() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        assert_eq!(answer(&server, &connector, "SLOW\n"), "done\n");
    });
}

#[test]
fn a_final_error_line_arrives_before_a_clean_end() {
    each(|kind| {
        let (server, connector) = open_server(kind);
        let tail = "STRING\nnever run\n".repeat(1000);
        assert_eq!(
            answer(&server, &connector, format!("HELP\n{tail}")),
            "!unknown-command no command is named \"HELP\"\n"
        );
        assert!(server.texts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_stop_answers_running_requests_and_ends_connections_cleanly() {
    each(|kind| {
        let authority = Authority::new();
        let mut server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            // The stop waits for none of these clients.
            limits.stop_timeout = Duration::from_hours(1);
        });
        let connector = authority.connector(None);
        let idle = connect(&server, &connector);
        let greeting = server.connect();
        let mut busy = connect(&server, &connector);
        let gate = Gate::new(&server);
        busy.write_all(b"HOLD\n").unwrap();
        gate.wait();
        server.begin_stop();
        gate.open();
        server.stop();
        for (mut conn, expected) in [(busy, "done\n"), (idle, "")] {
            assert_eq!(rest(&mut conn), expected);
        }
        drop(greeting);
    });
}

/// Cause: a stopping server read only the first few of the records that had arrived.
#[test]
fn a_stop_answers_arrived_requests_in_all_records() {
    each(|kind| {
        let (mut server, connector) = open_server(kind);
        let mut conn = connect(&server, &connector);
        let gate = Gate::new(&server);
        conn.write_all(b"HOLD\n").unwrap();
        gate.wait();
        for _ in 0..40 {
            conn.write_all(&b"STRING\nhi\n".repeat(100)).unwrap();
        }
        server.begin_stop();
        gate.open();
        let expected = format!("done\n{}", "Thank you.\n".repeat(4000));
        assert!(rest(&mut conn) == expected, "some are not answered");
        server.stop();
    });
}

#[test]
fn a_connection_beyond_the_limit_gets_busy() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.connections = 1;
        });
        let connector = authority.connector(None);
        let mut first = connect(&server, &connector);
        first.write_all(b"STRING\nhi\n").unwrap();
        first.read_exact(&mut [0; 11]).unwrap();
        let mut second = connect(&server, &connector);
        assert!(rest(&mut second).starts_with("!busy "));
    });
}

/// Silent clients hold a permit for the handshake's time limit. Each server has 64 permits for
/// connections beyond its limit.
#[test]
fn connections_waiting_for_busy_are_bounded() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.connections = 0;
            limits.handshake_timeout = net::LONG;
        });
        let mut silent: Vec<_> = (0..100).map(|_| server.connect()).collect();
        let mut closed = 0;
        until(|| {
            silent.retain_mut(|stream| {
                stream.set_nonblocking(true).unwrap();
                let open = stream
                    .read(&mut [0])
                    .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
                closed += usize::from(!open);
                open
            });
            closed >= 100 - 64
        });
        // When one leaves, exactly one more connection gets the error "busy".
        assert_eq!(silent.len(), 64);
        drop(silent.pop());
        until(|| {
            let connector = authority.connector(None);
            let conn = connector.connect(reach(&server), HOST);
            conn.is_ok_and(|mut conn| rest(&mut conn).starts_with("!busy "))
        });
    });
}

#[test]
fn a_connection_beyond_its_idle_time_ends_cleanly() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.idle_timeout = Duration::from_millis(100);
        });
        let mut conn = connect(&server, &authority.connector(None));
        assert_eq!(rest(&mut conn), "");
    });
}

#[test]
fn an_incomplete_request_gets_the_error_timed_out() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.request_timeout = Duration::from_millis(200);
        });
        let mut conn = connect(&server, &authority.connector(None));
        conn.write_all(b"STRING\nin pa").unwrap();
        assert!(rest(&mut conn).starts_with("!timed-out "));
    });
}

#[test]
fn a_client_is_usable_after_a_call_timed_out() {
    let (server, connector) = open_server(Kind::Tasks);
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = Client::new(connect(&server, &connector), &mut rx, &mut tx);
    let soon = Instant::now() + Duration::from_millis(50);
    client.stream().get_ref().set_deadline(Some(soon));
    let Err(Error::Transport(error)) = client.call(SLOW, ()) else {
        panic!("it was in time");
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    client
        .stream()
        .get_ref()
        .set_deadline(Some(Instant::now() + PATIENCE));
    assert_eq!(client.call(STRING, "hi").unwrap(), "Thank you.");
}

#[test]
fn a_handshake_ends_at_the_connections_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = dial(silent.local_addr().unwrap(), PATIENCE).unwrap();
    conn.set_deadline(Some(Instant::now() + Duration::from_millis(50)));
    let error = Authority::new().connector(None).connect(conn, HOST);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn dropping_a_client_ends_the_connection_cleanly() {
    let authority = Authority::new();
    let (acceptor, connector) = (authority.acceptor(None), authority.connector(None));
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let reading = thread::spawn(move || {
        let mut conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        rest(&mut conn)
    });
    let mut conn = connector
        .connect(dial(address, PATIENCE).unwrap(), HOST)
        .unwrap();
    conn.write_all(b"bye").unwrap();
    drop(conn);
    assert_eq!(reading.join().unwrap(), "bye");
}

#[test]
fn both_ends_can_read_the_peers_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (acceptor, connector) = (
        authority.acceptor(Some(&clients)),
        authority.connector(Some(clients.sign(&["client"]))),
    );
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let address = listener.local_addr().clone();
    let seeing = thread::spawn(move || {
        let conn = acceptor.accept(listener.accept().unwrap()).unwrap();
        conn.peer_certificates()
            .map(<[u8]>::len)
            .collect::<Vec<_>>()
    });
    let conn = connector.connect(dial(address, PATIENCE).unwrap(), HOST);
    assert_eq!(conn.unwrap().peer_certificates().count(), 1);
    let shown = seeing.join().unwrap();
    assert!(shown.len() == 1 && shown[0] > 100, "{shown:?}");
}

#[test]
fn tls_starts_after_the_proxy_header() {
    let authority = Authority::new();
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.tls = Some(authority.acceptor(None));
    });
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
    let conn = Conn::try_from(stream).unwrap();
    let mut conn = authority.connector(None).connect(conn, HOST).unwrap();
    conn.write_all(b"STRING\nhi\n").unwrap();
    conn.close_write().unwrap();
    assert_eq!(rest(&mut conn), "Thank you.\n");
}

#[test]
fn aborted_handshakes_release_their_permits() {
    each(|kind| {
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), |limits| {
            limits.connections = 8;
        });
        for round in 0..100 {
            let mut stream = server.connect();
            let hello = client_hello();
            let _ = stream.write_all(&hello[..round * hello.len() / 100]);
            let _ = stream.shutdown(Shutdown::Both);
        }
        is_well_again(&server, &authority.connector(None));
    });
}

#[test]
fn unusable_certificates_and_keys_are_clear_errors() {
    let authority = Authority::new();
    let (one, other) = (authority.sign(&[HOST]), authority.sign(&[HOST]));
    let error = tls::Identity::from_pem(one.chain.as_bytes(), other.key.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the private key does not belong to the certificate"
    );
    let error = tls::Identity::from_pem(one.key.as_bytes(), one.key.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "it holds no certificate in PEM");
    let error = tls::Identity::from_pem(one.chain.as_bytes(), one.chain.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "it holds no private key in PEM");
}
