//! The drivers: pushes over streams, blocking and async.

use super::{LOG, TICK, shown};
use bellwire::topics::{Published, SUBSCRIBE};
use bellwire::{Error, ServerConnection, asynch, blocking};
use bellwire_tests::poll::{block_on, cancel_after};
use bellwire_tests::server::{App, ECHO, endpoint, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};
use core::convert::Infallible;
use core::future::{pending, poll_fn, ready};
use core::task::Poll;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};

/// A UART in memory: bytes arrive one after the other, and it never ends.
#[derive(Default)]
struct Uart {
    arrived: Vec<u8>,
    sent: Vec<u8>,
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.arrived.is_empty())
    }
}

impl Read for Uart {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        assert!(!self.arrived.is_empty(), "this read would wait forever");
        space[0] = self.arrived.remove(0);
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.sent.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn a_superloop_answers_and_publishes_and_never_waits_for_bytes() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut uart = Uart::default();
    for (count, arrives) in ["", "PI", "NG\nSUBSCRIBE\nTICK\n", "", "ECHO\nhi"]
        .iter()
        .enumerate()
    {
        uart.arrived.extend(arrives.bytes());
        let service = &mut endpoint.with(&mut app);
        assert_eq!(
            blocking::poll(&mut uart, service, &mut connection),
            Ok(true)
        );
        let count = u32::try_from(count).expect("a few");
        let subscribed = connection.publish(TICK, &count) == Published::Queued;
        assert_eq!(subscribed, count >= 2);
    }
    let service = &mut endpoint.with(&mut app);
    assert_eq!(
        blocking::poll(&mut uart, service, &mut connection),
        Ok(true)
    );
    let sent = b"pong\nOK\n>TICK\n\x01\x02>TICK\n\x01\x03>TICK\n\x01\x04";
    assert_eq!(show(&uart.sent), show(sent));
}

#[test]
fn a_superloop_ends_with_the_conversation() {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
    let mut uart = Uart::default();
    uart.arrived.extend(b"NOBODY\n");
    let (endpoint, mut app) = (endpoint(), App::default());
    let service = &mut endpoint.with(&mut app);
    assert_eq!(
        blocking::poll(&mut uart, service, &mut connection),
        Ok(false)
    );
    assert!(uart.sent.starts_with(b"!unknown-command"));
}

