//! A thermostat on a serial line, in `auto` mode, as a board would be.

use crate::pty::{End, ends, wait};
use bellwire::link::{Auto, Link};
use bellwire::{Endpoint, ServerConnection};
use embedded_io::{ErrorType, Read, ReadReady, Write};
use rustix::event::PollFlags;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use thermostat::{COMMANDS, HISTORY, LOG, READ, SET, Thermostat};

/// A device that runs until it is dropped.
#[derive(Debug)]
pub struct Device {
    cable: UnixStream,
    uart: UnixStream,
    running: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Device {
    /// Starts a device. `boots` is its session number.
    pub fn start(boots: u32) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        for end in [&near, &far] {
            end.set_nonblocking(true).unwrap();
        }
        let mut device = Self {
            cable: near,
            uart: far,
            running: None,
        };
        device.restart(boots);
        device
    }

    /// Starts the device again. It forgets everything, and the bytes that arrive meanwhile.
    pub fn restart(&mut self, boots: u32) {
        self.stop();
        while matches!(io::Read::read(&mut self.uart, &mut [0; 4096]), Ok(1..)) {}
        let uart = Uart(self.uart.try_clone().unwrap());
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

    /// Returns the device's end of the cable, for [`Port::plug`](crate::pty::Port::plug).
    pub fn cable(&self) -> [Box<dyn End>; 2] {
        ends(&self.cable)
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
struct Uart(UnixStream);

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
        let mut bytes = [0; 1];
        match rustix::net::recv(&self.0, &mut bytes, rustix::net::RecvFlags::PEEK) {
            Ok((n, _)) => Ok(n > 0),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
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
