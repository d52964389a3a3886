//! The end of a connection: each reply to a request that ran reaches a client that reads late,
//! although the client keeps sending.

use bellwire_std::{Conn, Listener, Network, Server, ServerLimits};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::gate::Gate;
use bellwire_tests::net::{LONG, SHORT, connect_with_receive_buffer};
use bellwire_tests::running::{
    BUSY, Kind, PATIENCE, Running, each, serve, serve_on_one_thread, serve_over_tls, until,
};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, process};

const REQUEST: &[u8] = b"STRING\n8 bytes.\n";
const REPLY: &str = "Thank you.\n";

/// The replies to these exceed the client's receive buffer, but fit the server's send buffer.
const REQUESTS: usize = 4096;

/// The bytes of a small receive buffer.
const ROOM: usize = 4096;

/// More bytes than both systems buffer for a server that does not read.
const FLOOD: usize = 8 << 20;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Connects to a server with a receive buffer of the given number of bytes.
type Connect<'a> = &'a dyn Fn(usize) -> Box<dyn Stream>;

/// Runs a test against each kind of server, in clear and over TLS.
fn each_server(limit: impl Fn(&mut ServerLimits), test: impl Fn(Running, Connect<'_>)) {
    each(|kind| {
        let server = serve(kind, &limit);
        let address = server.address;
        test(server, &|room| {
            Box::new(connect_with_receive_buffer(address, room))
        });

        println!("over TLS");
        let authority = Authority::new();
        let server = serve_over_tls(kind, &authority.acceptor(None), &limit);
        let address = server.address;
        test(server, &|room| {
            let conn = Conn::try_from(connect_with_receive_buffer(address, room)).unwrap();
            conn.set_deadline(Some(Instant::now() + 6 * PATIENCE));
            Box::new(authority.connector(None).connect(conn, HOST).unwrap())
        });
    });
}

/// Runs a test as [`each_server`] does, with one client whose receive buffer is small.
fn each_stream(limit: impl Fn(&mut ServerLimits), test: impl Fn(Running, Box<dyn Stream>)) {
    each_server(limit, |server, connect| test(server, connect(ROOM)));
}

/// Keeps sending, then reads to the end of the connection and closes it.
fn flood_and_read(mut client: Box<dyn Stream>) -> String {
    // The server may end the connection after all replies have arrived.
    let _ = client.write_all(&REQUEST.repeat(FLOOD / REQUEST.len()));
    read_to_end(client)
}

/// Reads to the end of the connection and closes it.
fn read_to_end(mut client: Box<dyn Stream>) -> String {
    let mut replies = Vec::new();
    match client.read_to_end(&mut replies) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(replies).unwrap(),
    }
}

/// Checks that `replies` begin with one for each request that ran; returns the rest.
#[track_caller]
fn rest_after_replies<'a>(replies: &'a str, server: &Running) -> &'a str {
    let ran = server.texts.lock().unwrap().len();
    let rest = replies.trim_start_matches(REPLY);
    assert_eq!((replies.len() - rest.len()) / REPLY.len(), ran, "{rest}");
    rest
}

/// Sends requests while a handler holds the connection, then begins the stop and lets the handler end.
fn stop_after_arrival(server: &Running, client: &mut dyn Stream, requests: usize) {
    let gate = Gate::new(server);
    client.write_all(b"HOLD\n").unwrap();
    client.flush().unwrap();
    gate.wait();
    client.write_all(&REQUEST.repeat(requests)).unwrap();
    client.flush().unwrap();
    server.begin_stop();
    gate.open();
}

/// Cause: a stop shut down the receiving direction, or closed the connection with unread requests. In both
/// cases the system resets the connection.
#[test]
fn a_stop_loses_no_reply_while_requests_keep_arriving() {
    each_stream(
        |limits| limits.stop_timeout = LONG,
        |mut server, mut client| {
            stop_after_arrival(&server, &mut *client, REQUESTS);
            let replies = flood_and_read(client);
            let replies = replies.strip_prefix("done\n").unwrap();
            let rest = rest_after_replies(replies, &server);
            assert!(rest.is_empty() || rest.starts_with("!busy "), "{rest}");
            server.stop();
        },
    );
}

/// A server that has read all requests still discards the bytes that arrive later.
#[test]
fn a_stop_loses_no_reply_of_a_client_that_pauses_before_it_sends_more() {
    each_stream(
        |limits| limits.stop_timeout = LONG,
        |mut server, mut client| {
            stop_after_arrival(&server, &mut *client, 2048);
            until(|| server.texts.lock().unwrap().len() == 2048);
            thread::sleep(SHORT);
            let replies = flood_and_read(client);
            let replies = replies.strip_prefix("done\n").unwrap();
            assert_eq!(rest_after_replies(replies, &server), "");
            server.stop();
        },
    );
}

/// Cause: between requests, a stop closed at once, although replies were unsent.
#[test]
fn a_stop_loses_no_reply_that_the_client_has_not_read() {
    stop_before_replies_are_read(ROOM, REQUESTS);
}

/// The system's smallest send buffer is larger than these replies.
#[test]
fn a_stop_loses_no_reply_in_the_send_buffer() {
    stop_before_replies_are_read(1, 300);
}

