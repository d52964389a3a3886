//! A thermostat on a serial line, in `auto` mode, as a board would be.

use crate::pty::{Pty, wait};
use bellwire::link::{Auto, Link};
use bellwire::{Endpoint, ServerConnection};
use embedded_io::{ErrorType, Read, ReadReady, Write};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use thermostat::{COMMANDS, HISTORY, LOG, READ, SET, Thermostat};

/// A device that runs until it is dropped.
#[derive(Debug)]
pub struct Device {
    /// The device has the port's end, and the line has the cable.
    pty: Pty,
    running: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Device {
    /// Starts a device. `boots` is its session number.
    pub fn start(boots: u32) -> Self {
        let mut device = Self {
            pty: Pty::open(),
            running: None,
        };
        device.restart(boots);
        device
    }

    /// Starts the device again. It forgets everything, and the bytes that arrive meanwhile.
    pub fn restart(&mut self, boots: u32) {
        self.stop();
        while matches!(io::Read::read(&mut self.pty.port, &mut [0; 4096]), Ok(1..)) {}
        let uart = Uart(self.pty.port.try_clone().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || serve(uart, boots, &stopped));
        self.running = Some((stop, thread));
    }

    /// Stops the device. The line stays.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().unwrap();
        }
    }

    /// Prints a text, as a board does when it starts.
    pub fn say(&mut self, bytes: &[u8]) {
        io::Write::write_all(&mut self.pty.port, bytes).unwrap();
    }

    /// Returns the cable, for [`Port::plug`](crate::pty::Port::plug).
    pub fn cable(&self) -> OwnedFd {
        self.pty.cable.try_clone().unwrap().into()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(mut uart: Uart, boots: u32, stop: &AtomicBool) {
    let mut endpoint = Endpoint::<Thermostat, 4>::new();
    endpoint.handle(READ, &thermostat::read).unwrap();
    endpoint.handle(SET, &thermostat::set).unwrap();
    endpoint.handle(LOG, &thermostat::log).unwrap();
    endpoint.handle(HISTORY, &thermostat::history).unwrap();
    let mut room = Thermostat::new();
    let mut service = endpoint.with_help(&mut room, COMMANDS);

    let start = Instant::now();
    let millis = || u32::try_from(start.elapsed().as_millis()).unwrap();
    let link = Link::listen(vec![0; 512], vec![0; 512], boots);
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut server = Auto::new(ServerConnection::new(&mut rx, &mut tx), link, millis());
    while !stop.load(Ordering::Relaxed) {
        if let Ok(false) = server.poll(&mut uart, &mut service, millis())
            && let Ok(false) = uart.read_ready()
        {
            wait(&uart.0, PollFlags::IN);
        }
    }
}

/// The device's end of the line.
struct Uart(File);

impl ErrorType for Uart {
    type Error = io::Error;
}

impl Read for Uart {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut self.0, space)
    }
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> io::Result<bool> {
        let mut port = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut port, Some(&Timespec::default()))?;
        Ok(port[0].revents().contains(PollFlags::IN))
    }
}

impl Write for Uart {
    /// A UART loses the bytes that it has no room for.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::Write::write(&mut self.0, bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
