//! A connection's context. The server makes it from the peer, after the PROXY header and TLS.

use bellwire::{Command, Line, blocking::Client};
use bellwire_std::{Conn, Endpoint, Listener, Network, Peer, Server, dial};
use bellwire_tests::certificates::{Authority, HOST};
use bellwire_tests::net::{self, SHORT};
use bellwire_tests::running::{LONG, PATIENCE};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

const WHO: Command<(), Line> = Command::new("WHO");

/// An endpoint whose command `WHO` replies with the connection's context.
fn who() -> Endpoint<String> {
    let endpoint = Endpoint::<String>::default();
    let answer = endpoint.handle(WHO, |name, (), reply| reply.send(name));
    answer.expect("the first command");
    endpoint
}

fn name(peer: &Peer) -> String {
    let shown = peer.certificates().count();
    let size = peer.certificate().map_or(0, <[u8]>::len);
    format!("{} {shown} {}", peer.address(), size > 100)
}

fn listen() -> Listener {
    Listener::bind(Network::Tcp, "127.0.0.1:0").expect("a free port")
}

fn ask<S: embedded_io::Read + embedded_io::Write>(stream: S) -> String {
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = Client::new(stream, &mut rx, &mut tx);
    client.call(WHO, ()).expect("a reply").to_owned()
}

#[test]
fn both_servers_pass_the_clients_certificate_to_the_context() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let ask_over_tls = |listener: &Listener| {
        let conn = dial(listener.local_addr(), PATIENCE).expect("a connection");
        let own = conn.local_addr().expect("an address").to_string();
        let connector = authority.connector(Some(clients.sign(&["client"])));
        let conn = connector.connect(conn, HOST).expect("a handshake");
        assert_eq!(ask(conn), format!("{own} 1 true"));
    };

    let listener = listen();
    let mut server = Server::from_listener(listener.clone(), who());
    server.tls = Some(authority.acceptor(Some(&clients)));
    let stop = server.shutdown_handle();
    let running = thread::spawn(move || server.run_with(name));
    ask_over_tls(&listener);
    stop.stop();
    running.join().expect("no panic").expect("no error");

    let listener = listen();
    let mut server = bellwire_std::tokio::Server::from_listener(listener.clone(), who());
    server.tls = Some(authority.acceptor(Some(&clients)));
    let stop = server.shutdown_handle();
    let running = thread::spawn(move || server.run_on_threads_with(1, name));
    ask_over_tls(&listener);
    stop.stop();
    running.join().expect("no panic").expect("no error");
}

#[test]
fn both_servers_pass_the_address_from_the_proxy_header_to_the_context() {
    let listener = listen();
    let mut server = Server::from_listener(listener.clone(), who());
    server.proxy_protocol = true;
    let stop = server.shutdown_handle();
    let running = thread::spawn(move || server.run_with(name));
    ask_after_a_header(&listener);
    stop.stop();
    running.join().expect("no panic").expect("no error");

    let listener = listen();
    let mut server = bellwire_std::tokio::Server::from_listener(listener.clone(), who());
    server.proxy_protocol = true;
    let stop = server.shutdown_handle();
    let running = thread::spawn(move || server.run_on_threads_with(1, name));
    ask_after_a_header(&listener);
    stop.stop();
    running.join().expect("no panic").expect("no error");
}

fn ask_after_a_header(listener: &Listener) {
    let mut stream = TcpStream::connect(listener.local_addr().tcp().expect("TCP")).expect("open");
    let addresses = [192, 0, 2, 7, 192, 0, 2, 1, 0x30, 0x39, 0xee, 0x48];
    stream
        .write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c")
        .expect("room");
    stream.write_all(&addresses).expect("room");
    let conn = Conn::try_from(stream).expect("a connection");
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    assert_eq!(ask(conn), "192.0.2.7:12345 0 false");
}

#[test]
fn on_rejection_is_called_for_each_rejected_request_even_after_it_panicked() {
    let endpoint = Arc::new(who());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let calls = AtomicUsize::new(0);
    let kept = Arc::clone(&heard);
    endpoint.on_rejection(move |name, error| {
        let line = format!("{name}: {error}");
        kept.lock().expect("no panic in here").push(line);
        assert!(
            calls.fetch_add(1, Ordering::SeqCst) > 0,
            "the first call panics"
        );
    });
    let listener = listen();
    let server = Server::from_listener(listener.clone(), endpoint);
    let stop = server.shutdown_handle();
    let running = thread::spawn(move || server.run_with(|_peer| "me".into()));
    for _ in 0..2 {
        let mut conn = dial(listener.local_addr(), PATIENCE).expect("a connection");
        conn.set_deadline(Some(Instant::now() + PATIENCE));
        conn.write_all(b"NOBODY\n").expect("room");
        let mut told = String::new();
        conn.read_to_string(&mut told).expect("the end");
        assert!(told.starts_with("!unknown-command "), "{told}");
    }
    stop.stop();
    running.join().expect("no panic").expect("no error");
    let heard = heard.lock().expect("no panic in here");
    assert_eq!(*heard, ["me: no command is named \"NOBODY\""; 2]);
}

/// Tells when a connection's context is dropped.
struct Context(Option<Sender<()>>);

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(drops) = &self.0 {
            let _ = drops.send(());
        }
    }
}

/// A thread that outlived the stop would wait for this client for an hour.
#[test]
fn a_stop_ends_the_thread_of_a_client_that_never_reads() {
    let endpoint = Endpoint::<Context>::default();
    let answer = endpoint.handle(LONG, |_, (), reply| reply.send(&"x".repeat(999)));
    answer.expect("the first command");
    let listener = listen();
    let mut server = Server::from_listener(listener.clone(), endpoint);
    server.limits.stop_timeout = SHORT;
    server.limits.reply_timeout = net::LONG;
    let stop = server.shutdown_handle();
    let (drops, dropped) = channel();
    let first = Mutex::new(Some(drops));
    let context = move |_: &Peer| Context(first.lock().expect("no panic in here").take());
    let running = thread::spawn(move || server.run_with(context));
    let connect = || dial(listener.local_addr(), PATIENCE).expect("a connection");
    let mut client = connect();
    client.set_write_deadline(Some(Instant::now() + SHORT));
    while client.write_all(&b"LONG\n".repeat(1000)).is_ok() {
        client.set_write_deadline(Some(Instant::now() + SHORT));
    }
    // The server does not lose track of it among many that come and go.
    for _ in 0..100 {
        let mut other = connect();
        other.write_all(b"LONG\n").expect("room");
        other.read_exact(&mut [0; 1000]).expect("a reply");
    }
    stop.stop();
    running.join().expect("no panic").expect("no error");
    dropped.recv_timeout(PATIENCE).expect("a dropped context");
}