fn stop_before_replies_are_read(room: usize, requests: usize) {
    each_server(
        |limits| limits.stop_timeout = LONG,
        |mut server, connect| {
            let (idle, mut client) = (connect(ROOM), connect(room));
            client.write_all(&REQUEST.repeat(requests)).unwrap();
            client.flush().unwrap();
            until(|| server.texts.lock().unwrap().len() == requests);
            server.begin_stop();
            // The stop has reached the connections once an idle one ends.
            assert_eq!(read_to_end(idle), "");
            let replies = flood_and_read(client);
            let rest = rest_after_replies(&replies, &server);
            assert!(rest.is_empty() || rest.starts_with("!busy "), "{rest}");
            server.stop();
        },
    );
}

/// Cause: the requests were left unread without an error line.
#[test]
fn a_stop_answers_unread_requests_with_busy() {
    each_stream(
        |limits| {
            limits.stop_timeout = LONG;
            limits.receive_buffer = 4096;
        },
        |mut server, mut client| {
            stop_after_arrival(&server, &mut *client, 2048);
            let replies = read_to_end(client);
            let replies = replies.strip_prefix("done\n").unwrap();
            assert_eq!(rest_after_replies(replies, &server), BUSY);
            server.stop();
        },
    );
}

/// Cause: the server discarded 1 MiB, then closed with unread bytes, which resets the connection.
#[test]
fn a_final_error_line_loses_no_earlier_reply() {
    each_stream(
        |limits| limits.reply_timeout = LONG,
        |server, mut client| {
            client.write_all(&REQUEST.repeat(REQUESTS)).unwrap();
            client.write_all(b"NOPE\n").unwrap();
            let replies = flood_and_read(client);
            let rest = rest_after_replies(&replies, &server);
            assert_eq!(rest, "!unknown-command no command is named \"NOPE\"\n");
            assert_eq!(server.texts.lock().unwrap().len(), REQUESTS);
        },
    );
}

/// A server that closes while bytes arrive resets the connection at the next one.
#[test]
fn a_client_that_still_sends_reads_an_end_and_no_reset() {
    each_stream(
        |_| {},
        |_server, mut client| {
            client.write_all(b"NONE\n").unwrap();
            client.read_exact(&mut [0]).unwrap();
            // The pauses let the server read each byte by itself.
            for _ in 0..20 {
                client.write_all(b"x").unwrap();
                thread::sleep(Duration::from_millis(5));
            }
            client.read_to_end(&mut Vec::new()).unwrap();
        },
    );
}

/// Cause: the server closed at once, and the system reset the connection at the next byte.
#[test]
fn closing_an_idle_connection_loses_no_reply() {
    each_server(
        |limits| {
            limits.idle_timeout = SHORT;
            limits.reply_timeout = LONG;
        },
        |server, connect| {
            let mut client = connect(ROOM);
            // A busy server may close before or after these; the assertions hold either way.
            let _ = client.write_all(&REQUEST.repeat(REQUESTS));
            let _ = client.flush();
            // A connection that becomes idle later ends later.
            assert_eq!(read_to_end(connect(ROOM)), "");
            let _ = client.write_all(REQUEST);
            let replies = read_to_end(client);
            assert_eq!(rest_after_replies(&replies, &server), "");
        },
    );
}

/// Waiting for the end of the client's stream takes two seconds.
#[test]
fn a_stop_waits_for_no_idle_client() {
    each_server(
        |limits| limits.stop_timeout = LONG,
        |mut server, connect| {
            let mut idle = connect(ROOM);
            idle.write_all(REQUEST).unwrap();
            idle.flush().unwrap();
            idle.read_exact(&mut [0; REPLY.len()]).unwrap();
            let begin = Instant::now();
            server.stop();
            assert!(begin.elapsed() < Duration::from_secs(2));
        },
    );
}

/// The server's only thread learns of both at once. A close with the byte unread resets the connection.
#[test]
fn a_byte_that_arrives_with_the_last_acknowledgement_causes_no_reset() {
    let server = serve_on_one_thread(|server| {
        server.limits.idle_timeout = SHORT;
        server.limits.reply_timeout = LONG;
    });
    let gate = Gate::new(&server);
    let mut client = connect_with_receive_buffer(server.address, ROOM);
    client.write_all(&REQUEST.repeat(REQUESTS)).unwrap();
    // The connection becomes idle, and ends once the client has received all replies.
    thread::sleep(3 * SHORT);
    let mut other = server.connect();
    other.write_all(b"HOLD\n").unwrap();
    gate.wait();
    let mut replies = vec![0; REQUESTS * REPLY.len()];
    client.read_exact(&mut replies).unwrap();
    client.write_all(b"x").unwrap();
    gate.open();
    client.read_to_end(&mut replies).unwrap();
}

/// On Unix sockets, the system counts bytes as sent only after the client has read them.
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
    server.limits.stop_timeout = LONG;
    let shutdown = server.shutdown_handle();
    let running = thread::spawn(move || server.run());
    let idle = converse(&|| shutdown.stop());
    until(|| running.is_finished());
    drop(idle);

    let mut server =
        bellwire_std::tokio::Server::from_listener(listen(), Arc::clone(&tcp.endpoint));
    server.limits.stop_timeout = LONG;
    let shutdown = server.shutdown_handle();
    let running = thread::spawn(move || server.run_on_threads(1));
    let idle = converse(&|| shutdown.stop());
    until(|| running.is_finished());
    drop(idle);
}
