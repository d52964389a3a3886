//! Builds and measures the smallest programs that use the core.

use crate::board::{PATIENCE, ROOT, exits_where_not_installed};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

/// The flash and RAM that a program needs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Code, constants and initial values.
    pub flash: usize,
    /// Static memory.
    pub ram: usize,
}

/// Builds all programs with this cargo profile. With the profile `terse`, builds only those whose error
/// lines have no sentences. Returns false if a tool is not installed.
pub fn build(profile: &str) -> bool {
    let status = Command::new(Path::new(ROOT).join(".ci/bare-metal"))
        .args(["thumbv7m-none-eabi", "build", "--quiet", "--locked"])
        .args(["--profile", profile])
        .args(match profile {
            "terse" => &["--package=bellwire-footprint", "--no-default-features"][..],
            _ => &["--workspace"],
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
    let mut child = Command::new("qemu-system-arm")
        .args(["-machine", "lm3s6965evb", "-cpu", "cortex-m3"])
        .args(["-nographic", "-monitor", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(path(profile, program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut output = vec![0; replies.len() + 8];
    let (done, wait) = channel();
    thread::spawn(move || {
        let result = stdout.read_exact(&mut output).map(|()| output);
        let _ = done.send(result);
    });
    let output = wait.recv_timeout(PATIENCE);
    child.kill().unwrap();
    child.wait().unwrap();
    let output = output.expect("replies and figures in time").unwrap();
    let (said, figures) = output.split_at(replies.len());
    assert_eq!(
        said.escape_ascii().to_string(),
        replies.escape_ascii().to_string()
    );
    let figure = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
    (figure(&figures[..4]), figure(&figures[4..]))
}

/// Returns the path of a built program.
pub fn path(profile: &str, program: &str) -> PathBuf {
    Path::new(ROOT)
        .join("target/bare-metal/thumbv7m-none-eabi")
        .join(profile)
        .join(program)
}
