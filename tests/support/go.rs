//! The Go program in `tests/go`, and processes that run it.
//!
//! It needs Go: the program `go`, or the program named by the environment variable `GO`.

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

/// The time limit of a test for an immediate event.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The time limit for a build, in which Go may also build its standard library.
const BUILD_PATIENCE: Duration = Duration::from_mins(5);

/// The Go program, built for this test.
#[derive(Debug)]
pub struct Go(PathBuf);

impl Go {
    /// Builds the program once. Without Go, reports the test as [not tested](not_tested) and returns `None`.
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
        let test = env::current_exe().expect("the path of the test");
        let program = test.with_extension("go-program");
        let mut build = Command::new(&go);
        build.args(["build", "-o"]).arg(&program);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/go"));
        let build = Process::start(build, b"").map_err(|error| {
            format!("cannot run `{go}`: {error}; install Go, or set GO to its program")
        })?;
        build.end_within(BUILD_PATIENCE);
        Ok(Self(program))
    }

    /// Runs the program with `input` as its whole standard input.
    pub fn run(&self, arguments: &[&str], input: &[u8]) -> Process {
        let mut command = Command::new(&self.0);
        command.args(arguments);
        Process::start(command, input).expect("the program that was just built")
    }
}

/// A process that is killed when it is dropped.
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

        let (mut input_end, input) = (input_end.expect("a pipe"), input.to_owned());
        // The exit status tells whether a process ended before it read all of its input.
        thread::spawn(move || input_end.write_all(&input));
        let output = BufReader::new(output_end.expect("a pipe"));
        thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines
                .take_while(|line| sender.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Ok(process)
    }

    /// Waits for the next line that the process prints.
    pub fn line(&self) -> String {
        self.next_line(Instant::now() + PATIENCE)
            .expect("a line before the process exits")
    }

    /// Returns the next line if the process has printed one.
    pub fn poll_line(&self) -> Poll<String> {
        match self.lines.try_recv() {
            Ok(line) => Poll::Ready(line),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => panic!("the process exited early"),
        }
    }

    /// Waits until the process exits with success. Returns the remaining lines.
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
            if let Some(status) = self.child.try_wait().expect("a child process") {
                break status;
            }
            assert!(Instant::now() < deadline, "the process did not exit");
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
            Err(RecvTimeoutError::Timeout) => panic!("the process printed no line in time"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
