//! The end of a connection: each reply of a request that ran arrives at a client that reads late,
//! although the client goes on sending.

use bellwire_std::{Conn, Listener, Network, Server, ServerLimits};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::gate::Gate;
use bellwire_tests::net::{LONG, SHORT};
use bellwire_tests::running::{BUSY, Kind, PATIENCE, Running, each, serve, serve_over_tls, until};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use std::{env, process};

const REQUEST: &[u8] = b"STRING\n8 bytes.\n";
const REPLY: &str = "Thank you.\n";

/// The replies to these exceed the client's receive buffer, and fit the server's send buffer.
const REQUESTS: usize = 4096;

/// More bytes than the systems of both ends hold for a server that does not read.
const FLOOD: usize = 8 << 20;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Runs a test against each kind of server, in clear and over TLS, with a client whose system has
/// little room for replies.
fn each_stream(limit: impl Fn(&mut ServerLimits), test: impl Fn(Running, Box<dyn Stream>)) {
    each_stream_with(4096, limit, test);
}

fn each_stream_with(
    room: usize,
    limit: impl Fn(&mut ServerLimits),
    test: impl Fn(Running, Box<dyn Stream>),
) {
    each(|kind| {
        let server = serve(kind, &limit);
        let client = connect(server.address, room);
        test(server, Box::new(client));

        println!("over TLS");
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), &limit);
        let conn = Conn::try_from(connect(server.address, room)).unwrap();
        conn.set_deadline(Some(Instant::now() + 6 * PATIENCE));
        let client = authority.connector(None).connect(conn, HOST).unwrap();
        test(server, Box::new(client));
    });
}

fn connect(address: SocketAddr, room: usize) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(room).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Goes on sending, then reads up to the end of the connection and closes it.
fn flood_and_read(mut client: Box<dyn Stream>) -> String {
    // The server may have ended the connection after all replies had arrived.
    let _ = client.write_all(&REQUEST.repeat(FLOOD / REQUEST.len()));
    read_to_end(client)
}

/// Reads up to the end of the connection and closes it.
fn read_to_end(mut client: Box<dyn Stream>) -> String {
    let mut replies = Vec::new();
    match client.read_to_end(&mut replies) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(replies).unwrap(),
    }
}

/// `replies` begin with one for each request that ran; returns the rest.
#[track_caller]
fn after_all_that_ran<'a>(replies: &'a str, server: &Running) -> &'a str {
    let ran = server.texts.lock().unwrap().len();
    let rest = replies.trim_start_matches(REPLY);
    assert_eq!((replies.len() - rest.len()) / REPLY.len(), ran, "{rest}");
    rest
}

/// Cause: a stop shut down the receiving, after which the system resets the connection at the next
/// byte; or it closed the connection with requests unread, which resets it too.
#[test]
fn a_stop_loses_no_reply_although_requests_still_arrive() {
    each_stream(
        |limits| limits.stop = LONG,
        |mut server, mut client| {
            let gate = Gate::new(&server);
            client.write_all(b"HOLD\n").unwrap();
            client.flush().unwrap();
            gate.wait();
            client.write_all(&REQUEST.repeat(REQUESTS)).unwrap();
            client.flush().unwrap();
            server.begin_stop();
            gate.open();
            let replies = flood_and_read(client);
            let replies = replies.strip_prefix("done\n").unwrap();
            let rest = after_all_that_ran(replies, &server);
            assert!(rest.is_empty() || rest.starts_with("!busy "), "{rest}");
            server.stop();
        },
    );
}

/// Cause: between requests, a stop closed at once, although replies waited for the client.
#[test]
fn a_stop_loses_no_reply_of_a_client_that_has_yet_to_read_them() {
    stop_before_replies_are_read(4096, REQUESTS);
}

/// The system's smallest send buffer has room for these replies and more.
#[test]
fn a_stop_loses_no_reply_of_the_last_few_that_have_yet_to_be_read() {
    stop_before_replies_are_read(1, 300);
}

fn stop_before_replies_are_read(room: usize, requests: usize) {
    each_stream_with(
        room,
        |limits| limits.stop = LONG,
        |mut server, mut client| {
            client.write_all(&REQUEST.repeat(requests)).unwrap();
            client.flush().unwrap();
            until(|| server.texts.lock().unwrap().len() == requests);
            server.begin_stop();
            // If the server has not noticed yet, it runs more requests: the claim holds.
            thread::sleep(SHORT);
            let replies = flood_and_read(client);
            let rest = after_all_that_ran(&replies, &server);
            assert!(rest.is_empty() || rest.starts_with("!busy "), "{rest}");
            server.stop();
        },
    );
}

