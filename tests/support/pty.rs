//! Serial ports without hardware: pseudo-terminals, and a wire between them that damages bytes.

use fastrand::Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::{File, remove_file};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a thread waits before it looks whether to stop.
const TICK: Duration = Duration::from_millis(10);

/// A stream that a wire connects. Reads and writes do not wait.
pub trait End: Read + Write + AsFd + Send {}

impl<S: Read + Write + AsFd + Send> End for S {}

/// Returns two handles to an end that does not wait, one for each direction.
pub fn ends(end: &impl AsFd) -> [Box<dyn End>; 2] {
    let end = end.as_fd();
    // Reading and writing a socket works as for a file.
    let handle = |_| -> Box<dyn End> { Box::new(File::from(end.try_clone_to_owned().unwrap())) };
    [0; 2].map(handle)
}

/// A pseudo-terminal: a port, and the end that stands for the cable.
#[derive(Debug)]
struct Pty {
    /// The port that a program opens.
    path: PathBuf,
    cable: File,
    /// Keeps the terminal alive while no program has opened it.
    _port: OwnedFd,
}

impl Pty {
    /// Opens a pseudo-terminal that changes no byte.
    fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let cable = openpt(flags).unwrap();
        grantpt(&cable).unwrap();
        unlockpt(&cable).unwrap();
        let path = ptsname(&cable, Vec::new()).unwrap().into_string().unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let port = open(&path, flags, Mode::empty()).unwrap();
        let mut settings = tcgetattr(&port).unwrap();
        settings.make_raw();
        tcsetattr(&port, OptionalActions::Now, &settings).unwrap();
        rustix::fs::fcntl_setfl(&cable, OFlags::NONBLOCK).unwrap();
        Self {
            path: path.into(),
            cable: cable.into(),
            _port: port,
        }
    }
}

/// A port with a fixed path, as udev makes one for an adapter.
#[derive(Debug)]
pub struct Port {
    link: PathBuf,
    plugged: Option<Wire>,
}

/// Two ends, and the threads that carry bytes between them.
#[derive(Debug)]
struct Wire {
    pty: Pty,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What a wire does to bytes.
#[derive(Debug, Clone)]
pub struct Noise {
    /// One byte in this many is damaged; 0 for none.
    one_in: u32,
    /// The bytes that were damaged.
    damaged: Arc<AtomicU64>,
}

impl Noise {
    /// One flipped bit in about this many bytes; 0 for none.
    pub fn one_in(bytes: u32) -> Self {
        Self {
            one_in: bytes,
            damaged: Arc::default(),
        }
    }

    /// Returns the number of damaged bytes.
    pub fn count(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    fn damage(&self, random: &mut Rng, bytes: &mut [u8]) {
        for byte in bytes {
            if self.one_in > 0 && random.u32(..self.one_in) == 0 {
                *byte ^= 1 << random.u8(..8);
                self.damaged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Port {
    /// Creates a port that is not plugged in. `name` is unique in this process.
    pub fn new(name: &str) -> Self {
        let file = format!("bellwire-{}-{name}", std::process::id());
        Self {
            link: std::env::temp_dir().join(file),
            plugged: None,
        }
    }

    /// Returns the path for `serial:PATH`.
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Connects the port with a device. `device` is a second handle to the device's end for each direction.
    pub fn plug(&mut self, device: [Box<dyn End>; 2], noise: &Noise) {
        self.pull();
        let pty = Pty::open();
        let _ = remove_file(&self.link);
        symlink(&pty.path, &self.link).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let [to_device, from_device] = device;
        let [from_host, to_host] = ends(&pty.cable);
        let carry = |seed, from, to| {
            let (stop, noise) = (Arc::clone(&stop), noise.clone());
            thread::spawn(move || carry(from, to, &noise, Rng::with_seed(seed), &stop))
        };
        let threads = vec![
            carry(1, from_host, to_device),
            carry(2, from_device, to_host),
        ];
        self.plugged = Some(Wire { pty, stop, threads });
    }

    /// Sends bytes to the program, as a board does that prints a banner.
    pub fn say(&mut self, bytes: &[u8]) {
        let wire = self.plugged.as_mut().expect("a port that is plugged in");
        wire.pty.cable.write_all(bytes).unwrap();
    }

    /// Pulls the plug.
    pub fn pull(&mut self) {
        if let Some(wire) = self.plugged.take() {
            wire.stop.store(true, Ordering::Relaxed);
            for thread in wire.threads {
                thread.join().unwrap();
            }
            remove_file(&self.link).unwrap();
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.pull();
    }
}

/// Carries bytes in one direction until it is stopped.
fn carry(
    mut from: Box<dyn End>,
    mut to: Box<dyn End>,
    noise: &Noise,
    mut random: Rng,
    stop: &AtomicBool,
) {
    let mut bytes = [0; 256];
    while !stop.load(Ordering::Relaxed) {
        let n = match from.read(&mut bytes) {
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait(&from, PollFlags::IN);
                continue;
            }
            Err(_) => 0,
        };
        if n == 0 {
            // The device is gone, which the line does not tell.
            thread::sleep(TICK);
        }
        noise.damage(&mut random, &mut bytes[..n]);
        let mut left = &bytes[..n];
        while !left.is_empty() && !stop.load(Ordering::Relaxed) {
            match to.write(left) {
                Ok(n) => left = &left[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&to, PollFlags::OUT),
                Err(_) => break,
            }
        }
    }
}

/// Waits until `end` is ready, for at most a tick.
pub(crate) fn wait(end: &impl AsFd, events: PollFlags) {
    let tick = Timespec::try_from(TICK).unwrap();
    let _ = poll(&mut [PollFd::new(end, events)], Some(&tick));
}
