//! The Go program in `tests/go`: what it prints, and that it comes to an end.
//!
//! It needs Go: the program `go`, or the one that the environment variable `GO` names.

use crate::not_tested;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what should come at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The same, for Go to build its standard library.
const BUILD_PATIENCE: Duration = Duration::from_mins(5);

/// The Go program, built for this test.
#[derive(Debug)]
pub struct Go(PathBuf);

impl Go {
    /// Builds the program, once. Where there is no Go, it says that this is [not tested](not_tested).
    pub fn find() -> Option<&'static Self> {
        static GO: OnceLock<Result<Go, String>> = OnceLock::new();
        match GO.get_or_init(Self::build) {
            Ok(go) => Some(go),
            Err(why) => {
                not_tested("against Go", why);
                None
            }
        }
    }

    fn build() -> Result<Self, String> {
        let go = env::var("GO").unwrap_or_else(|_| "go".into());
        let test = env::current_exe().expect("a test knows itself");
        let program = test.with_extension("go-program");
        let mut build = Command::new(&go);
        build.args(["build", "-o"]).arg(&program);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/go"));
        let build = Process::start(build, b"").map_err(|error| {
            format!("`{go}` does not run: {error}; install Go, or set GO to its program")
        })?;
        build.end_within(BUILD_PATIENCE);
        Ok(Self(program))
    }

    /// Runs the program. It reads `input` and then the end.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Process {
        let mut command = Command::new(&self.0);
        command.args(arguments);
        Process::start(command, input).expect("it was just built")
    }
}

/// A process that does not outlive its test.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(mut command: Command, input: &[u8]) -> io::Result<Self> {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.spawn()?;
        let (input_end, output_end) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = channel();
        let process = Self { child, lines };

        let (mut input_end, input) = (input_end.expect("it is piped"), input.to_owned());
        // A process that ends before it has read everything shows so by its status.
        thread::spawn(move || input_end.write_all(&input));
        let output = BufReader::new(output_end.expect("it is piped"));
        thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines
                .take_while(|line| sender.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Ok(process)
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.next_line(Instant::now() + PATIENCE)
            .expect("the process has ended")
    }

    /// The next line that it prints, if it has.
    pub fn poll_line(&self) -> Poll<String> {
        match self.lines.try_recv() {
            Ok(line) => Poll::Ready(line),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => panic!("the process has ended"),
        }
    }

    /// Waits until it has ended well; the lines that it still printed.
    pub fn end(self) -> Vec<String> {
        self.end_within(PATIENCE)
    }

    fn end_within(mut self, patience: Duration) -> Vec<String> {
        let deadline = Instant::now() + patience;
        let mut lines = Vec::new();
        while let Some(line) = self.next_line(deadline) {
            lines.push(line);
        }
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            thread::sleep(Duration::from_millis(1));
        };
        assert!(status.success(), "the process failed: {status}");
        lines
    }

    fn next_line(&self, deadline: Instant) -> Option<String> {
        let patience = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(patience) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the process prints nothing"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
