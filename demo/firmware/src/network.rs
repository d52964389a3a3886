//! The board's network interface.

use crate::ethernet::{ADDRESS, Ethernet};
use heapless::Vec;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{ConnectError, Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Address};

/// The board's address in QEMU's user network.
const BOARD: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
/// The address of the machine that runs QEMU, seen from the board.
pub const HOST: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// The memory of one connection.
#[derive(Debug)]
pub struct Memory {
    /// The socket's receive buffer.
    pub arriving: [u8; 768],
    /// The socket's transmit buffer. It keeps bytes until the peer acknowledges them.
    pub leaving: [u8; 512],
    /// The request or reply being received; the largest `ComplexData` has 718 bytes.
    pub rx: [u8; 768],
    /// The replies, or the request, to send.
    pub tx: [u8; 512],
}

impl Memory {
    /// Unused memory.
    pub const NEW: Self = Self {
        arriving: [0; 768],
        leaving: [0; 512],
        rx: [0; 768],
        tx: [0; 512],
    };
}

/// The memory of the network, without that of its connections.
#[derive(Debug)]
pub struct Room<const SOCKETS: usize> {
    ethernet: Ethernet,
    // An empty `Vec` needs no initial value in flash; an array of sockets does.
    sockets: Vec<SocketStorage<'static>, SOCKETS>,
}

impl<const SOCKETS: usize> Room<SOCKETS> {
    /// Unused memory.
    pub const NEW: Self = Self {
        ethernet: Ethernet::new(),
        sockets: Vec::new(),
    };
}

/// The board's interface with its sockets.
#[allow(missing_debug_implementations)] // smoltcp's interface does not implement Debug
pub struct Network {
    ethernet: &'static mut Ethernet,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Network {
    /// Starts the Ethernet controller and the interface, with the board's address.
    pub fn start<const SOCKETS: usize>(room: &'static mut Room<SOCKETS>, now: Instant) -> Self {
        let Room { ethernet, sockets } = room;
        ethernet.start();
        let config = Config::new(EthernetAddress(ADDRESS).into());
        let mut interface = Interface::new(config, ethernet, now);
        interface.update_ip_addrs(|addresses| {
            // There is room for one address.
            let _ = addresses.push(IpCidr::new(BOARD.into(), 24));
        });
        while sockets.push(SocketStorage::default()).is_ok() {}
        Self {
            ethernet,
            interface,
            sockets: SocketSet::new(&mut sockets[..]),
        }
    }

    /// Adds a socket over its two buffers.
    ///
    /// # Panics
    /// If the [`Room`] has no space for another socket.
    pub fn add(&mut self, arriving: &'static mut [u8], leaving: &'static mut [u8]) -> SocketHandle {
        let (arriving, leaving) = (SocketBuffer::new(arriving), SocketBuffer::new(leaving));
        self.sockets.add(Socket::new(arriving, leaving))
    }

    /// Returns a socket.
    pub fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Starts to connect a socket to `peer`, from the board's `port`.
    pub fn connect(
        &mut self,
        handle: SocketHandle,
        peer: (Ipv4Address, u16),
        port: u16,
    ) -> Result<(), ConnectError> {
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        socket.connect(self.interface.context(), peer, port)
    }

    /// Delivers received frames to the sockets, and sends the sockets' data.
    #[inline(never)] // if inlined, its stack frame stays in use while the sockets are served
    pub fn poll(&mut self, now: Instant) {
        self.interface.poll(now, self.ethernet, &mut self.sockets);
    }

    /// Returns the time by which [`poll`](Self::poll) must be called even if no frame arrives. `None`
    /// means that only a frame makes it necessary.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll_at(now, &self.sockets)
    }

    /// Returns whether no frame is waiting. If so, the next frame ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.ethernet.is_idle()
    }
}
