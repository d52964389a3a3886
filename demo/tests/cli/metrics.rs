//! `bellwire serve --metrics`, with correct scrapers and with misbehaving peers.

use crate::process::{PATIENCE, Server, bellwire, run};
#[cfg(target_os = "linux")]
use bellwire_tests::running::until;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

/// Returns an address of this machine that nobody listens on.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn serve() -> (Server, SocketAddr) {
    let metrics = free();
    let shown = metrics.to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics", &shown];
    (Server::spawn(&mut bellwire(&arguments)), metrics)
}

/// Returns the response to an HTTP request.
fn get(metrics: SocketAddr, request: &str) -> io::Result<String> {
    let mut page = TcpStream::connect(metrics)?;
    page.set_read_timeout(Some(PATIENCE))?;
    page.write_all(request.as_bytes())?;
    let mut shown = String::new();
    page.read_to_string(&mut shown)?;
    Ok(shown)
}

fn scrape(metrics: SocketAddr) -> String {
    get(metrics, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap()
}

/// Returns how many connections to this address the process has open.
#[cfg(target_os = "linux")]
fn open_connections(process: u32, metrics: SocketAddr) -> usize {
    let port = format!(":{:04X} ", metrics.port());
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    let inodes: Vec<_> = table
        .lines()
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())
        // Skips the listener and the connections' other ends.
        .filter(|fields| format!("{} ", fields[1]).ends_with(&port) && fields[3] != "0A")
        .map(|fields| format!("socket:[{}]", fields[9]))
        .collect();
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .filter(|file| inodes.iter().any(|inode| file.as_os_str() == &inode[..]))
        .count()
}

