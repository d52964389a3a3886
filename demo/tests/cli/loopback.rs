//! Tests of the demo's exchange over smoltcp, its capture and its measurement.

use bellwire::ComplexData;
use bellwire_demo::loopback::{exchange, measure};
use commands::{Observer, TEXT};
use std::path::{Path, PathBuf};

/// An observer that records all values.
#[derive(Default)]
struct Guest {
    texts: Vec<String>,
    structures: Vec<ComplexData>,
}

impl Observer for Guest {
    fn text(&mut self, text: &str) {
        self.texts.push(text.to_owned());
    }

    fn data(&mut self, data: &ComplexData) {
        self.structures.push(data.clone());
    }
}

/// Checks the header of a capture and returns its packets.
fn packets(capture: &[u8]) -> Vec<&[u8]> {
    let number = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
    let (header, mut rest) = capture.split_at(24);
    assert_eq!(number(&header[..4]), 0xa1b2_c3d4, "libpcap's magic number");
    assert_eq!(
        number(&header[20..]),
        101,
        "IP packets without an Ethernet header"
    );
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (record, after) = rest.split_at(16);
        let (packet, next) = after.split_at(number(&record[8..12]) as usize);
        packets.push(packet);
        rest = next;
    }
    packets
}

#[test]
fn every_text_and_structure_arrives_unchanged() {
    let mut guest = Guest::default();
    let exchange = exchange(&mut guest, 3, 2, None).unwrap();
    assert!(exchange.clients >= 3 && exchange.sockets >= exchange.clients);
    assert!(exchange.texts > exchange.clients);
    assert_eq!(guest.texts, vec![TEXT; exchange.texts]);
    assert_eq!(
        guest.structures,
        vec![commands::value(); exchange.structures]
    );
}

#[test]
fn the_capture_contains_each_message_once() {
    let file: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchange.pcap");
    let exchange = exchange(&mut Guest::default(), 3, 2, Some(&file)).unwrap();
    let capture = std::fs::read(file).unwrap();
    let packets = packets(&capture);
    let with = |end: &[u8]| {
        packets
            .iter()
            .filter(|packet| packet.ends_with(end))
            .count()
    };
    assert_eq!(with(b"STRING\nAdditional data.\n"), exchange.texts);
    assert_eq!(with(b"Thank you.\n"), exchange.texts);
    assert_eq!(2 * with(b"Received.\n"), exchange.structures);
}

#[test]
fn a_capture_that_cannot_be_written_fails_with_the_name_of_the_file() {
    for file in ["/no/such/folder/x.pcap", "/dev/full"] {
        if file != "/dev/full" || cfg!(target_os = "linux") {
            let error = exchange(&mut Guest::default(), 3, 2, Some(Path::new(file))).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("cannot write {file}: "))
            );
        }
    }
}

#[test]
fn measure_returns_both_rates() {
    let rates = measure().unwrap();
    println!("{rates:?}, share {:.2}", rates.share());
    assert!(rates.bellwire > 0.0 && rates.bare > 0.0);
}
