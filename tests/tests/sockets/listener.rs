//! Accepting connections, over TCP and Unix sockets.

use bellwire::blocking::Client;
use bellwire_std::{Address, Conn, Dialer, Endpoint, Listener, Network, Peer, Server, dial};
use bellwire_tests::net::waits;
use bellwire_tests::running::{Kind, PATIENCE, STRING, serve};
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

fn listen(network: Network, address: &str) -> Listener {
    Listener::bind(network, address).unwrap()
}

fn port(listener: &Listener) -> u16 {
    listener.local_addr().tcp().unwrap().port()
}

/// Returns an unused path for a test's socket.
fn path(test: &str) -> String {
    let name = format!("bellwire-{}-{test}", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    path.to_str().unwrap().to_owned()
}

/// Returns whether `listener` accepts a dial to `address` and a byte arrives.
fn connects(listener: &Listener, network: Network, address: &str) -> bool {
    let dialer = Dialer::new().timeout(PATIENCE);
    let Ok(mut near) = dialer.dial(network, address) else {
        return false;
    };
    let mut far = listener.accept().unwrap();
    near.write_all(b"hi").unwrap();
    near.close();
    let mut text = String::new();
    far.read_to_string(&mut text).unwrap();
    text == "hi"
}

#[test]
fn accept_returns_a_connection_with_both_addresses() {
    let listener = listen(Network::Tcp, "127.0.0.1:0");
    assert_ne!(port(&listener), 0);
    let near = dial(listener.local_addr(), PATIENCE).unwrap();
    let far = listener.accept().unwrap();
    assert_eq!(far.local_addr().unwrap(), *listener.local_addr());
    assert_eq!(*far.peer_addr(), near.local_addr().unwrap());
}

#[test]
fn an_address_without_host_means_all_interfaces_of_the_networks_families() {
    for (network, v4, v6) in [
        (Network::Tcp, true, true),
        (Network::Tcp4, true, false),
        (Network::Tcp6, false, true),
    ] {
        let listener = listen(network, ":0");
        let port = port(&listener);
        let reaches = |host| connects(&listener, Network::Tcp, &format!("{host}:{port}"));
        assert_eq!(
            (reaches("127.0.0.1"), reaches("[::1]")),
            (v4, v6),
            "{network}"
        );
    }
}

#[test]
fn a_dual_stack_listener_reports_ipv4_peers_as_ipv4() {
    let listener = listen(Network::Tcp, ":0");
    let near = dial(format!("127.0.0.1:{}", port(&listener)), PATIENCE).unwrap();
    let far = listener.accept().unwrap();
    assert_eq!(*far.peer_addr(), near.local_addr().unwrap());
}

#[test]
fn close_wakes_all_waiting_accepts_with_an_error() {
    let listener = listen(Network::Tcp, "127.0.0.1:0");
    thread::scope(|scope| {
        let accepting = [(); 2].map(|()| waits(scope, || listener.accept().unwrap_err()));
        listener.clone().close();
        for accepting in accepting {
            let error = accepting.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            assert_eq!(error.to_string(), "the listener is closed");
        }
    });
    assert!(listener.accept().is_err());
}

#[test]
fn after_close_new_connections_are_refused_and_old_ones_stay() {
    let listener = listen(Network::Tcp, "127.0.0.1:0");
    let mut near = dial(listener.local_addr(), PATIENCE).unwrap();
    let mut far = listener.accept().unwrap();
    listener.close();
    listener.close();
    let error = dial(listener.local_addr(), PATIENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    near.write_all(b"hi").unwrap();
    assert_eq!(far.read(&mut [0; 16]).unwrap(), 2);
}

#[test]
fn a_closed_listeners_port_is_free_at_once() {
    let listener = listen(Network::Tcp, "127.0.0.1:0");
    let address = listener.local_addr().to_string();
    // The end that closes first leaves the connection in TIME_WAIT.
    let near = dial(&address, PATIENCE).unwrap();
    drop(listener.accept().unwrap());
    drop(near);
    listener.close();
    assert!(Listener::bind(Network::Tcp, &address).is_ok());
}

#[test]
fn a_listener_closes_with_its_last_handle() {
    let listener = listen(Network::Tcp, "127.0.0.1:0");
    let address = listener.local_addr().to_string();
    let handle = listener.clone();
    drop(listener);
    assert!(connects(&handle, Network::Tcp, &address));
    drop(handle);
    assert!(dial(&address, PATIENCE).is_err());
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = listen(Network::Tcp, "127.0.0.1:0");
    let address = taken.local_addr().to_string();
    let error = Listener::bind(Network::Tcp, &address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let start = format!("cannot listen on {address}: Address already in use");
    assert!(error.to_string().starts_with(&start), "{error}");
}

/// Cause: if the port was taken for IPv6 only, the listener used IPv4 alone.
#[test]
fn a_port_taken_for_one_family_is_an_error_for_both() {
    let taken = listen(Network::Tcp6, ":0");
    let error = Listener::bind(Network::Tcp, &format!(":{}", port(&taken))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn an_invalid_address_is_a_clear_error() {
    let error = Listener::bind(Network::Tcp, "127.0.0.1:bells").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let sentence = r#"cannot listen on 127.0.0.1:bells: unknown TCP port "bells""#;
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn accepted_connections_have_keep_alive_and_no_nagle_delay() {
    let listener = listen(Network::Tcp, "127.0.0.1:0");
    let _near = dial(listener.local_addr(), PATIENCE).unwrap();
    let far = listener.accept().unwrap();
    let socket = SockRef::from(&far);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 15);
    assert!(socket.tcp_nodelay().unwrap());
}

#[test]
fn std_listeners_convert_to_listeners() {
    let std = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = Listener::try_from(std).unwrap();
    let address = listener.local_addr().to_string();
    assert!(connects(&listener, Network::Tcp, &address));

    let path = path("std");
    let listener = Listener::try_from(UnixListener::bind(&path).unwrap()).unwrap();
    assert!(connects(&listener, Network::Unix, &path));
    drop(listener);
    // The Listener did not create the file, so the test removes it.
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_unix_listener_removes_its_file() {
    let path = path("path");
    let listener = listen(Network::Unix, &path);
    let address = Address::Unix(Some(path.clone().into()));
    assert_eq!(*listener.local_addr(), address);
    let near = Dialer::new().dial(Network::Unix, &path).unwrap();
    let far = listener.accept().unwrap();
    assert_eq!(*near.peer_addr(), address);
    assert_eq!(*far.peer_addr(), Address::Unix(None));
    assert!(connects(&listener, Network::Unix, &path));

    listener.close();
    assert!(!std::fs::exists(&path).unwrap());
    // The path is free for the next listener. Its file must survive the first listener's drop.
    let next = listen(Network::Unix, &path);
    drop(listener);
    assert!(connects(&next, Network::Unix, &path));
    drop(next);
    assert!(!std::fs::exists(&path).unwrap());
}

/// Cause: the listener removed any file at its path.
#[test]
fn a_closing_unix_listener_keeps_its_successors_file() {
    for closes in [Listener::close as fn(&Listener), |_| {}] {
        let path = path("successor");
        let first = listen(Network::Unix, &path);
        std::fs::remove_file(&path).unwrap();
        let next = listen(Network::Unix, &path);
        closes(&first);
        drop(first);
        assert!(connects(&next, Network::Unix, &path));
        next.close();
        assert!(!std::fs::exists(&path).unwrap());
    }
}

#[test]
fn a_closing_unix_listener_keeps_any_other_file_at_its_path() {
    let path = path("other");
    for replace in [
        |path: &str| std::fs::write(path, "notes").unwrap(),
        |path: &str| std::os::unix::fs::symlink("/no/socket", path).unwrap(),
        |path: &str| drop(UnixListener::bind(path).unwrap()),
    ] {
        let listener = listen(Network::Unix, &path);
        std::fs::remove_file(&path).unwrap();
        replace(&path);
        listener.close();
        assert!(std::fs::symlink_metadata(&path).is_ok());
        std::fs::remove_file(&path).unwrap();
    }
}

/// The second listener's file may get the inode number of the first one's.
#[test]
fn successive_unix_listeners_keep_the_next_ones_file() {
    let path = path("relay");
    let mut listener = listen(Network::Unix, &path);
    for _ in 0..100 {
        std::fs::remove_file(&path).unwrap();
        let next = listen(Network::Unix, &path);
        listener.close();
        assert!(connects(&next, Network::Unix, &path));
        listener = next;
    }
}

#[test]
fn close_wakes_a_waiting_accept_on_a_unix_socket() {
    let listener = listen(Network::Unix, &path("close"));
    thread::scope(|scope| {
        let accepting = waits(scope, || listener.accept().unwrap_err());
        listener.close();
        let error = accepting.join().unwrap();
        assert_eq!(error.to_string(), "the listener is closed");
    });
}

#[test]
fn missing_and_invalid_unix_sockets_are_clear_errors() {
    let error = Dialer::new().dial(Network::Unix, "/no/socket").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let start = "cannot connect to /no/socket: No such file";
    assert!(error.to_string().starts_with(start), "{error}");

    let error = Listener::bind(Network::Unix, "/no/socket").unwrap_err();
    let start = "cannot listen on /no/socket: No such file";
    assert!(error.to_string().starts_with(start), "{error}");

    let path = path("taken");
    let _taken = listen(Network::Unix, &path);
    let error = Listener::bind(Network::Unix, &path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);

    let long = "/".to_owned() + &"x".repeat(200);
    let error = Listener::bind(Network::Unix, &long).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_full_queue_of_a_unix_socket_is_a_clear_error() {
    let path = path("full");
    let listener = UnixListener::bind(&path).unwrap();
    SockRef::from(&listener).listen(0).unwrap();
    let dial = || Dialer::new().dial(Network::Unix, &path);
    let (_first, error) = (dial().unwrap(), dial().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let sentence = format!("cannot connect to {path}: its accept queue is full");
    assert_eq!(error.to_string(), sentence);
    std::fs::remove_file(&path).unwrap();
}

fn thanks(conn: Conn) -> String {
    let (mut rx, mut tx) = ([0; 64], [0; 64]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    client.call(STRING, "hi").unwrap().to_owned()
}

#[test]
fn one_endpoint_can_serve_tcp_and_unix_sockets_with_threads_and_tasks() {
    let tcp = serve(Kind::Threads, |_| {});
    let (threads, tasks) = (path("threads"), path("tasks"));
    let nameless = |peer: &Peer| assert_eq!(*peer.address(), Address::Unix(None));
    let server = Server::from_listener(listen(Network::Unix, &threads), Arc::clone(&tcp.endpoint));
    let stop_threads = server.shutdown_handle();
    let serving = thread::spawn(move || server.run_with(nameless));
    let server = bellwire_std::tokio::Server::from_listener(
        listen(Network::Unix, &tasks),
        Arc::clone(&tcp.endpoint),
    );
    let stop_tasks = server.shutdown_handle();
    let tasks_serving = thread::spawn(move || server.run_on_threads_with(2, nameless));

    assert_eq!(thanks(dial(tcp.address, PATIENCE).unwrap()), "Thank you.");
    for path in [&threads, &tasks, &tasks, &tasks] {
        let conn = Dialer::new().dial(Network::Unix, path).unwrap();
        assert_eq!(thanks(conn), "Thank you.");
    }
    // The final error line and the end arrive, although the client sent more.
    for path in [&threads, &tasks] {
        let mut conn = Dialer::new().dial(Network::Unix, path).unwrap();
        conn.write_all(b"NOPE\nSTRING\n").unwrap();
        let mut said = String::new();
        conn.read_to_string(&mut said).unwrap();
        assert_eq!(said, "!unknown-command no command is named \"NOPE\"\n");
    }

    stop_threads.stop();
    stop_tasks.stop();
    serving.join().unwrap().unwrap();
    tasks_serving.join().unwrap().unwrap();
    for path in [&threads, &tasks] {
        assert!(!std::fs::exists(path).unwrap());
    }
    assert!(tcp.is_well());
}

#[test]
fn a_server_whose_socket_was_shut_down_returns_an_error() {
    let std = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std.try_clone().unwrap();
    let listener = Listener::try_from(std).unwrap();
    let address = listener.local_addr().to_string();
    let server = Server::from_listener(listener, Arc::new(Endpoint::<()>::new()));
    let serving = thread::spawn(move || server.run());
    SockRef::from(&other)
        .shutdown(std::net::Shutdown::Both)
        .unwrap();
    let error = serving.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(TcpStream::connect(address).is_err());
}
