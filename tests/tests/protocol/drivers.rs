//! The blocking and the async driver produce the same bytes over any stream that does not fail.
//! `transport_faults.rs` tests streams that fail.

use bellwire::{Error, ServerConnection};
use bellwire_tests::driver::{BOTH, Client, Driver, SCRIPT, STEPS, requests, script_answer};
use bellwire_tests::server::{App, endpoint, show};
use bellwire_tests::wire::Wire;

/// Streams: the most bytes in one read or write (0 for no limit), and whether each operation is
/// pending once.
const STREAMS: [(usize, bool); 5] = [(0, false), (0, true), (1, true), (2, false), (7, true)];

/// Serves `wire` with `driver` and returns the bytes sent, made printable.
fn serve(driver: Driver, wire: &mut Wire) -> String {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let result = driver.serve(wire, &mut endpoint.with(&mut app), &mut connection);
    assert_eq!(result, Ok(()));
    show(&wire.written)
}

#[test]
fn both_drivers_serve_a_script_with_the_same_bytes() {
    for (driver, (short, pends)) in BOTH.iter().flat_map(|d| STREAMS.map(|s| (*d, s))) {
        let mut wire = Wire {
            short,
            pends,
            ..Wire::with(SCRIPT)
        };
        assert_eq!(serve(driver, &mut wire), show(&script_answer()));
    }
}

#[test]
fn both_drivers_serve_until_the_stream_ends() {
    let cut_off = "pong\n!malformed stream ended inside a request\n";
    for driver in BOTH {
        for (input, expected) in [("", ""), ("PING\n", "pong\n"), ("PING\nPI", cut_off)] {
            let answer = serve(driver, &mut Wire::with(input));
            assert_eq!(answer, show(expected.as_bytes()), "{driver:?}");
        }
    }
}

#[test]
fn both_clients_report_closed_when_the_server_closes() {
    for driver in BOTH {
        let (mut rx, mut tx) = ([0; 32], [0; 32]);
        let mut client = Client::new(driver, Wire::with("on"), &mut rx, &mut tx);
        assert_eq!(client.step(0, None), Err(Error::Closed), "{driver:?}");
        assert_eq!(client.step(0, None), Err(Error::Closed), "{driver:?}");
    }
}

#[test]
fn both_clients_call_a_script_with_the_same_bytes() {
    for (driver, (short, pends)) in BOTH.iter().flat_map(|d| STREAMS.map(|s| (*d, s))) {
        let wire = Wire {
            short,
            pends,
            ..Wire::to_server()
        };
        let (mut rx, mut tx) = ([0; 160], [0; 32]);
        let mut client = Client::new(driver, wire, &mut rx, &mut tx);
        for number in 0..STEPS {
            assert_eq!(client.step(number, None), Ok(()), "{driver:?}");
        }
        let written = show(&client.wire().written);
        assert_eq!(written, show(requests(STEPS).as_bytes()));
    }
}
