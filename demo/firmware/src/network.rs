//! The board on its network.

use crate::ethernet::{ADDRESS, Ethernet};
use heapless::Vec;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{ConnectError, Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Address};

/// The board, in the network that QEMU makes for it.
const BOARD: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
/// The machine that QEMU runs on, seen from the board.
pub const HOST: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// The memory of one connection.
#[derive(Debug)]
pub struct Memory {
    /// What the socket has received.
    pub arriving: [u8; 768],
    /// What the socket sends, and keeps until it is acknowledged.
    pub leaving: [u8; 512],
    /// The request or reply that is received; the largest ComplexData has 718 bytes.
    pub rx: [u8; 768],
    /// The replies or the request to send.
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

/// The memory of the network besides that of its connections.
#[derive(Debug)]
pub struct Room<const SOCKETS: usize> {
    ethernet: Ethernet,
    // Unlike an array of them, no sockets need no initial value in flash.
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
#[allow(missing_debug_implementations)] // smoltcp's interface has none
pub struct Network {
    ethernet: &'static mut Ethernet,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Network {
    /// Starts the controller; the board has its address.
    pub fn start<const SOCKETS: usize>(room: &'static mut Room<SOCKETS>, now: Instant) -> Self {
        let Room { ethernet, sockets } = room;
        ethernet.start();
        let config = Config::new(EthernetAddress(ADDRESS).into());
        let mut interface = Interface::new(config, ethernet, now);
        interface.update_ip_addrs(|addresses| {
            // There is room for one.
            let _ = addresses.push(IpCidr::new(BOARD.into(), 24));
        });
        while sockets.push(SocketStorage::default()).is_ok() {}
        Self {
            ethernet,
            interface,
            sockets: SocketSet::new(&mut sockets[..]),
        }
    }

    /// Adds a socket over its part of a connection's memory. There are as many as there is room for.
    pub fn add(&mut self, arriving: &'static mut [u8], leaving: &'static mut [u8]) -> SocketHandle {
        let (arriving, leaving) = (SocketBuffer::new(arriving), SocketBuffer::new(leaving));
        self.sockets.add(Socket::new(arriving, leaving))
    }

    /// One of the sockets.
    pub fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Has one of the sockets dial `peer`, from the board's `port`.
    pub fn connect(
        &mut self,
        handle: SocketHandle,
        peer: (Ipv4Address, u16),
        port: u16,
    ) -> Result<(), ConnectError> {
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        socket.connect(self.interface.context(), peer, port)
    }

    /// Takes what has arrived to the sockets, and sends what they have to send.
    #[inline(never)] // or its stack is in use as well where the sockets are served
    pub fn poll(&mut self, now: Instant) {
        self.interface.poll(now, self.ethernet, &mut self.sockets);
    }

    /// When it is to be polled although nothing arrives, if it is.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll_at(now, &self.sockets)
    }

    /// Whether no frame waits; if so, one that arrives from now on ends a sleep.
    pub fn is_idle(&self) -> bool {
        self.ethernet.is_idle()
    }
}
