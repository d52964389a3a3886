//! Pushes on a serial line, in plain text and over a link.

use super::TICK;
use crate::link::line::host;
use crate::link::port::Port;
use bellwire::link::{Auto, Link};
use bellwire::topics::{Published, Subscriptions};
use bellwire::{Endpoint, ServerConnection, serial};

/// A server on a port, for people and programs.
struct Device {
    server: Auto<'static, Vec<u8>, Subscriptions<1>>,
    port: Port,
    now: u32,
}

impl Device {
    fn new() -> Self {
        let buffer = |size| vec![0; size].leak();
        let connection = ServerConnection::new(buffer(256), buffer(180)).with_topics([TICK.name()]);
        let link = Link::listen(vec![0; 256], vec![0; 256], 5);
        let mut device = Self {
            server: Auto::new(connection, link, 0),
            port: Port::default(),
            now: 0,
        };
        device.feed(b"", 200);
        device
    }

    /// Lets bytes arrive, then time pass. Returns the output.
    fn feed(&mut self, bytes: &[u8], milliseconds: u32) -> Vec<u8> {
        let (endpoint, mut app) = (Endpoint::<(), 1>::new(), ());
        let mut service = endpoint.with(&mut app);
        self.port.input.extend(bytes);
        for _ in 0..=milliseconds {
            let mut polls = 0;
            while self.poll(&mut service) || !self.port.input.is_empty() {
                polls += 1;
                assert!(polls < 100, "the server does not come to rest");
            }
            self.now += 1;
        }
        std::mem::take(&mut self.port.output)
    }

    fn poll(&mut self, service: &mut impl bellwire::Service) -> bool {
        let polled = self.server.poll(&mut self.port, service, self.now);
        polled.unwrap()
    }
}

#[test]
fn a_person_on_a_serial_line_gets_pushes_between_requests() {
    let (mut rx, mut tx) = ([0; 64], [0; 256]);
    let connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
    let mut server = serial::Server::new(connection);
    let (endpoint, mut app) = (Endpoint::<(), 1>::new(), ());
    let mut service = endpoint.with(&mut app);
    let mut port = Port::default();
    assert_eq!(server.publish(TICK, &1), Published::NotSubscribed);
    for (tick, bytes, output) in [
        (2, "SUBSCRIBE\nTICK\nUNSUBSC", "OK\n"),
        (3, "", ">TICK\n\x01\x03"),
        (4, "RIBE\nTICK\n", ">TICK\n\x01\x04OK\n"),
        (5, "", ""),
    ] {
        server.publish(TICK, &tick);
        port.input.extend(bytes.as_bytes());
        while !port.input.is_empty() {
            server.poll(&mut port, &mut service, 0).unwrap();
        }
        server.poll(&mut port, &mut service, 0).unwrap();
        let sent = std::mem::take(&mut port.output);
        assert_eq!(String::from_utf8(sent).unwrap(), output, "tick {tick}");
    }
}

#[test]
fn a_new_conversation_on_a_serial_line_has_no_subscriptions() {
    let mut device = Device::new();
    assert_eq!(device.feed(b"SUBSCRIBE\nTICK\n", 0), b"OK\n");
    assert_eq!(device.server.publish(TICK, &1), Published::Queued);
    assert_eq!(device.feed(b"", 0), b">TICK\n\x01\x01");
    let error = device.feed(b"NONSENSE\n", 200);
    assert!(error.starts_with(b"!unknown-command"));
    assert_eq!(device.server.publish(TICK, &2), Published::NotSubscribed);
}

#[test]
fn a_program_on_a_link_gets_pushes_and_losses() {
    let mut device = Device::new();
    let mut link = host(256, 1, device.now);
    let mut received = Vec::new();
    let mut exchange = |device: &mut Device, link: &mut crate::link::line::End| {
        for _ in 0..50 {
            let mut bytes = [0; 64];
            let n = link.transmit(device.now, &mut bytes);
            let output = device.feed(&bytes[..n], 0);
            link.receive(device.now, &output);
            let n = link.read(&mut bytes).unwrap();
            received.extend_from_slice(&bytes[..n]);
        }
        String::from_utf8(std::mem::take(&mut received)).unwrap()
    };
    exchange(&mut device, &mut link);
    link.write(b"SUBSCRIBE\nTICK\n").unwrap();
    assert_eq!(exchange(&mut device, &mut link), "OK\n");
    assert_eq!(device.server.publish(TICK, &1), Published::Queued);
    assert_eq!(exchange(&mut device, &mut link), ">TICK\n\x01\x01");
    // The transmit buffer has 20 bytes beside the longest reply and error line.
    for (tick, published) in [
        (2, Published::Queued),
        (3, Published::Queued),
        (4, Published::Lost),
        (5, Published::Lost),
    ] {
        assert_eq!(device.server.publish(TICK, &tick), published);
    }
    assert_eq!(
        exchange(&mut device, &mut link),
        ">TICK\n\x01\x02>TICK\n\x01\x03>TICK +2\n"
    );
}

/// Runs a link to a subscriber that reads `slow` bytes a millisecond, while the device publishes faster. On a noisy
/// line one byte of 200 changes.
fn run(slow: usize, is_noisy: bool) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut device = Device::new();
    let mut host = host(256, 1, device.now);
    let (mut received, mut published, mut asked) = (Vec::new(), 0u32, 0);
    for millisecond in 0..20_000 {
        let mut bytes = [0; 64];
        let mut carry = |bytes: &mut [u8]| {
            for byte in bytes {
                if is_noisy && random.u8(..200) == 0 {
                    *byte ^= 1 << random.u8(..8);
                }
            }
        };
        let n = host.transmit(device.now, &mut bytes);
        carry(&mut bytes[..n]);
        let mut output = device.feed(&bytes[..n], 0);
        carry(&mut output);
        host.receive(device.now, &output);
        let n = host.read(&mut bytes[..slow]).unwrap();
        received.extend_from_slice(&bytes[..n]);
        let request = match millisecond {
            0..10_000 if millisecond % 1000 == 100 => "SUBSCRIBE\nTICK\n",
            10_000 => "UNSUBSCRIBE\nTICK\n",
            _ => "",
        };
        assert_eq!(host.write(request.as_bytes()), Ok(request.len()));
        asked += usize::from(!request.is_empty());
        for _ in 0..100 {
            let tick = device.server.publish(TICK, &(published + 1));
            published += u32::from(tick != Published::NotSubscribed);
        }
    }
    let (mut last, mut replies, mut rest) = (0, 0, &received[..]);
    while !rest.is_empty() {
        let first = rest.split_inclusive(|byte| *byte == b'\n').next().unwrap();
        rest = &rest[first.len()..];
        match str::from_utf8(first).unwrap() {
            "OK\n" => replies += 1,
            ">TICK\n" => {
                let (value, after) = rest.split_at(usize::from(rest[0]) + 1);
                last += 1;
                assert_eq!(postcard::from_bytes(&value[1..]), Ok(last));
                rest = after;
            }
            loss => {
                let count = loss.strip_prefix(">TICK +").unwrap().trim_end();
                last += count.parse::<u32>().unwrap();
            }
        }
    }
    assert_eq!((replies, last), (asked, published));
}

#[test]
fn over_a_slow_link_requests_are_answered_and_every_loss_is_reported() {
    run(3, false);
}

#[test]
fn over_a_noisy_link_requests_are_answered_and_every_loss_is_reported() {
    run(64, true);
}
