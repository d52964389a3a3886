//! A stream that fails, is interrupted, takes nothing, ends, or has its future dropped at every
//! operation in turn, once, twice or for good, under both drivers and both ends.

use bellwire::{Code, Connection, Error, Fault, Refusal, asynch};
use bellwire_tests::driver::{BOTH, Client, Driver, Result, SCRIPT, STEPS};
use bellwire_tests::driver::{request, requests, script_answer};
use bellwire_tests::poll::{block_on, cancel_after};
use bellwire_tests::server::{App, Setup, endpoint, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};
use embedded_io::ErrorKind;

const TIMED_OUT: Trouble = Trouble::Fails(ErrorKind::TimedOut);
const RESET: Trouble = Trouble::Fails(ErrorKind::ConnectionReset);
const INTERRUPTED: Trouble = Trouble::Fails(ErrorKind::Interrupted);

/// What goes wrong with a stream that may go on afterwards.
const PASSING: [Trouble; 3] = [TIMED_OUT, RESET, Trouble::TakesNothing];

/// More operations than any of these conversations takes.
const OPERATIONS: usize = 100;

/// What the driver must make of it.
fn shown(trouble: Trouble) -> Error<Failed> {
    match trouble {
        Trouble::Fails(kind) => Error::Transport(Failed(kind)),
        Trouble::TakesNothing | Trouble::Ends => Error::Closed,
    }
}

/// A stream over which [`SCRIPT`] arrives, at most 60 bytes in one operation.
fn script() -> Wire {
    Wire {
        short: 60,
        ..Wire::with(SCRIPT)
    }
}

/// A stream to a server, with at most 5 bytes in one operation.
fn to_server() -> Wire {
    Wire {
        short: 5,
        ..Wire::to_server()
    }
}

/// The commands of [`SCRIPT`] that a server is to run.
fn script_runs() -> Vec<String> {
    Setup::default().hears_all([SCRIPT]).ran
}

/// Serves `wire` until it is over, and goes on after each failure with what `again` does to the stream.
/// Returns the failures, and what ran.
fn serve(
    driver: Driver,
    wire: &mut Wire,
    mut again: impl FnMut(&mut Wire),
) -> (Vec<Error<Failed>>, Vec<String>) {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut failures = Vec::new();
    while let Err(error) = driver.serve(wire, &mut service, &mut connection) {
        failures.push(error);
        assert!(failures.len() < 5, "{failures:?}");
        assert!(wire.operations < OPERATIONS, "it goes on and on");
        again(wire);
    }
    drop(service);
    (failures, app.ran)
}

/// What came of the calls of the script, and a last one that shows that it goes on.
struct Calls {
    failures: Vec<Error<Failed>>,
    wire: Wire,
    /// Calls of which nothing arrived.
    missing: usize,
}

/// Makes the calls of the script, and after each failure has `again` change the stream. The last call
/// is made until it is answered. What arrived must be what was called, in order, each once, and
/// whatever was answered must be in it.
fn call_all(driver: Driver, wire: Wire, mut again: impl FnMut(&mut Wire)) -> Calls {
    let (mut rx, mut tx) = ([0; 160], [0; 12]); // so small that a request left behind is in the way
    let mut client = Client::new(driver, wire, &mut rx, &mut tx);
    let (mut failures, mut made) = (Vec::new(), Vec::new());
    for number in 0..STEPS + 5 {
        let result = client.step(number, None);
        made.push((request(number), result.is_ok()));
        match result {
            Ok(()) if number >= STEPS => break,
            Ok(()) => {}
            Err(error) => {
                failures.push(error);
                again(client.wire());
            }
        }
    }
    let wire = core::mem::take(client.wire());
    let missing = missing(&wire.written, &made);
    Calls {
        failures,
        wire,
        missing,
    }
}

/// How many of the requests are not in `arrived`, which holds the others in order, and nothing else.
fn missing(mut arrived: &[u8], made: &[(String, bool)]) -> usize {
    let mut missing = 0;
    for (request, answered) in made {
        if let Some(rest) = arrived.strip_prefix(request.as_bytes()) {
            arrived = rest;
        } else {
            assert!(!answered, "{request:?} was answered, but where is it?");
            missing += 1;
        }
    }
    assert_eq!(show(arrived), "", "it was not sent, or twice");
    missing
}

