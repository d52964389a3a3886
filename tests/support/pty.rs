//! Serial ports without hardware: pseudo-terminals.

use crate::noise::{self, Noise};
use crate::running::until;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::{File, read_to_string, remove_file};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Child;

/// A pseudo-terminal: a port, and the end that stands for the cable. Neither end waits.
#[derive(Debug)]
pub(crate) struct Pty {
    /// The port that a program opens.
    pub(crate) path: PathBuf,
    pub(crate) cable: File,
    /// A handle to the port. It keeps the terminal alive while no program has opened it.
    pub(crate) port: File,
}

impl Pty {
    /// Opens a pseudo-terminal that changes no byte.
    pub(crate) fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let cable = openpt(flags).unwrap();
        grantpt(&cable).unwrap();
        unlockpt(&cable).unwrap();
        let path = ptsname(&cable, Vec::new()).unwrap().into_string().unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let port = open(&path, flags, Mode::empty()).unwrap();
        let mut settings = tcgetattr(&port).unwrap();
        settings.make_raw();
        tcsetattr(&port, OptionalActions::Now, &settings).unwrap();
        fcntl_setfl(&cable, OFlags::NONBLOCK).unwrap();
        Self {
            path: path.into(),
            cable: cable.into(),
            port: port.into(),
        }
    }
}

/// A port with a fixed path, as udev makes one for an adapter.
///
/// The line to the device is a process, which runs the ignored test `serial::line` of the same test program. That test
/// calls [`noise::line`].
#[derive(Debug)]
pub struct Port {
    link: PathBuf,
    /// The output of the lines.
    log: PathBuf,
    line: Option<Child>,
}

impl Port {
    /// Creates a port that is not plugged in. `name` is unique in this process.
    pub fn new(name: &str) -> Self {
        let file = format!("bellwire-{}-{name}", std::process::id());
        let link = std::env::temp_dir().join(file);
        let log = link.with_extension("log");
        File::create(&log).unwrap();
        Self {
            link,
            log,
            line: None,
        }
    }

    /// Returns the path for `serial:PATH`.
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Connects the port with a device. `device` is a handle to the device's end, which does not wait.
    pub fn plug(&mut self, device: OwnedFd, noise: Noise) {
        self.pull();
        let log = File::options().append(true).open(&self.log).unwrap();
        let mut line = noise::process(noise, &self.link, device, log);
        until(|| self.link.exists() || line.try_wait().unwrap().is_some());
        self.line = Some(line);
    }

    /// Pulls the plug.
    pub fn pull(&mut self) {
        if let Some(mut line) = self.line.take() {
            line.kill().unwrap();
            line.wait().unwrap();
            let _ = remove_file(&self.link);
        }
    }

    /// Returns the number of damaged bytes.
    pub fn damaged(&self) -> usize {
        let log = read_to_string(&self.log).unwrap();
        log.lines().filter(|line| *line == noise::DAMAGED).count()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.pull();
        let _ = remove_file(&self.log);
    }
}

/// Waits until `end` is ready, for at most a tick.
pub(crate) fn wait(end: &impl AsFd, events: PollFlags) {
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    let _ = poll(&mut [PollFd::new(end, events)], Some(&tick));
}
