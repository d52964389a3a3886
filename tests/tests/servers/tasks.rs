//! Features that only the server with tasks has.

use bellwire::{Command, Line, Reply};
use bellwire_tests::net::LONG;
use bellwire_tests::not_tested;
use bellwire_tests::running::{
    BUSY, Kind, PATIENCE, Running, STRING, line, rest, serve, serve_on_one_thread, serve_tasks,
    until,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command as Process, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, fs, thread};
use tokio::sync::Semaphore;

const WAIT: Command<Line, Line> = Command::new("WAIT");

/// Registers `WAIT`, which answers after the semaphore gives a permit. Counts the waiting handlers.
fn add_wait(server: &Running) -> (Arc<Semaphore>, Arc<AtomicUsize>) {
    let (gate, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (theirs, count) = (Arc::clone(&gate), Arc::clone(&waiting));
    let handler = move |(): &mut (), text: &str| {
        let (gate, count, text) = (Arc::clone(&theirs), Arc::clone(&count), text.to_owned());
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            move |reply: Reply<'_, Line>| reply.send(&text)
        }
    };
    server.endpoint.handle_async(WAIT, handler).unwrap();
    (gate, waiting)
}

#[test]
fn tasks_serve_16384_connections_unless_told_otherwise() {
    serve_tasks(|server| assert_eq!(server.limits.connections, 16384));
}

#[test]
fn a_handler_that_awaits_blocks_no_other_connection() {
    let server = serve_tasks(|_| {});
    let (gate, waiting) = add_wait(&server);
    let mut waiters: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for (number, stream) in waiters.iter_mut().enumerate() {
        stream
            .write_all(format!("WAIT\n{number}\n").as_bytes())
            .unwrap();
    }
    until(|| waiting.load(Ordering::SeqCst) == 20);
    assert!(server.is_well());
    gate.add_permits(20);
    for (number, stream) in waiters.iter_mut().enumerate() {
        assert_eq!(line(stream), format!("{number}\n"));
    }
}

#[test]
fn a_delayed_reply_keeps_its_place_in_the_order() {
    let server = serve_tasks(|_| {});
    let (gate, waiting) = add_wait(&server);
    let mut stream = server.connect();
    stream
        .write_all(b"STRING\na\nWAIT\nb\nWAIT\nc\nSTRING\nd\n")
        .unwrap();
    assert_eq!(line(&mut stream), "Thank you.\n");
    until(|| waiting.load(Ordering::SeqCst) == 1);
    gate.add_permits(2);
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), "b\nc\nThank you.\n");
}

#[test]
fn a_panicking_future_ends_only_its_connection() {
    let server = serve_tasks(|_| {});
    let handler = |(): &mut (), _text: &str| async {
        tokio::task::yield_now().await;
        assert!(PATIENCE.is_zero(), "this handler panics");
        |reply: Reply<'_, Line>| reply.send("not reached")
    };
    server.endpoint.handle_async(WAIT, handler).unwrap();
    assert_eq!(
        server.answer("STRING\na\nWAIT\nb\nSTRING\nc\n"),
        "Thank you.\n!failed WAIT: handler panicked\n"
    );
    assert!(server.is_well());
}

#[test]
fn a_panic_before_or_after_the_handlers_future_ends_only_its_connection() {
    const BEFORE: Command<Line, Line> = Command::new("BEFORE");
    const AFTER: Command<Line, Line> = Command::new("AFTER");
    let server = serve_tasks(|_| {});
    let before = |(): &mut (), _text: &str| {
        assert!(PATIENCE.is_zero(), "this handler panics");
        std::future::ready(|reply: Reply<'_, Line>| reply.send("not reached"))
    };
    let after = |(): &mut (), _text: &str| {
        std::future::ready(|reply: Reply<'_, Line>| {
            assert!(PATIENCE.is_zero(), "this handler panics");
            reply.send("not reached")
        })
    };
    server.endpoint.handle_async(BEFORE, before).unwrap();
    server.endpoint.handle_async(AFTER, after).unwrap();
    for name in ["BEFORE", "AFTER"] {
        assert_eq!(
            server.answer(format!("STRING\na\n{name}\nb\nSTRING\nc\n")),
            format!("Thank you.\n!failed {name}: handler panicked\n")
        );
    }
    assert!(server.is_well());
}

/// Cause: a stopping server read only the connections that the runtime had reported, and closed others
/// although requests had arrived.
#[test]
fn a_stop_answers_arrived_requests_that_the_runtime_has_not_reported() {
    const STOP: Command<Line, Line> = Command::new("STOP");
    let shutdown = Arc::new(OnceLock::new());
    let stops = Arc::clone(&shutdown);
    let server = serve_on_one_thread(|server| assert!(stops.set(server.shutdown_handle()).is_ok()));
    let mut idle = server.connect();
    idle.write_all(b"STRING\nhi\n").unwrap();
    assert_eq!(line(&mut idle), "Thank you.\n");
    // While this handler runs, the only thread learns of no other event.
    let sender = idle.try_clone().unwrap();
    let handler = move |(): &mut (), _text: &str, reply: Reply<'_, Line>| {
        (&sender).write_all(b"STRING\nho\n").unwrap();
        shutdown.get().unwrap().stop();
        reply.send("done")
    };
    server.endpoint.handle(STOP, handler).unwrap();
    assert_eq!(server.answer("STOP\nnow\n"), "done\n");
    assert_eq!(rest(&mut idle), "Thank you.\n");
}

