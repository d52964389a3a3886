//! One interface whose two ends are both here.

use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::tcp::{ConnectError, Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);

/// Bytes of each buffer of a socket, and of each of a conversation over it.
pub(super) const BUFFER: usize = 512;

/// What one end of a conversation needs: the socket's two buffers and its own two.
pub(super) type Memory = [[u8; BUFFER]; 4];

/// The interface, and its time, which the caller tells or has it go by itself.
pub(super) struct Network<D> {
    interface: Interface,
    device: D,
    pub(super) now: Instant,
}

impl<D: Device> Network<D> {
    pub(super) fn new(mut device: D, now: Instant) -> Self {
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, now);
        interface.update_ip_addrs(|addresses| {
            // Of the two that fit, this is the first.
            let _ = addresses.push(IpCidr::new(ADDRESS, 8));
        });
        Self {
            interface,
            device,
            now,
        }
    }

    /// Moves packets.
    pub(super) fn poll(&mut self, sockets: &mut SocketSet<'_>) -> PollResult {
        self.interface.poll(self.now, &mut self.device, sockets)
    }

    /// Moves packets, and the clock: by a little while anything happens, else to when something
    /// will. So a time limit of seconds takes none.
    pub(super) fn poll_and_pass_time(&mut self, sockets: &mut SocketSet<'_>) {
        let soon = self.now + Duration::from_micros(10);
        self.now = match self.poll(sockets) {
            PollResult::SocketStateChanged => soon,
            PollResult::None => {
                let later = self.now + Duration::from_millis(100);
                let due = self.interface.poll_at(self.now, sockets);
                due.map_or(later, |due| due.clamp(soon, later))
            }
        };
    }

    /// Begins to connect `socket`, from a port that no other socket has.
    pub(super) fn connect(
        &mut self,
        socket: &mut Socket<'_>,
        to: u16,
        from: u16,
    ) -> Result<(), ConnectError> {
        socket.connect(self.interface.context(), (ADDRESS, to), from)
    }
}

/// A socket over the first two of `memory`, with smoltcp's own settings, and the other two.
pub(super) fn socket(memory: &mut Memory) -> (Socket<'_>, &mut [u8], &mut [u8]) {
    let [socket_rx, socket_tx, rx, tx] = memory;
    let socket = Socket::new(
        SocketBuffer::new(&mut socket_rx[..]),
        SocketBuffer::new(&mut socket_tx[..]),
    );
    (socket, rx, tx)
}
