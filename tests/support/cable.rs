//! A cable between two smoltcp interfaces. It can delay each packet by a random time, deliver some twice,
//! and fall silent.

use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use std::cell::RefCell;
use std::rc::Rc;

/// The shortest delay of a packet.
const LATENCY: Duration = Duration::from_millis(1);

/// The cable. Equal seeds and equal traffic give equal faults.
#[derive(Debug)]
pub struct Cable {
    /// The size of the longest packet in bytes.
    pub mtu: usize,
    /// The longest extra delay of a packet. Delayed packets may be overtaken.
    pub jitter: Duration,
    /// The percentage of packets that arrive twice.
    pub duplicated: u8,
    /// The time until which all packets are lost.
    pub silent_until: Instant,
    /// The number of packets sent.
    pub sent: usize,
    /// The number of packets that arrived after one that was sent later.
    pub overtaken: usize,
    random: fastrand::Rng,
    under_way: [Vec<Packet>; 2],
    newest: [usize; 2],
}

#[derive(Debug, Clone)]
struct Packet {
    arrives: Instant,
    number: usize,
    bytes: Vec<u8>,
}

/// One end of a cable.
#[derive(Debug)]
pub struct End {
    cable: Rc<RefCell<Cable>>,
    side: usize,
}

impl Cable {
    /// Creates a cable without faults for packets of up to `mtu` bytes, and its two ends.
    pub fn new(mtu: usize, seed: u64) -> (Rc<RefCell<Self>>, [End; 2]) {
        let cable = Rc::new(RefCell::new(Self {
            mtu,
            jitter: Duration::ZERO,
            duplicated: 0,
            silent_until: Instant::ZERO,
            sent: 0,
            overtaken: 0,
            random: fastrand::Rng::with_seed(seed),
            under_way: [Vec::new(), Vec::new()],
            newest: [0, 0],
        }));
        let ends = [0, 1].map(|side| End {
            cable: Rc::clone(&cable),
            side,
        });
        (cable, ends)
    }

    /// Returns the time at which the next packet arrives at either end.
    pub fn next_arrival(&self) -> Option<Instant> {
        let packets = self.under_way.iter().flatten();
        packets.map(|packet| packet.arrives).min()
    }

    fn send(&mut self, side: usize, bytes: &[u8], now: Instant) {
        self.sent += 1;
        let number = self.sent;
        let copies = 1 + usize::from(self.random.u8(0..100) < self.duplicated);
        for _ in 0..copies {
            let late = self.random.u64(0..=self.jitter.total_micros());
            self.under_way[side].push(Packet {
                arrives: now + LATENCY + Duration::from_micros(late),
                number,
                bytes: bytes.to_vec(),
            });
        }
    }

    fn receive(&mut self, side: usize, now: Instant) -> Option<Vec<u8>> {
        if now < self.silent_until {
            self.under_way = [Vec::new(), Vec::new()];
        }
        let queue = &mut self.under_way[side];
        let (index, packet) = queue
            .iter()
            .enumerate()
            .min_by_key(|(_, packet)| packet.arrives)?;
        if packet.arrives > now {
            return None;
        }
        let packet = queue.remove(index);
        self.overtaken += usize::from(packet.number < self.newest[side]);
        self.newest[side] = self.newest[side].max(packet.number);
        Some(packet.bytes)
    }
}

impl Device for End {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.cable.borrow().mtu;
        capabilities.checksum = ChecksumCapabilities::default(); // smoltcp computes and verifies all of them
        capabilities
    }

    fn receive(&mut self, now: Instant) -> Option<(Received, ToSend<'_>)> {
        let bytes = self.cable.borrow_mut().receive(self.side, now)?;
        Some((Received(bytes), ToSend { end: self, now }))
    }

    fn transmit(&mut self, now: Instant) -> Option<ToSend<'_>> {
        Some(ToSend { end: self, now })
    }
}

/// A received packet.
#[derive(Debug)]
pub struct Received(Vec<u8>);

/// Space for a packet to send.
#[derive(Debug)]
pub struct ToSend<'a> {
    end: &'a End,
    now: Instant,
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, size: usize, write: F) -> R {
        let mut bytes = vec![0; size];
        let result = write(&mut bytes);
        let mut cable = self.end.cable.borrow_mut();
        assert!(size <= cable.mtu, "a packet of {size} bytes");
        cable.send(1 - self.end.side, &bytes, self.now);
        result
    }
}