#[test]
fn a_superloop_reports_losses_without_another_publish() {
    let (mut rx, mut tx) = ([0; 256], [0; 400]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
    let mut uart = Uart::default();
    uart.arrived.extend(b"SUBSCRIBE\nTICK\n");
    let (endpoint, mut app) = (endpoint(), App::default());
    let service = &mut endpoint.with(&mut app);
    assert_eq!(
        blocking::poll(&mut uart, service, &mut connection),
        Ok(true)
    );
    let mut queued = 0;
    while connection.publish(TICK, &7) == Published::Queued {
        queued += 1;
    }
    assert_eq!(
        blocking::poll(&mut uart, service, &mut connection),
        Ok(true)
    );
    let pushes = ">TICK\n\x01\x07".repeat(queued);
    assert_eq!(
        show(&uart.sent),
        show(format!("OK\n{pushes}>TICK +1\n").as_bytes())
    );
}

#[test]
fn one_task_serves_requests_and_sends_what_a_source_yields() {
    for (short, pends) in [(0, false), (1, true), (3, true)] {
        let mut wire = Wire {
            short,
            pends,
            ..Wire::with("SUBSCRIBE\nTICK\nECHO\none\nECHO\ntwo\n")
        };
        let (mut rx, mut tx) = ([0; 256], [0; 512]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
        let (endpoint, mut app) = (endpoint(), App::default());
        let service = &mut endpoint.with(&mut app);
        let mut count = 0;
        loop {
            // A read of this stream is pending once, so the source yields a little later.
            let mut polls = 0;
            let event = poll_fn(|_| {
                polls += 1;
                if polls == 2 {
                    Poll::Ready(count)
                } else {
                    Poll::Pending
                }
            });
            let served = asynch::serve_until(&mut wire, service, &mut connection, event);
            match block_on(served).expect("no faults") {
                Some(value) => {
                    if connection.publish(TICK, &value) == Published::Queued {
                        count = (value + 1) % 9;
                    }
                }
                None => break,
            }
        }
        let sent = String::from_utf8(wire.written).expect("text");
        let replies = sent.split(">TICK\n\x01").enumerate();
        let replies = replies.map(|(push, text)| &text[usize::from(push > 0)..]);
        assert_eq!(replies.collect::<String>(), "OK\none\ntwo\n");
        // A stream that never waits leaves the source no time.
        assert_eq!(sent.contains('>'), pends);
    }
}

#[test]
fn a_dropped_serve_until_continues_with_the_same_conversation() {
    let mut wire = Wire {
        short: 2,
        pends: true,
        ..Wire::with("SUBSCRIBE\nTICK\nECHO\none\n")
    };
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx).with_topics([TICK.name()]);
    let (endpoint, mut app) = (endpoint(), App::default());
    let service = &mut endpoint.with(&mut app);
    loop {
        let serving = asynch::serve_until(&mut wire, service, &mut connection, pending::<()>());
        if let Some(result) = cancel_after(2, serving) {
            assert_eq!(result, Ok(None));
            break;
        }
    }
    assert_eq!(show(&wire.written), show(b"OK\none\n"));
}

#[test]
fn a_failing_stream_ends_serve_until_and_drops_the_event() {
    let mut wire = Wire {
        trouble: Some((0, Trouble::Fails(ErrorKind::Other))),
        ..Wire::with("PING\n")
    };
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let service = &mut endpoint.with(&mut app);
    let served = asynch::serve_until(&mut wire, service, &mut connection, ready(1));
    assert_eq!(
        block_on(served),
        Err(Error::Transport(Failed(ErrorKind::Other)))
    );
}

const REPLIES: &str = "OK\n>LOG\na\n>LOG\nb\none\n>LOG +2\n>LOG\nc\n";
const HEARD: [&str; 4] = [
    "LOG Ok(\"a\")",
    "LOG Ok(\"b\")",
    "LOG lost 2",
    "LOG Ok(\"c\")",
];

#[test]
fn a_blocking_client_hears_pushes_during_and_between_calls() {
    for short in [0, 1, 5] {
        let mut heard = Vec::new();
        let (mut rx, mut tx) = ([0; 64], [0; 64]);
        let wire = Wire {
            short,
            ..Wire::with(REPLIES)
        };
        let mut client = blocking::Client::new(wire, &mut rx, &mut tx)
            .with_topics([LOG.untyped()], |push| heard.push(shown(push)));
        assert_eq!(client.call(SUBSCRIBE, LOG.name()), Ok(()));
        assert_eq!(client.call(ECHO, "hi"), Ok("one"));
        while client.receive_pushes().is_ok() {}
        assert_eq!(client.receive_pushes(), Err(Error::Closed));
        drop(client);
        assert_eq!(heard, HEARD);
    }
}

#[test]
fn an_async_client_hears_pushes_and_a_dropped_wait_loses_none() {
    for (short, pends) in [(0, false), (1, true), (5, true)] {
        let mut heard = Vec::new();
        let (mut rx, mut tx) = ([0; 64], [0; 64]);
        let wire = Wire {
            short,
            pends,
            ..Wire::with(REPLIES)
        };
        let mut client = asynch::Client::new(wire, &mut rx, &mut tx)
            .with_topics([LOG.untyped()], |push| heard.push(shown(push)));
        assert_eq!(block_on(client.call(SUBSCRIBE, LOG.name())), Ok(()));
        assert_eq!(block_on(client.call(ECHO, "hi")), Ok("one"));
        loop {
            match cancel_after(2, client.receive_pushes()) {
                None | Some(Ok(())) => {}
                Some(Err(error)) => break assert_eq!(error, Error::Closed),
            }
        }
        drop(client);
        assert_eq!(heard, HEARD);
    }
}
