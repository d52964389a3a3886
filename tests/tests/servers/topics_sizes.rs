//! The longest push that a transmit buffer can hold.

use super::topics::{LOG, TRANSMIT, ask, expect, logging, subscribe};
use bellwire_tests::running::{each, serve};

#[test]
fn a_value_larger_than_the_transmit_buffer_is_reported_lost() {
    each(|kind| {
        let (server, log) = logging(kind);
        let mut stream = subscribe(&server, "LOG");
        log.publish(&"x".repeat(TRANSMIT)).unwrap();
        log.publish("small").unwrap();
        expect(&mut stream, ">LOG +1\n>LOG\nsmall\n");
        assert!(log.publish(&"x".repeat(1 << 16)).is_err());
        ask(&mut stream, "UNSUBSCRIBE\nLOG\n", "OK\n");
    });
}

#[test]
fn with_default_limits_a_push_may_take_32_kib() {
    each(|kind| {
        let server = serve(kind, |_| {});
        let log = server.endpoint.topic(LOG).unwrap();
        let mut stream = subscribe(&server, "LOG");
        let longest = "x".repeat((32 << 10) - ">LOG\n\n".len());
        log.publish(&longest).unwrap();
        expect(&mut stream, &format!(">LOG\n{longest}\n"));
        log.publish(&format!("{longest}x")).unwrap();
        expect(&mut stream, ">LOG +1\n");
    });
}
