//! A loopback device: it receives the packets that it transmits.

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// The longest IP packet.
const MTU: usize = 1500;

/// The most packets in transit. One more slot holds the reply to the packet being received.
const WAITING: usize = 8;

/// Packets in transit, in a fixed ring of slots.
#[derive(Debug)]
pub(super) struct Ring {
    slots: [Slot; WAITING + 1],
    first: usize,
    waiting: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    bytes: [u8; MTU],
    length: usize,
}

impl Ring {
    pub(super) const fn new() -> Self {
        let empty = Slot {
            bytes: [0; MTU],
            length: 0,
        };
        Self {
            slots: [empty; WAITING + 1],
            first: 0,
            waiting: 0,
        }
    }

    fn after_first(&self, count: usize) -> usize {
        (self.first + count) % self.slots.len()
    }
}

impl Device for Ring {
    type RxToken<'a> = Incoming<'a>;
    type TxToken<'a> = Outgoing<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }

    fn receive(&mut self, _now: Instant) -> Option<(Incoming<'_>, Outgoing<'_>)> {
        if self.waiting == 0 {
            return None;
        }
        let (oldest, free) = (self.first, self.after_first(self.waiting));
        self.first = self.after_first(1);
        self.waiting -= 1;
        let [packet, slot] = self.slots.get_disjoint_mut([oldest, free]).ok()?;
        let waiting = &mut self.waiting;
        Some((Incoming { packet }, Outgoing { slot, waiting }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        if self.waiting == WAITING {
            return None;
        }
        let free = self.after_first(self.waiting);
        Some(Outgoing {
            slot: &mut self.slots[free],
            waiting: &mut self.waiting,
        })
    }
}

#[derive(Debug)]
pub(super) struct Incoming<'a> {
    packet: &'a Slot,
}

impl phy::RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.packet.bytes[..self.packet.length])
    }
}

#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    slot: &'a mut Slot,
    waiting: &'a mut usize,
}

impl phy::TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        self.slot.length = length;
        *self.waiting += 1;
        write(&mut self.slot.bytes[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::phy::{RxToken, TxToken};

    const NOW: Instant = Instant::ZERO;

    fn send(ring: &mut Ring, byte: u8) -> bool {
        let token = ring.transmit(NOW);
        token
            .map(|token| token.consume(1, |packet| packet[0] = byte))
            .is_some()
    }

    #[test]
    fn packets_are_received_in_order_and_a_full_ring_accepts_no_more() {
        let mut ring = Ring::new();
        for lap in 0..3 {
            let taken = (0..100).take_while(|byte| send(&mut ring, lap + byte));
            assert_eq!(taken.count(), WAITING);
            for byte in 0..8 {
                let (packet, _) = ring.receive(NOW).unwrap();
                assert_eq!(packet.consume(<[u8]>::to_vec), [lap + byte]);
            }
            assert!(ring.receive(NOW).is_none());
        }
    }

    #[test]
    fn a_full_ring_has_room_for_the_reply_to_a_packet() {
        let mut ring = Ring::new();
        while send(&mut ring, 1) {}
        let (packet, reply) = ring.receive(NOW).unwrap();
        packet.consume(|packet| reply.consume(1, |reply| reply[0] = packet[0] + 1));
        assert!(!send(&mut ring, 1));
    }
}
