//! Bad input to a server with topics, over the core and both drivers.

use super::{LOG, TICK};
use bellwire::topics::Published;
use bellwire::{Error, ServerConnection};
use bellwire_tests::arrived::Arrived;
use bellwire_tests::bad_input::{self, BUFFER, LIMITS, topic_cases};
use bellwire_tests::driver::BOTH;
use bellwire_tests::server::{App, converse, endpoint, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};
use embedded_io::ErrorKind;

#[test]
fn every_bad_input_gets_its_reply_in_chunks_of_any_size() {
    for case in topic_cases() {
        for size in 1..=case.input.len() {
            let (mut rx, mut tx) = ([0; BUFFER], [0; BUFFER]);
            let connection = ServerConnection::new(&mut rx, &mut tx).with_limits(LIMITS);
            let mut connection = connection.with_topics([TICK.name()]);
            let (endpoint, mut app) = (bad_input::endpoint(), Arrived::default());
            let chunks = case.input.chunks(size);
            let outcome = converse(&mut connection, &mut endpoint.with(&mut app), chunks, true);
            case.check_replies(&show(&outcome.sent).replace("\\n", "\n"));
            case.check_arrived(&app);
        }
    }
}

#[test]
fn both_drivers_answer_every_bad_input() {
    for case in topic_cases() {
        for driver in BOTH {
            let mut wire = Wire {
                short: 7,
                ..Wire::with(case.input.clone())
            };
            let (mut rx, mut tx) = ([0; BUFFER], [0; BUFFER]);
            let connection = ServerConnection::new(&mut rx, &mut tx).with_limits(LIMITS);
            let mut connection = connection.with_topics([TICK.name()]);
            let (endpoint, mut app) = (bad_input::endpoint(), Arrived::default());
            let served = driver.serve(&mut wire, &mut endpoint.with(&mut app), &mut connection);
            assert_eq!(served, Ok(()), "{}", case.name);
            case.check_replies(&show(&wire.written).replace("\\n", "\n"));
            case.check_arrived(&app);
        }
    }
}

#[test]
fn a_server_with_an_empty_list_of_topics_refuses_subscribe() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([]);
    let (endpoint, mut app) = (endpoint(), App::default());
    let service = &mut endpoint.with(&mut app);
    let sent = converse(&mut connection, service, [&b"SUBSCRIBE\nLOG\n"[..]], false).sent;
    let error = b"!refused SUBSCRIBE: no topic is named \"LOG\"\n";
    assert_eq!(show(&sent), show(error));
    assert_eq!(connection.publish(LOG, "1"), Published::NotSubscribed);
}

#[test]
fn a_subscriber_that_never_reads_ends_with_the_time_limit_of_its_stream() {
    for driver in BOTH {
        let mut wire = Wire::with("SUBSCRIBE\nLOG\nPING\n");
        let (mut rx, mut tx) = ([0; 256], [0; 512]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([LOG.name()]);
        let (endpoint, mut app) = (endpoint(), App::default());
        let service = &mut endpoint.with(&mut app);
        wire.trouble = Some((2, Trouble::Fails(ErrorKind::TimedOut)));
        wire.lasts = true;
        let served = driver.serve(&mut wire, service, &mut connection);
        assert_eq!(served, Err(Error::Transport(Failed(ErrorKind::TimedOut))));
        assert!(connection.is_subscribed());
        while connection.publish(LOG, "1") == Published::Queued {}
        let pending = connection.pending().len();
        assert!(pending <= 256, "{pending} bytes");
        for _ in 0..1000 {
            assert_eq!(connection.publish(LOG, "1"), Published::Lost);
        }
        assert_eq!(connection.pending().len(), pending);
        connection.reset();
        assert!(!connection.is_subscribed());
    }
}
