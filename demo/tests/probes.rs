//! Load balancers probe a server every second with connections that send no request. Such probes log
//! no warning, however they end. These tests have a process of their own, because one of them reads the
//! log of the whole process.

use bellwire_std::{Endpoint, Listener, Network, dial};
use bellwire_tests::certificates::{Authority, Folder, HOST};
use bellwire_tests::running::{PATIENCE, until};
use socket2::SockRef;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// A PROXY protocol header with the command LOCAL: the balancer's own connection. It contains an
/// address, which is ignored.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c............";

/// `bellwire serve` and its log.
struct Serve {
    child: Child,
    address: String,
    log: Receiver<String>,
    logged: Vec<String>,
}

impl Serve {
    fn start(more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bellwire"))
            .args(["--verbose", "serve", "--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ");
        let address = address.expect(&line).to_owned();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            address,
            log,
            logged: Vec::new(),
        }
    }

    /// Connects, sends `bytes`, and closes or resets the connection. Waits until the server has logged
    /// the end.
    fn probe(&mut self, bytes: &[u8], reset: bool) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(bytes).unwrap();
        let end = stream.local_addr().unwrap();
        if reset {
            SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
        drop(stream);
        self.wait_for_end(end);
    }

    fn wait_for_end(&mut self, peer: SocketAddr) {
        let peer = format!("{peer}: ");
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("it logs no end");
            let (seen, begun) = (line.contains(&peer), line.ends_with("connected"));
            self.logged.push(line);
            if seen && !begun {
                return;
            }
        }
    }

    /// Stops the server, and returns its warnings.
    fn warnings(mut self) -> Vec<String> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.logged.extend(self.log.iter());
        assert!(self.child.wait().unwrap().success());
        let logged = std::mem::take(&mut self.logged).into_iter();
        let warns = |line: &String| line.contains(" WARN ") || line.contains(" ERROR ");
        logged.filter(warns).collect()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server with each set of arguments, and probes it with each of `bytes`, closed and reset.
fn probe(arguments: &[&[&str]], bytes: &[&[u8]]) {
    for arguments in arguments {
        println!("serve {arguments:?}");
        let mut server = Serve::start(arguments);
        for bytes in bytes {
            for reset in [false, true] {
                server.probe(bytes, reset);
            }
        }
        assert_eq!(server.warnings(), [""; 0]);
    }
}

/// Returns an authority and the files of a server's certificate.
fn files(test: &str) -> (Authority, Folder) {
    let authority = Authority::new();
    let server = authority.sign(&[HOST, "127.0.0.1"]);
    let folder = Folder::new(test, &authority, &[("server", &server)]);
    (authority, folder)
}

#[test]
fn a_probe_logs_no_warning_with_threads_or_tasks() {
    probe(&[&["--threads"], &[], &["--workers", "1"]], &[b""]);
}

#[test]
fn a_probe_with_an_incomplete_proxy_header_logs_no_warning() {
    let bytes = [
        b"",
        &LOCAL[..1],
        &LOCAL[..12],
        &LOCAL[..16],
        &LOCAL[..20],
        LOCAL,
    ];
    probe(&[&["--proxy-protocol"]], &bytes);
}

#[test]
fn a_probe_of_a_tls_port_logs_no_warning() {
    let (_, folder) = files("probes-tls");
    let (pem, ca) = (folder.file("server.pem"), folder.file("ca.pem"));
    let tls = ["--tls-cert", &pem, "--tls-key", &pem];
    let with = |more: &[&'static str]| [&tls[..], more].concat();
    let demanding = [&tls[..], &["--client-ca", &ca]].concat();
    probe(&[&with(&[]), &with(&["--threads"]), &demanding], &[b""]);
    let bytes = [b"", &LOCAL[..1], &LOCAL[..20], LOCAL];
    probe(&[&with(&["--proxy-protocol"])], &bytes);
}

#[test]
fn a_probe_that_ends_after_the_tls_handshake_logs_no_warning() {
    let (authority, folder) = files("probes-greeted");
    let pem = folder.file("server.pem");
    let tls = ["--tls-cert", &pem, "--tls-key", &pem];
    for more in [&[][..], &["--threads"]] {
        let mut server = Serve::start(&[&tls[..], more].concat());
        for reset in [false, true] {
            let conn = dial(&server.address, PATIENCE).unwrap();
            let end = conn.local_addr().unwrap().tcp().unwrap();
            let below = conn.clone();
            let greeted = authority.connector(None).connect(conn, HOST).unwrap();
            if reset {
                SockRef::from(&below)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
            } else {
                // Closes before TLS can send its end.
                below.close();
            }
            drop((greeted, below));
            server.wait_for_end(end);
        }
        assert_eq!(server.warnings(), [""; 0]);
    }
}

#[test]
fn a_truncated_or_reset_request_logs_a_warning() {
    for arguments in [&[][..], &["--threads"]] {
        let mut server = Serve::start(arguments);
        server.probe(b"STRING\nhal", false);
        server.probe(b"STRING\nhal", true);
        assert_eq!(server.warnings().len(), 2);
    }
}

/// The log of this process's servers.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged() -> String {
    String::from_utf8(LOG.lock().unwrap().clone()).unwrap()
}

#[test]
fn a_probe_of_a_unix_socket_logs_no_warning() {
    let log = tracing_subscriber::fmt().with_writer(|| Log);
    log.with_max_level(LevelFilter::DEBUG).init();
    let path = std::env::temp_dir().join(format!("bellwire-probes-{}", std::process::id()));
    let path = path.to_str().unwrap();
    let endpoint = Arc::new(Endpoint::<()>::new());

    let listener = Listener::bind(Network::Unix, path).unwrap();
    let server = bellwire_std::Server::from_listener(listener, Arc::clone(&endpoint));
    let shutdown = server.shutdown_handle();
    let running = thread::spawn(move || server.run());
    probe_unix(path, 1);
    shutdown.stop();
    running.join().unwrap().unwrap();

    let listener = Listener::bind(Network::Unix, path).unwrap();
    let server = bellwire_std::tokio::Server::from_listener(listener, endpoint);
    let shutdown = server.shutdown_handle();
    let running = thread::spawn(move || server.run_on_threads(1));
    probe_unix(path, 2);
    shutdown.stop();
    running.join().unwrap().unwrap();
    assert!(!logged().contains("WARN"), "{}", logged());
}

/// Connects and closes, then waits until the log shows `ends` ends.
fn probe_unix(path: &str, ends: usize) {
    drop(UnixStream::connect(path).unwrap());
    until(|| logged().matches("unix: ended").count() == ends);
}
