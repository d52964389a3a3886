//! A loopback interface, with its clock.

use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::tcp::{ConnectError, Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);

/// Bytes of each buffer, of sockets and of conversations.
pub(super) const BUFFER: usize = 512;

/// The memory of one end of a conversation: two buffers of its socket and two of its own.
pub(super) type Memory = [[u8; BUFFER]; 4];

/// The interface and its clock. The caller sets the clock, or lets
/// [`poll_and_pass_time`](Self::poll_and_pass_time) advance it.
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
            // There is room for two addresses, so the first one fits.
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

    /// Moves packets and advances the clock: by 10 µs while sockets change, or else to the next
    /// timer, at most by 100 ms. So a time limit of seconds takes no real time.
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

    /// Starts to connect `socket` to the port `to`, from the port `from`. No other socket may have the
    /// port `from`.
    pub(super) fn connect(
        &mut self,
        socket: &mut Socket<'_>,
        to: u16,
        from: u16,
    ) -> Result<(), ConnectError> {
        socket.connect(self.interface.context(), (ADDRESS, to), from)
    }
}

/// Returns a socket with smoltcp's default settings over the first two buffers, and the other two
/// buffers.
pub(super) fn socket(memory: &mut Memory) -> (Socket<'_>, &mut [u8], &mut [u8]) {
    let [socket_rx, socket_tx, rx, tx] = memory;
    let socket = Socket::new(
        SocketBuffer::new(&mut socket_rx[..]),
        SocketBuffer::new(&mut socket_tx[..]),
    );
    (socket, rx, tx)
}
