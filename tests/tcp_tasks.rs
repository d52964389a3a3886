//! What only the server of tasks can do.

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

/// Registers `WAIT`, which answers once the semaphore gives a permit, and counts who waits.
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
fn a_handler_that_awaits_blocks_nobody_else() {
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
fn replies_keep_their_order_round_an_answer_that_comes_later() {
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
fn a_future_that_panics_ends_its_connection_and_no_other() {
    let server = serve_tasks(|_| {});
    let handler = |(): &mut (), _text: &str| async {
        tokio::task::yield_now().await;
        assert!(PATIENCE.is_zero(), "as the test wants it");
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
fn so_does_a_handler_that_panics_before_its_future_or_behind_it() {
    const BEFORE: Command<Line, Line> = Command::new("BEFORE");
    const BEHIND: Command<Line, Line> = Command::new("BEHIND");
    let server = serve_tasks(|_| {});
    let before = |(): &mut (), _text: &str| {
        assert!(PATIENCE.is_zero(), "as the test wants it");
        std::future::ready(|reply: Reply<'_, Line>| reply.send("not reached"))
    };
    let behind = |(): &mut (), _text: &str| {
        std::future::ready(|reply: Reply<'_, Line>| {
            assert!(PATIENCE.is_zero(), "as the test wants it");
            reply.send("not reached")
        })
    };
    server.endpoint.handle_async(BEFORE, before).unwrap();
    server.endpoint.handle_async(BEHIND, behind).unwrap();
    for name in ["BEFORE", "BEHIND"] {
        assert_eq!(
            server.answer(format!("STRING\na\n{name}\nb\nSTRING\nc\n")),
            format!("Thank you.\n!failed {name}: handler panicked\n")
        );
    }
    assert!(server.is_well());
}

/// Cause: when it was told to stop, it read only what the runtime had heard of, and so closed on requests
/// that had arrived.
#[test]
fn what_has_arrived_by_the_stop_is_answered_though_nobody_has_looked_yet() {
    const STOP: Command<Line, Line> = Command::new("STOP");
    let stopper = Arc::new(OnceLock::new());
    let stops = Arc::clone(&stopper);
    let server = serve_on_one_thread(|server| assert!(stops.set(server.shutdown_handle()).is_ok()));
    let mut idle = server.connect();
    idle.write_all(b"STRING\nhi\n").unwrap();
    assert_eq!(line(&mut idle), "Thank you.\n");
    // While this runs, the one thread that there is hears of nothing else.
    let sender = idle.try_clone().unwrap();
    let handler = move |(): &mut (), _text: &str, reply: Reply<'_, Line>| {
        (&sender).write_all(b"STRING\nho\n").unwrap();
        stopper.get().unwrap().stop();
        reply.send("done")
    };
    server.endpoint.handle(STOP, handler).unwrap();
    assert_eq!(server.answer("STOP\nnow\n"), "done\n");
    assert_eq!(rest(&mut idle), "Thank you.\n");
}

/// Cause: whichever thread was idle accepted, so that one could have them all.
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

/// Cause: it was refused where the header's length was not that of an address of its family.
#[test]
fn a_load_balancer_that_speaks_for_itself_is_served_whatever_its_header_tells_more() {
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
fn a_connection_behind_a_proxy_must_begin_with_its_header() {
    let server = serve_tasks(|server| server.proxy_protocol = true);
    assert_eq!(server.answer("STRING\nhi\n and sixteen bytes more\n"), "");
    assert_eq!(
        server.answer(header([192, 0, 2, 7], "STRING\nhi\n")),
        "Thank you.\n"
    );
}

/// Cause: it waited for the header as long as stopping may take.
#[test]
fn a_connection_whose_header_has_not_come_does_not_hold_up_the_stop() {
    let mut server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.stop = LONG;
    });
    let waiting = server.connect();
    // Another that was served shows that this one was accepted.
    assert_eq!(server.answer(header([192, 0, 2, 7], "")), "");
    server.stop();
    drop(waiting);
}

/// Cause: the header was read to the end of what had arrived, not to its own end.
#[test]
fn the_header_of_a_proxy_may_arrive_byte_by_byte() {
    let server = serve_tasks(|server| server.proxy_protocol = true);
    let mut stream = server.connect();
    for byte in header([192, 0, 2, 7], "STRING\nhi\n") {
        stream.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(line(&mut stream), "Thank you.\n");
}

#[test]
fn a_header_that_does_not_come_in_time_is_not_waited_for() {
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.handshake = Duration::from_millis(100);
    });
    let mut stream = server.connect();
    stream.write_all(&header([192, 0, 2, 7], "")[..20]).unwrap();
    assert_eq!(rest(&mut stream), "");
}

/// Cause: each connection could have 64 KiB set aside for a header that never came.
#[test]
fn a_header_of_a_proxy_that_is_too_long_is_not_waited_for() {
    let server = serve_tasks(|server| {
        server.proxy_protocol = true;
        server.limits.handshake = LONG;
    });
    let mut header = header([192, 0, 2, 7], "");
    header[14] = 0xff;
    let mut stream = server.connect();
    stream.write_all(&header).unwrap();
    assert_eq!(rest(&mut stream), "");
}

#[test]
fn behind_a_proxy_the_address_of_the_client_has_a_limit() {
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

/// The PROXY protocol's header, version 2, for TCP over IPv4 from this address, and what follows.
fn header(source: [u8; 4], then: &str) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    bytes.extend(source);
    bytes.extend([127, 0, 0, 1, 0x30, 0x39, 0xee, 0x48]);
    bytes.extend(then.as_bytes());
    bytes
}

#[test]
fn behind_the_real_haproxy_requests_are_spread_over_servers() {
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

/// `HAProxy` on a free port, until it is dropped.
struct Front {
    process: Child,
    address: SocketAddr,
}

impl Front {
    fn start(servers: &[SocketAddr]) -> Self {
        // It cannot say which port it was given, so a free one is looked for.
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