#[test]
fn an_operation_that_is_interrupted_is_tried_again() {
    for (driver, at) in BOTH.iter().flat_map(|d| (0..OPERATIONS).map(|at| (*d, at))) {
        let trouble = Some((at, INTERRUPTED));
        let mut served = Wire {
            trouble,
            ..script()
        };
        let (failures, ran) = serve(driver, &mut served, |_| {});
        assert_eq!(
            (failures, ran),
            (vec![], script_runs()),
            "{driver:?} at {at}"
        );
        assert_eq!(show(&served.written), show(&script_answer()));
        let calls = call_all(
            driver,
            Wire {
                trouble,
                ..to_server()
            },
            |_| {},
        );
        assert_eq!(
            (calls.failures, calls.missing),
            (vec![], 0),
            "{driver:?} at {at}"
        );
        assert!(calls.wire.operations < OPERATIONS && served.operations < OPERATIONS);
    }
}

#[test]
fn a_server_goes_on_after_a_failure_at_any_two_points() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        let mut smooth = script();
        assert_eq!(serve(driver, &mut smooth, |_| {}).0, []);
        for first in 0..smooth.operations {
            for second in 0..smooth.operations - first {
                let mut wire = Wire {
                    trouble: Some((first, trouble)),
                    ..script()
                };
                let mut troubles = 1;
                let (failures, ran) = serve(driver, &mut wire, |wire| {
                    if troubles == 1 {
                        wire.trouble = Some((wire.operations + second, trouble));
                        troubles = 2;
                    }
                });
                let what = format!("{driver:?}, {trouble:?} at {first}, then {second}");
                let met = troubles - usize::from(wire.trouble.is_some());
                assert_eq!(failures, vec![shown(trouble); met], "{what}");
                assert_eq!(show(&wire.written), show(&script_answer()), "{what}");
                assert_eq!(ran, script_runs(), "{what}");
            }
        }
    }
}

#[test]
fn a_client_goes_on_after_a_failure_at_any_point() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        for at in 0..OPERATIONS {
            let what = format!("{driver:?}, {trouble:?} at {at}");
            let trouble_at = Some((at, trouble));
            let wire = Wire {
                trouble: trouble_at,
                ..to_server()
            };
            let calls = call_all(driver, wire, |_| {});
            let met = usize::from(calls.wire.trouble.is_none());
            assert_eq!(calls.failures, vec![shown(trouble); met], "{what}");
            assert_eq!(
                calls.missing, 0,
                "{what}: the next call sends what was not sent"
            );
            assert!(calls.wire.operations < OPERATIONS, "{what}");
        }
    }
}

#[test]
fn a_client_goes_on_after_a_failure_at_any_two_points() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        let operations = call_all(driver, to_server(), |_| {}).wire.operations;
        for (first, second) in (0..operations).flat_map(|f| (0..10).map(move |s| (f, s))) {
            let what = format!("{driver:?}, {trouble:?} at {first}, then {second}");
            let wire = Wire {
                trouble: Some((first, trouble)),
                ..to_server()
            };
            let mut troubles = 1;
            let calls = call_all(driver, wire, |wire| {
                if troubles == 1 {
                    wire.trouble = Some((wire.operations + second, trouble));
                    troubles = 2;
                }
            });
            let met = troubles - usize::from(calls.wire.trouble.is_some());
            assert_eq!(calls.failures, vec![shown(trouble); met], "{what}");
            // A call that cannot send what is left of the one before sends nothing of its own.
            assert!(calls.missing <= usize::from(met == 2), "{what}");
        }
    }
}