/// Cause: the idle threads raced to accept, so one thread could get all connections.
#[test]
fn connections_are_spread_evenly_over_the_threads() {
    const WHERE: Command<Line, Line> = Command::new("WHERE");
    let server = serve(Kind::Workers, |_| {});
    let handler = |(): &mut (), _text: &str, reply: Reply<'_, Line>| {
        reply.send(&format!("{:?}", thread::current().id()))
    };
    server.endpoint.handle(WHERE, handler).unwrap();
    let mut streams: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let mut threads = BTreeMap::<_, usize>::new();
    for stream in &mut streams {
        stream.write_all(b"WHERE\nare you?\n").unwrap();
        *threads.entry(line(stream)).or_default() += 1;
    }
    assert_eq!(threads.into_values().collect::<Vec<_>>(), [4, 4]);
}

/// Cause: a LOCAL header was rejected if its length did not match its address family.
#[test]
fn a_local_proxy_header_is_accepted_with_any_address_bytes() {
    let server = serve_tasks(|server| server.proxy_protocol = true);
    for family in [0x00, 0x11, 0x21, 0x31, 0xff] {
        for length in [0, 1, 12, 36, 216, 65535] {
            let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x20".to_vec();
            bytes.push(family);
            bytes.extend(u16::to_be_bytes(length));
            bytes.resize(16 + usize::from(length), b'x');
            bytes.extend(b"STRING\nhi\n");
            assert_eq!(server.answer(bytes), "Thank you.\n", "{family:#x} {length}");
        }
    }
}

#[test]
fn with_proxy_protocol_a_connection_without_header_gets_no_reply() {
    let server = serve_tasks(|server| server.proxy_protocol = true);
    assert_eq!(server.answer("STRING\nhi\n and sixteen bytes more\n"), "");
    assert_eq!(
        server.answer(header([192, 0, 2, 7], "STRING\nhi\n")),
        "Thank you.\n"
    );
}

/// Cause: the server waited for the header for the full stop time.
#[test]
fn a_missing_proxy_header_does_not_delay_the_stop() {
    let mut server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.stop_timeout = LONG;
    });
    let waiting = server.connect();
    // A later connection was answered, so this one has been accepted.
    assert_eq!(server.answer(header([192, 0, 2, 7], "")), "");
    server.stop();
    drop(waiting);
}

/// Cause: the header was read to the end of the received bytes, not to its own end.
#[test]
fn a_proxy_header_may_arrive_byte_by_byte() {
    let server = serve_tasks(|server| server.proxy_protocol = true);
    let mut stream = server.connect();
    for byte in header([192, 0, 2, 7], "STRING\nhi\n") {
        stream.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(line(&mut stream), "Thank you.\n");
}

#[test]
fn a_connection_without_proxy_header_in_time_is_closed() {
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.handshake_timeout = Duration::from_millis(100);
    });
    let mut stream = server.connect();
    stream.write_all(&header([192, 0, 2, 7], "")[..20]).unwrap();
    assert_eq!(rest(&mut stream), "");
}

/// Cause: each connection could reserve 64 KiB for a header that never came.
#[test]
fn a_proxy_header_that_is_too_long_closes_the_connection() {
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.handshake_timeout = LONG;
    });
    let mut header = header([192, 0, 2, 7], "");
    header[14] = 0xff;
    let mut stream = server.connect();
    stream.write_all(&header).unwrap();
    assert_eq!(rest(&mut stream), "");
}

#[test]
fn address_limits_apply_to_the_client_in_the_proxy_header() {
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.connections_per_address = Some(1);
    });
    let mut first = server.connect();
    first
        .write_all(&header([192, 0, 2, 7], "STRING\nhi\n"))
        .unwrap();
    assert_eq!(line(&mut first), "Thank you.\n");
    for (client, reply) in [(7, BUSY), (8, "Thank you.\n")] {
        assert_eq!(
            server.answer(header([192, 0, 2, client], "STRING\nhi\n")),
            reply
        );
    }
}

/// Returns the PROXY protocol's header, version 2, for TCP over IPv4 from `source`, followed by `then`.
fn header(source: [u8; 4], then: &str) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    bytes.extend(source);
    bytes.extend([127, 0, 0, 1, 0x30, 0x39, 0xee, 0x48]);
    bytes.extend(then.as_bytes());
    bytes
}

#[test]
fn haproxy_spreads_requests_over_servers() {
    if Process::new("haproxy")
        .arg("-v")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        not_tested("behind haproxy", "there is no program `haproxy`");
        return;
    }
    let servers = [(); 2].map(|()| serve_tasks(|server| server.proxy_protocol = true));
    let front = Front::start(&servers.each_ref().map(|server| server.address));
    for number in 0..10 {
        let mut stream = front.connect();
        stream
            .write_all(format!("{}\n{number}\n", STRING.name()).as_bytes())
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut stream), "Thank you.\n");
    }
    let served = servers.map(|server| server.texts.lock().unwrap().len());
    assert!(
        !served.contains(&0) && served.iter().sum::<usize>() == 10,
        "{served:?}"
    );
}

/// `HAProxy` on a free port, until dropped.
struct Front {
    process: Child,
    address: SocketAddr,
}

impl Front {
    fn start(servers: &[SocketAddr]) -> Self {
        // HAProxy cannot report the port that the system assigns, so find a free one first.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut configuration = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen bellwire\n bind {address}\n balance roundrobin\n"
        );
        for server in servers {
            let name = server.port();
            writeln!(configuration, " server s{name} {server} send-proxy-v2").unwrap();
        }
        let path = env::temp_dir().join(format!("bellwire-haproxy-{}.cfg", address.port()));
        fs::write(&path, configuration).unwrap();
        let process = Process::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(&path)
            .spawn()
            .unwrap();
        let front = Self { process, address };
        until(|| TcpStream::connect(address).is_ok());
        fs::remove_file(path).unwrap();
        front
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
