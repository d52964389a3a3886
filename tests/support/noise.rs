//! A serial line that damages bytes, as a process of its own.

use crate::process::of_test;
use crate::pty::{Pty, wait};
use fastrand::Rng;
use rustix::event::PollFlags;
use std::env;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

/// The line's output for each damaged byte.
pub(crate) const DAMAGED: &str = "damaged";

/// The variable that holds the path of the port in the process of a line.
const PORT: &str = "BELLWIRE_LINE_PORT";
/// The variable that holds the noise: how many bytes have one damaged, and how many kinds of damage there are.
const NOISE: &str = "BELLWIRE_LINE_NOISE";

/// The damage that a line does. It is the same in each process.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// One byte in about this many is damaged; 0 for none.
    one_in: u32,
    /// The first of flips, losses, doublings and insertions.
    kinds: u8,
}

impl Noise {
    /// No damage.
    pub const NONE: Self = Self::flips(0);

    /// One flipped bit in about this many bytes.
    pub const fn flips(one_in: u32) -> Self {
        Self { one_in, kinds: 1 }
    }

    /// One flipped bit, lost byte, duplicated byte or inserted byte in about this many bytes.
    pub const fn all(one_in: u32) -> Self {
        Self { one_in, kinds: 4 }
    }

    /// Appends the bytes that arrive in place of `byte`.
    fn carry(self, random: &mut Rng, byte: u8, arrived: &mut Vec<u8>) {
        if self.one_in == 0 || random.u32(..self.one_in) > 0 {
            return arrived.push(byte);
        }
        println!("{DAMAGED}");
        match random.u8(..self.kinds) {
            0 => arrived.push(byte ^ 1 << random.u8(..8)),
            1 => {}
            2 => arrived.extend([byte, byte]),
            _ => arrived.extend([byte, random.u8(..)]),
        }
    }
}

/// Starts the process of a line between `device` and a port at `port`.
pub(crate) fn process(noise: Noise, port: &Path, device: OwnedFd, output: File) -> Child {
    of_test("serial::line")
        .env(PORT, port)
        .env(NOISE, format!("{} {}", noise.one_in, noise.kinds))
        .stdin(device)
        .stdout(output)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Carries bytes between the device, which is standard input, and a new port, until the device is gone. Returns at once
/// in a process that no [`Port`](crate::pty::Port) has started.
pub fn line() {
    let (Ok(path), Ok(noise)) = (env::var(PORT), env::var(NOISE)) else {
        return;
    };
    let (one_in, kinds) = noise.split_once(' ').unwrap();
    let noise = Noise {
        one_in: one_in.parse().unwrap(),
        kinds: kinds.parse().unwrap(),
    };
    let pty = Pty::open();
    // Reading and writing a socket works as for a file.
    let device = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let (from_host, to_device) = (pty.cable.try_clone().unwrap(), device.try_clone().unwrap());
    thread::spawn(move || carry(from_host, to_device, noise, Rng::with_seed(1)));
    symlink(&pty.path, &path).unwrap();
    carry(device, pty.cable, noise, Rng::with_seed(2));
}

/// Carries bytes in one direction until an end is gone.
fn carry(mut from: File, mut to: File, noise: Noise, mut random: Rng) {
    let (mut bytes, mut arrived) = ([0; 256], Vec::new());
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(n) => {
                for byte in &bytes[..n] {
                    noise.carry(&mut random, *byte, &mut arrived);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&from, PollFlags::IN),
            Err(_) => return,
        }
        while !arrived.is_empty() {
            match to.write(&arrived) {
                Ok(n) => drop(arrived.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&to, PollFlags::OUT),
                Err(_) => return,
            }
        }
    }
}
