//! The firmware on an emulated board (QEMU), one board for each test.

use crate::not_tested;
use bellwire::blocking::Client;
use bellwire_std::dial;
use commands::{GOB, POSTCARD, STRING, TEXT};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The root of the repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The time limit for building and booting the firmware.
pub const BOOT: Duration = Duration::from_mins(10);
/// The time limit for an immediate reaction of the board on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The exit code of `qemu.sh` if QEMU or the compiler's target is not installed.
const NOT_INSTALLED: i32 = 2;

/// A board that runs until it is dropped.
#[derive(Debug)]
pub struct Board {
    /// The host's address of the board's port 61000.
    pub address: SocketAddr,
    /// The host's address of the board's UART0.
    pub uart: SocketAddr,
    child: Child,
    console: Receiver<String>,
}

impl Board {
    /// Boots the server. Returns `None` if QEMU or the target is not installed; the test then ends. In
    /// continuous integration that is a failure.
    pub fn server() -> Option<Self> {
        Self::serving(&[])
    }

    /// Boots the thermostat. Returns `None` like [`Board::server`].
    pub fn thermostat() -> Option<Self> {
        Self::serving(&["--thermostat"])
    }

    /// Boots the echo program, which sends back every byte. Returns `None` like [`Board::server`].
    pub fn echo() -> Option<Self> {
        Self::serving(&["--echo"])
    }

    /// Boots the client, which dials `port` of this machine. Call [`Board::server`] first to check the tools.
    pub fn client(port: u16) -> Self {
        Self::boot(&["--client", &port.to_string()], free(), free())
    }

    /// Boots a program that panics at once.
    pub fn panic() -> Self {
        Self::boot(&["--panic"], free(), free())
    }

    fn serving(program: &[&str]) -> Option<Self> {
        let (address, uart) = (free(), free());
        let (port, uart_port) = (address.port().to_string(), uart.port().to_string());
        let arguments = [program, &[&port, &uart_port]].concat();
        let mut board = Self::boot(&arguments, address, uart);
        if board.says("up", BOOT) {
            // UART0 accepts text after 100 ms without input.
            thread::sleep(Duration::from_millis(300));
            return Some(board);
        }
        let exited = board.child.wait().unwrap();
        assert!(exits_where_not_installed(exited), "the board did not boot");
        None
    }

    fn boot(arguments: &[&str], address: SocketAddr, uart: SocketAddr) -> Self {
        let script = Path::new(ROOT).join("demo/firmware/qemu.sh");
        let mut child = Command::new(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, console) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        Self {
            address,
            uart,
            child,
            console,
        }
    }

    /// Waits up to `patience` for a console line that contains `text`. Returns false if the board exits first.
    pub fn says(&mut self, text: &str, patience: Duration) -> bool {
        self.line_with(text, patience).is_some()
    }

    /// Waits up to `patience` for a console line that contains `text`. Returns `None` if the board exits first.
    /// Panics on a timeout and on a line that begins with `panicked`.
    pub fn line_with(&mut self, text: &str, patience: Duration) -> Option<String> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.console.recv_timeout(left) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(line) => assert!(!line.starts_with("panicked"), "{line}"),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("the board did not print {text:?}"),
            }
        }
    }

    /// Returns the board's peak stack use in bytes.
    pub fn stack(&mut self) -> usize {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let line = self.line_with("stack: ", PATIENCE).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Waits for the board to exit and returns its status.
    pub fn exit(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the board did not exit");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Connects to the board's port 61000.
    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Connects to the board's UART0.
    pub fn serial(&self) -> TcpStream {
        connect(self.uart)
    }

    /// Sends `bytes`, closes the sending side, and returns the whole reply.
    pub fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // The board may close before it has read every byte.
        let _ = stream.write_all(bytes.as_ref());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        crate::running::rest(&mut stream)
    }

    /// Makes the calls of the demo's client and checks the replies.
    pub fn hears_the_demos_client(&self) {
        let conn = dial(self.address, PATIENCE).unwrap();
        let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
        let mut client = Client::new(conn, &mut rx, &mut tx);
        let deadline = Some(Instant::now() + PATIENCE);
        client.stream().set_deadline(deadline);
        assert_eq!(client.call(STRING, TEXT).unwrap(), "Thank you.");
        let value = commands::value();
        assert_eq!(client.call(POSTCARD, &value).unwrap(), "Received.");
        client.send(GOB, &value).unwrap();
        // GOB has no reply, but a rejected GOB would close the connection before the next reply.
        assert_eq!(client.call(STRING, TEXT).unwrap(), "Thank you.");
    }

    /// Returns whether the board serves a request, once a socket is free.
    pub fn is_well(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.answer("STRING\nstill there?\n") == "Thank you.\n" {
                return true;
            }
        }
        false
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns whether a script exited because a tool is not installed. If so, reports the test as
/// [not tested](not_tested), which fails in continuous integration.
pub fn exits_where_not_installed(status: ExitStatus) -> bool {
    if status.code() != Some(NOT_INSTALLED) {
        return false;
    }
    let test = thread::current().name().unwrap_or("a test").to_owned();
    not_tested(&test, "the board's tools are not installed");
    true
}

/// Returns the bytes that arrive until the stream pauses for 1 s.
pub fn soon(stream: &mut TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut bytes = Vec::new();
    let mut some = [0; 256];
    while let Ok(count @ 1..) = stream.read(&mut some) {
        bytes.extend(&some[..count]);
    }
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Returns an unused address.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