#[test]
fn a_server_whose_stream_dies_at_any_point_has_run_a_beginning_of_what_came() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        for at in 0.. {
            let what = format!("{driver:?}, {trouble:?} from {at}");
            let mut wire = Wire {
                trouble: Some((at, trouble)),
                lasts: true,
                ..script()
            };
            let (mut rx, mut tx) = ([0; 256], [0; 512]);
            let mut connection = Connection::new(&mut rx, &mut tx);
            let (endpoint, mut app) = (endpoint(), App::default());
            let mut service = endpoint.with(&mut app);
            let result = driver.serve(&mut wire, &mut service, &mut connection);
            drop(service);
            if result == Ok(()) {
                assert!(
                    trouble == Trouble::TakesNothing || wire.operations <= at,
                    "{what}"
                );
                break;
            }
            assert_eq!(result, Err(shown(trouble)), "{what}");
            assert!(wire.operations <= at + 3, "{what}: it went on");
            assert!(script_runs().starts_with(&app.ran), "{what}: {:?}", app.ran);
            assert!(script_answer().starts_with(&wire.written), "{what}");
        }
    }
}

#[test]
fn a_server_whose_peer_ends_at_any_point_answers_what_came() {
    for driver in BOTH {
        for end in 0..SCRIPT.len() {
            let mut wire = Wire {
                short: 60,
                ..Wire::with(&SCRIPT[..end])
            };
            let (failures, ran) = serve(driver, &mut wire, |_| {});
            let expected = Setup::default().hears_all([&SCRIPT[..end]]);
            assert_eq!(
                (failures, ran),
                (vec![], expected.ran),
                "{driver:?} at {end}"
            );
            assert_eq!(
                show(&wire.written),
                show(&expected.sent),
                "{driver:?} at {end}"
            );
        }
    }
}

#[test]
fn a_client_whose_stream_dies_at_any_point_fails_each_further_call() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        for at in 0..OPERATIONS {
            let what = format!("{driver:?}, {trouble:?} from {at}");
            let (mut rx, mut tx) = ([0; 160], [0; 12]);
            let wire = Wire {
                trouble: Some((at, trouble)),
                lasts: true,
                ..to_server()
            };
            let mut client = Client::new(driver, wire, &mut rx, &mut tx);
            let results = (0..STEPS).map(|number| client.step(number, None));
            let results: Vec<_> = results.collect();
            let well = results.iter().take_while(|result| result.is_ok()).count();
            let rest = &results[well..];
            assert!(
                rest.iter().all(|result| *result == Err(shown(trouble))),
                "{what}: {rest:?}"
            );
            let arrived = String::from_utf8(client.wire().written.clone()).expect("text");
            assert!(requests(STEPS).starts_with(&arrived), "{what}: {arrived}");
            assert!(arrived.starts_with(&requests(well)), "{what}: {arrived}");
        }
    }
}

#[test]
fn a_client_whose_server_ends_at_any_point_sends_nothing_more() {
    for (driver, at) in BOTH.iter().flat_map(|d| (0..OPERATIONS).map(|at| (*d, at))) {
        let what = format!("{driver:?}, ends at {at}");
        let (mut rx, mut tx) = ([0; 160], [0; 12]);
        let wire = Wire {
            trouble: Some((at, Trouble::Ends)),
            lasts: true,
            ..to_server()
        };
        let mut client = Client::new(driver, wire, &mut rx, &mut tx);
        let mut operations = None;
        for number in 0..STEPS {
            let result = client.step(number, None);
            match operations {
                None if result.is_ok() => {}
                None => operations = Some(client.wire().operations),
                Some(before) => assert_eq!(client.wire().operations, before, "{what}"),
            }
            assert!(
                result.is_ok() || result == Err(Error::Closed),
                "{what}: {result:?}"
            );
            assert!(
                operations.is_none() || result.is_err(),
                "{what}: it goes on"
            );
        }
    }
}

