//! Builds and measures the smallest programs that use the core.

use crate::board::{PATIENCE, ROOT, exits_where_not_installed};
use bellwire::link::Link;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The flash and RAM that a program needs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Code, constants and initial values.
    pub flash: usize,
    /// Static memory.
    pub ram: usize,
}

/// Builds the minimal programs with this cargo profile, and with `release` the firmware too. With `terse`, error
/// lines have no sentences. Returns false if a tool is not installed.
pub fn build(profile: &str) -> bool {
    let status = Command::new(Path::new(ROOT).join(".ci/bare-metal"))
        .args(["thumbv7m-none-eabi", "build", "--quiet", "--locked"])
        .args(["--profile", profile])
        .args(match profile {
            "release" => &["--workspace"][..],
            "terse" => &["--package=bellwire-footprint", "--no-default-features"],
            _ => &["--package=bellwire-footprint"],
        })
        .current_dir(Path::new(ROOT).join("demo/firmware"))
        .status()
        .unwrap();
    if !status.success() {
        assert!(
            exits_where_not_installed(status),
            "the programs do not build"
        );
    }
    status.success()
}

/// Returns whether the programs use rustup's core library, which is compiled for speed, instead of one
/// compiled with the programs.
pub fn library_is_rustups() -> bool {
    let mut rustup = Command::new("rustup");
    let installed = rustup.args(["target", "list", "--installed"]).output();
    installed.is_ok_and(|output| {
        let targets = String::from_utf8_lossy(&output.stdout);
        targets.lines().any(|target| target == "thumbv7m-none-eabi")
    })
}

/// Returns the footprint of a built program.
pub fn footprint(profile: &str, program: &str) -> Footprint {
    let output = Command::new("size")
        .arg(path(profile, program))
        .output()
        .expect("the program `size` of binutils");
    let table = String::from_utf8(output.stdout).unwrap();
    let figures = table.lines().nth(1).unwrap().split_whitespace();
    let figures: Vec<usize> = figures.take(3).map(|n| n.parse().unwrap()).collect();
    let [text, data, bss] = figures[..] else {
        panic!("{table}");
    };
    Footprint {
        flash: text + data,
        ram: data + bss,
    }
}

/// Runs a program with `input` on its UART and checks that it sends `replies`. Returns the bytes of stack
/// that it used and the size of the core's state in bytes.
pub fn run(profile: &str, program: &str, input: &[u8], replies: &[u8]) -> (usize, usize) {
    let mut board = boot(profile, program);
    board.stdin.take().unwrap().write_all(input).unwrap();
    let bytes = output(&mut board);
    let mut output = Vec::new();
    while output.len() < replies.len() + FIGURES {
        output.extend(bytes.recv_timeout(PATIENCE).expect("replies in time"));
    }
    board.kill().unwrap();
    board.wait().unwrap();
    let (said, figures) = output.split_at(replies.len());
    assert_eq!(
        said.escape_ascii().to_string(),
        replies.escape_ascii().to_string()
    );
    read_figures(figures)
}

/// Runs a program like [`run`], with a link on the UART.
pub fn run_linked(profile: &str, program: &str, input: &[u8], replies: &[u8]) -> (usize, usize) {
    let mut board = boot(profile, program);
    let mut stdin = board.stdin.take().unwrap();
    let bytes = output(&mut board);
    let begin = Instant::now();
    let now = || u32::try_from(begin.elapsed().as_millis()).unwrap();
    let mut link = Link::connect(vec![0; 512], vec![0; 512], 1, now());
    let (mut unsent, mut said, mut last) = (input, Vec::new(), Vec::new());
    let mut silent = 0;
    // At the end the program sends its figures, and is silent.
    while silent < 10 {
        if let Ok(n) = link.write(unsent) {
            unsent = &unsent[n..];
        }
        let mut space = [0; 512];
        let n = link.transmit(now(), &mut space);
        stdin.write_all(&space[..n]).unwrap();
        match bytes.recv_timeout(Duration::from_millis(20)) {
            Ok(bytes) => {
                link.receive(now(), &bytes);
                last.extend(bytes);
                silent = 0;
            }
            Err(_) if said.len() >= replies.len() => silent += 1,
            Err(_) => assert!(begin.elapsed() < PATIENCE, "no replies in time"),
        }
        while let Ok(n @ 1..) = link.read(&mut space) {
            said.extend(&space[..n]);
        }
    }
    board.kill().unwrap();
    board.wait().unwrap();
    assert_eq!(
        said.escape_ascii().to_string(),
        replies.escape_ascii().to_string()
    );
    read_figures(&last[last.len() - FIGURES..])
}

/// The bytes of a program's figures.
const FIGURES: usize = 8;

/// Boots a program, whose UART is standard input and output.
fn boot(profile: &str, program: &str) -> Child {
    Command::new("qemu-system-arm")
        .args(["-machine", "lm3s6965evb", "-cpu", "cortex-m3"])
        .args(["-nographic", "-monitor", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(path(profile, program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the bytes that a program sends, as they arrive.
fn output(board: &mut Child) -> Receiver<Vec<u8>> {
    let mut stdout = board.stdout.take().unwrap();
    let (send, bytes) = channel();
    thread::spawn(move || {
        let mut part = [0; 512];
        while let Ok(n @ 1..) = stdout.read(&mut part) {
            if send.send(part[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    bytes
}

/// Reads the stack and the state that a program reports.
fn read_figures(bytes: &[u8]) -> (usize, usize) {
    let figure = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    (figure(&bytes[..4]), figure(&bytes[4..FIGURES]))
}

/// Returns the path of a built program.
pub fn path(profile: &str, program: &str) -> PathBuf {
    Path::new(ROOT)
        .join("target/bare-metal/thumbv7m-none-eabi")
        .join(profile)
        .join(program)
}