/// Cause: they were left unread without a word.
#[test]
fn a_stop_tells_the_sender_of_requests_that_it_does_not_read() {
    each_stream(
        |limits| {
            limits.stop = LONG;
            limits.receive_buffer = 4096;
        },
        |mut server, mut client| {
            let gate = Gate::new(&server);
            client.write_all(b"HOLD\n").unwrap();
            client.flush().unwrap();
            gate.wait();
            client.write_all(&REQUEST.repeat(2048)).unwrap();
            client.flush().unwrap();
            server.begin_stop();
            gate.open();
            let replies = read_to_end(client);
            let replies = replies.strip_prefix("done\n").unwrap();
            assert_eq!(after_all_that_ran(replies, &server), BUSY);
            server.stop();
        },
    );
}

/// Cause: the server discarded 1 MiB, then closed with bytes unread, which resets the connection.
#[test]
fn an_error_line_that_ends_the_conversation_loses_no_earlier_reply() {
    each_stream(
        |limits| limits.reply = LONG,
        |server, mut client| {
            client.write_all(&REQUEST.repeat(REQUESTS)).unwrap();
            client.write_all(b"HELP\n").unwrap();
            let replies = flood_and_read(client);
            let rest = after_all_that_ran(&replies, &server);
            assert_eq!(rest, "!unknown-command no command is named \"HELP\"\n");
            assert_eq!(server.texts.lock().unwrap().len(), REQUESTS);
        },
    );
}

/// Cause: the server closed at once, and the system reset the connection at the next byte.
#[test]
fn an_idle_connection_is_closed_without_losing_a_reply() {
    each_stream(
        |limits| {
            limits.idle = SHORT;
            limits.reply = LONG;
        },
        |server, mut client| {
            // A busy server may close before these, or after the next: the claim holds.
            let _ = client.write_all(&REQUEST.repeat(REQUESTS));
            let _ = client.flush();
            thread::sleep(2 * SHORT);
            let _ = client.write_all(REQUEST);
            let replies = read_to_end(client);
            assert_eq!(after_all_that_ran(&replies, &server), "");
        },
    );
}

/// Here the system counts bytes as sent only after the client has read them.
#[test]
fn a_stop_over_unix_sockets_loses_no_reply_and_waits_for_no_idle_client() {
    let path = env::temp_dir().join(format!("bellwire-endings-{}", process::id()));
    let path = path.to_str().unwrap();
    let listen = || Listener::bind(Network::Unix, path).unwrap();
    let tcp = serve(Kind::Tasks, |_| {});
    let gate = Gate::new(&tcp);
    let converse = |stop: &dyn Fn()| {
        let connect = || UnixStream::connect(path).unwrap();
        let (mut idle, mut client) = (connect(), connect());
        idle.write_all(b"STRING\n8 bytes.\n").unwrap();
        let mut thanks = [0; REPLY.len()];
        idle.read_exact(&mut thanks).unwrap();
        client.write_all(b"HOLD\n").unwrap();
        gate.wait();
        client.write_all(&REQUEST.repeat(1024)).unwrap();
        stop();
        gate.open();
        let _ = client.write_all(&REQUEST.repeat(FLOOD / REQUEST.len()));
        let replies = read_to_end(Box::new(client));
        let replies = replies.strip_prefix("done\n").unwrap();
        assert!(replies.starts_with(&REPLY.repeat(1024)));
        idle
    };

    let mut server = Server::from_listener(listen(), Arc::clone(&tcp.endpoint));
    server.limits.stop = LONG;
    let stopper = server.shutdown_handle();
    let running = thread::spawn(move || server.run());
    let idle = converse(&|| stopper.stop());
    until(|| running.is_finished());
    drop(idle);

    let mut server =
        bellwire_std::tokio::Server::from_listener(listen(), Arc::clone(&tcp.endpoint));
    server.limits.stop = LONG;
    let stopper = server.shutdown_handle();
    let running = thread::spawn(move || server.run_on_threads(1));
    let idle = converse(&|| stopper.stop());
    until(|| running.is_finished());
    drop(idle);
}