/// What a client that has sent a LOG finds at the end, when `last_words` is what the server still said.
fn ends_with(driver: Driver, last_words: &str, expected: &Result<()>) {
    let begin = |trouble, pends| Wire {
        trouble,
        pends,
        short: 5,
        ..Wire::with(last_words)
    };
    let (mut rx, mut tx) = ([0; 160], [0; 12]);
    let mut client = Client::new(driver, begin(None, false), &mut rx, &mut tx);
    assert_eq!(client.step(1, None), Ok(()));
    assert_eq!(client.finish(None), *expected, "{driver:?}, {last_words:?}");
    let operations = client.wire().operations;
    for (at, trouble) in (0..operations).flat_map(|at| PASSING.map(|t| (at, t))) {
        let what = format!("{driver:?}, {last_words:?}, {trouble:?} at {at}");
        let (mut rx, mut tx) = ([0; 160], [0; 12]);
        let wire = begin(Some((at, trouble)), false);
        let mut client = Client::new(driver, wire, &mut rx, &mut tx);
        let failed = match client.step(1, None) {
            Ok(()) => client.finish(None),
            failed => failed,
        };
        if client.wire().trouble.is_none() {
            assert_eq!(failed, Err(shown(trouble)), "{what}");
            assert_eq!(client.finish(None), *expected, "{what}");
        } else {
            assert_eq!(failed, *expected, "{what}");
        }
        assert_eq!(show(&client.wire().written), "LOG\\ntwo\\n", "{what}");
    }
    for polls in 1..=2 * operations {
        let what = format!("{driver:?}, {last_words:?}, dropped after {polls}");
        let (mut rx, mut tx) = ([0; 160], [0; 12]);
        let mut client = Client::new(Driver::Async, begin(None, true), &mut rx, &mut tx);
        assert_eq!(client.step(1, None), Ok(()));
        let first = client.finish(Some(polls));
        if first != *expected {
            assert_eq!(first, Err(Error::Closed), "{what}");
            assert_eq!(client.finish(None), *expected, "{what}");
        }
    }
}

/// Cause: a `finish` that failed or was dropped, and then repeated, took the server's last error line
/// for a reply that was given up, or its end for a broken one.
#[test]
fn the_end_is_found_again_after_a_failure_at_any_point() {
    let refused = Err(Error::Refused(Refusal {
        code: Code::Refused,
        sentence: "LOG: no".try_into().expect("short enough"),
    }));
    for driver in BOTH {
        ends_with(driver, "", &Ok(()));
        ends_with(driver, "!refused LOG: no\n", &refused);
        ends_with(driver, "!refused LOG", &Err(Error::Closed));
        ends_with(driver, "two\n", &Err(Fault::UnexpectedReply.into()));
    }
}

/// Serves `wire` with the async driver, whose future is dropped at each of these points, told in polls
/// since the last, and then runs to the end.
fn serve_with_drops(wire: &mut Wire, drops: impl IntoIterator<Item = usize>) {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut drops = drops.into_iter();
    let result = loop {
        let run = asynch::serve(wire, &mut service, &mut connection);
        match drops.next() {
            None => break block_on(run),
            Some(polls) => {
                if let Some(result) = cancel_after(polls, run) {
                    break result;
                }
            }
        }
    };
    drop(service);
    assert_eq!(result, Ok(()));
    assert_eq!(app.ran, script_runs());
    assert_eq!(show(&wire.written), show(&script_answer()));
}

#[test]
fn an_async_server_loses_nothing_when_it_is_dropped() {
    let wire = || Wire {
        pends: true,
        ..script()
    };
    let mut every = wire();
    serve_with_drops(&mut every, core::iter::repeat_n(1, 1000));
    for polls in 1..every.operations {
        serve_with_drops(&mut wire(), [polls]);
    }
}

#[test]
fn an_async_call_that_is_dropped_at_any_point_takes_no_reply_from_the_next() {
    for number in 0..STEPS {
        for polls in 1.. {
            let wire = Wire {
                pends: true,
                ..to_server()
            };
            let (mut rx, mut tx) = ([0; 160], [0; 12]);
            let mut client = Client::new(Driver::Async, wire, &mut rx, &mut tx);
            let mut dropped = false;
            for step in 0..=STEPS {
                let result = client.step(step, (step == number).then_some(polls));
                dropped |= result.is_err();
                assert!(result.is_ok() || step == number, "{step}: {result:?}");
            }
            let requests = requests(STEPS + 1);
            assert_eq!(show(&client.wire().written), show(requests.as_bytes()));
            if !dropped {
                break;
            }
        }
    }
}
