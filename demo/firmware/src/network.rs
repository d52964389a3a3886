//! The board on its network.

use crate::ethernet::{ADDRESS, Ethernet};
use smoltcp::iface::{Config, Interface};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
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

/// A socket over its part of a connection's memory.
pub fn socket<'a>(arriving: &'a mut [u8], leaving: &'a mut [u8]) -> Socket<'a> {
    Socket::new(SocketBuffer::new(arriving), SocketBuffer::new(leaving))
}

/// The interface with the board's address; its device is to be started.
pub fn interface(ethernet: &mut Ethernet, now: Instant) -> Interface {
    let config = Config::new(EthernetAddress(ADDRESS).into());
    let mut interface = Interface::new(config, ethernet, now);
    interface.update_ip_addrs(|addresses| {
        // There is room for one.
        let _ = addresses.push(IpCidr::new(BOARD.into(), 24));
    });
    interface
}