#[test]
fn metrics_are_served_in_prometheus_text_format() {
    let metrics = free();
    let server = Server::spawn(&mut bellwire(&[
        "serve",
        "--listen",
        ":0",
        "--metrics",
        &format!(":{}", metrics.port()),
    ]));
    run(&[
        "connect",
        &format!("localhost:{}", server.port()),
        "--format",
        "postcard",
    ]);
    let mut unknown = TcpStream::connect(("127.0.0.1", server.port().parse().unwrap())).unwrap();
    // Requests that arrive together are counted separately, under their own names.
    unknown
        .write_all(b"STRING\na\nSTRING\nb\nPOSTCARD\n\x00STRING\nc\nNOPE\n")
        .unwrap();
    unknown.read_to_string(&mut String::new()).unwrap();

    let shown = scrape(metrics);
    for line in [
        "bellwire_connections_total 2",
        r#"bellwire_requests_total{command="STRING"} 4"#,
        r#"bellwire_requests_total{command="POSTCARD"} 2"#,
        r#"bellwire_errors_total{code="malformed"} 1"#,
        r#"bellwire_errors_total{code="unknown-command"} 1"#,
        "bellwire_answer_seconds_count 3",
        "bellwire_sent_bytes_total 148",
        "# HELP bellwire_sent_bytes_total Bytes sent.",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
}

#[test]
fn published_delivered_and_lost_values_are_counted_by_topic() {
    let (server, metrics) = serve();
    let mut client = TcpStream::connect(&server.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"SUBSCRIBE\nTICK\n").unwrap();
    let mut pushes = [0; "OK\n>TICK\n\x01\x01>TICK\n\x01\x02".len()];
    client.read_exact(&mut pushes).unwrap();
    assert!(pushes.starts_with(b"OK\n>TICK\n\x01"));
    let shown = scrape(metrics);
    let value = |counter: &str| {
        let begin = format!("bellwire_{counter}_total{{topic=\"TICK\"}} ");
        let line = shown.lines().find_map(|line| line.strip_prefix(&begin));
        line.expect(&shown).parse::<u64>().unwrap()
    };
    let [published, delivered, lost] = ["published", "delivered", "lost"].map(value);
    assert_eq!((delivered, lost), (published, 0));
    assert!(delivered >= 2, "{delivered}");
}

/// Cause: the threads' server took neither option, although the library's does.
#[test]
fn threads_serve_metrics_and_read_proxy_headers() {
    let metrics = free();
    let shown = metrics.to_string();
    let options = ["--threads", "--proxy-protocol", "--metrics", &shown];
    let server = Server::spawn(&mut bellwire(
        &[&["serve", "--listen", "127.0.0.1:0"], &options[..]].concat(),
    ));
    let reply_to = |request: &[u8]| {
        let mut client = TcpStream::connect(&server.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(request).unwrap();
        let _ = client.shutdown(Shutdown::Write);
        let mut reply = Vec::new();
        // A connection without a header may be reset.
        let _ = client.read_to_end(&mut reply);
        reply
    };
    // The header of version 2 for a connection that the load balancer opened for itself.
    let header = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    assert!(!reply_to(&[header, &b"STRING\na\n"[..]].concat()).is_empty());
    assert_eq!(reply_to(b"STRING\na\n"), b"");
    let shown = scrape(metrics);
    let line = r#"bellwire_requests_total{command="STRING"} 1"#;
    assert!(shown.contains(line), "{line} is not in:\n{shown}");
}

#[test]
fn other_requests_get_an_http_error() {
    let (_server, metrics) = serve();
    let long = format!(
        "GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n",
        "b".repeat(100_000)
    );
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404 "),
        (
            "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405 ",
        ),
        ("STRING\nHello\n\n", "400 "),
        (&long, "431 "),
    ] {
        let shown = get(metrics, request).unwrap();
        assert!(shown.starts_with(&format!("HTTP/1.1 {status}")), "{shown}");
    }
}

/// Cause: 400 silent connections were kept forever, each with a file descriptor.
#[test]
#[cfg(target_os = "linux")]
fn silent_connections_neither_accumulate_nor_block_a_scraper() {
    let (server, metrics) = serve();
    let mut silent: Vec<_> = (0..400)
        .map(|_| TcpStream::connect(metrics).unwrap())
        .collect();
    assert!(scrape(metrics).starts_with("HTTP/1.1 200 OK"));
    let open = open_connections(server.id(), metrics);
    assert!((1..=16).contains(&open), "{open} connections are open");
    // The first connection was replaced by a later one. The last one is closed by its time limit.
    for place in [0, 399] {
        let stream = &mut silent[place];
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let end = stream.read(&mut [0]);
        let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
        assert!(
            matches!(&end, Ok(0)) || end.as_ref().is_err_and(reset),
            "{end:?}"
        );
    }
}

/// Cause: the accept loop span, and logged a line each time.
#[test]
#[cfg(target_os = "linux")]
fn without_file_descriptors_the_accept_loop_waits() {
    let metrics = free();
    let script = r#"ulimit -n 40; exec "$0" serve --workers 1 --listen 127.0.0.1:0 --metrics "$1""#;
    let binary = env!("CARGO_BIN_EXE_bellwire");
    let mut command = Command::new("sh");
    command.args(["-c", script, binary, &metrics.to_string()]);
    let server = Server::spawn(&mut command);
    let connections: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(&server.address).unwrap())
        .collect();
    until(|| open_files(server.id()) >= 40);
    let mut kept_out = TcpStream::connect(metrics).unwrap();
    kept_out
        .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
        .unwrap();
    let ticks = cpu_ticks(server.id());
    std::thread::sleep(std::time::Duration::from_secs(2));
    // A spinning loop would use 200 on one processor.
    let used = cpu_ticks(server.id()) - ticks;
    assert!(used < 50, "{used} hundredths of a second");
    drop(connections);
    let mut shown = String::new();
    kept_out.set_read_timeout(Some(PATIENCE)).unwrap();
    kept_out.read_to_string(&mut shown).unwrap();
    assert!(shown.starts_with("HTTP/1.1 200 OK"), "{shown}");
    let (_, log) = server.stop("TERM");
    let lines = log.matches("cannot accept connections for metrics").count();
    assert_eq!(lines, 1, "{log}");
    assert!(log.len() < 10_000, "{log}");
}

#[cfg(target_os = "linux")]
fn open_files(process: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    files.count()
}

/// Returns the CPU time that the process has used, in hundredths of a second.
#[cfg(target_os = "linux")]
fn cpu_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_public_metrics_address_logs_a_warning() {
    let port = free().port();
    for (host, warned) in [("", 1), ("127.0.0.1", 0), ("[::1]", 0)] {
        let metrics = format!("{host}:{port}");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics", &metrics];
        let server = Server::spawn(&mut bellwire(&arguments));
        let (_, log) = server.stop("TERM");
        let warnings = log.matches("may read the metrics").count();
        assert_eq!(warnings, warned, "{metrics}: {log}");
    }
}

#[test]
fn a_taken_metrics_address_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--metrics", &metrics]);
    let error = String::from_utf8(output.stderr).unwrap();
    let start = format!("bellwire: cannot show metrics: {metrics}: Address already in use");
    assert!(error.starts_with(&start), "{error}");
    assert!(
        output.stdout.is_empty(),
        "the server announced itself first"
    );
}
