//! Pushes beside the size of the transmit buffer.

use super::topics::{LOG, TRANSMIT, ask, expect, logging, subscribe};
use bellwire::{Line, Topic};
use bellwire_tests::running::{each, serve};

#[test]
fn a_value_larger_than_the_transmit_buffer_is_lost_and_told() {
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

/// Cause: the loss stayed untold, and the server tried to tell it again and again, without a pause.
#[test]
fn the_smallest_transmit_buffer_has_room_to_tell_a_loss() {
    const LONG: &str = "THE-LONGEST-NAME-OF-A-TOPIC-THAT-CAN-BE-SUBSCRIBED-TO-HAS-62-B";
    each(|kind| {
        let server = serve(kind, |limits| limits.transmit_buffer = 160);
        let long = server.endpoint.topic(Topic::<Line>::new(LONG)).unwrap();
        let mut stream = subscribe(&server, LONG);
        for _ in 0..2 {
            assert_eq!(long.publish("value"), Ok(1));
            expect(&mut stream, &format!(">{LONG} +1\n"));
        }
        ask(&mut stream, "STRING\nhi\n", "Thank you.\n");
    });
}
