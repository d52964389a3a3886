//! Faulty streams, under both drivers, for the server and the client. Each operation in turn fails,
//! is interrupted, writes 0 bytes or reads the end, once, twice or for good; or its future is dropped.

use bellwire::{Code, Error, ErrorKind, RemoteError, ServerConnection, asynch};
use bellwire_tests::driver::{BOTH, Client, Driver, Result, SCRIPT, STEPS};
use bellwire_tests::driver::{request, requests, script_answer};
use bellwire_tests::poll::{block_on, cancel_after};
use bellwire_tests::server::{App, Setup, endpoint, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};

const TIMED_OUT: Trouble = Trouble::Fails(embedded_io::ErrorKind::TimedOut);
const RESET: Trouble = Trouble::Fails(embedded_io::ErrorKind::ConnectionReset);
const INTERRUPTED: Trouble = Trouble::Fails(embedded_io::ErrorKind::Interrupted);

/// The faults after which a stream may still work.
const PASSING: [Trouble; 3] = [TIMED_OUT, RESET, Trouble::TakesNothing];

/// An upper bound for the operations of one conversation here.
const OPERATIONS: usize = 100;

/// Returns the error that the driver must report for `trouble`.
fn error_of(trouble: Trouble) -> Error<Failed> {
    match trouble {
        Trouble::Fails(kind) => Error::Transport(Failed(kind)),
        Trouble::TakesNothing | Trouble::Ends => Error::Closed,
    }
}

/// Returns a stream that delivers [`SCRIPT`], at most 60 bytes in one operation.
fn script() -> Wire {
    Wire {
        short: 60,
        ..Wire::with(SCRIPT)
    }
}

/// Returns a stream to a server, with at most 5 bytes in one operation.
fn to_server() -> Wire {
    Wire {
        short: 5,
        ..Wire::to_server()
    }
}

/// Returns the commands of [`SCRIPT`] that a server must run.
fn script_runs() -> Vec<String> {
    Setup::default().hears_all([SCRIPT]).ran
}

/// Serves `wire` until it ends. After each failure, lets `again` change the stream and serves on.
/// Returns the failures and the commands that ran.
fn serve(
    driver: Driver,
    wire: &mut Wire,
    mut again: impl FnMut(&mut Wire),
) -> (Vec<Error<Failed>>, Vec<String>) {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut failures = Vec::new();
    while let Err(error) = driver.serve(wire, &mut service, &mut connection) {
        failures.push(error);
        assert!(failures.len() < 5, "{failures:?}");
        assert!(wire.operations < OPERATIONS, "the server does not end");
        again(wire);
    }
    drop(service);
    (failures, app.ran)
}

/// The outcome of the script's calls and of a last call.
struct Calls {
    failures: Vec<Error<Failed>>,
    wire: Wire,
    /// The calls whose first byte never arrived.
    missing: usize,
}

/// Makes the calls of the script. After each failure, lets `again` change the stream. Repeats the last
/// call until it succeeds. Checks that requests arrive in order and at most once, and that each answered
/// one arrived.
fn call_all(driver: Driver, wire: Wire, mut again: impl FnMut(&mut Wire)) -> Calls {
    let (mut rx, mut tx) = ([0; 160], [0; 12]); // too small for two requests
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

/// Counts the requests that are not in `arrived`. It must hold the others in order, and nothing else.
fn missing(mut arrived: &[u8], made: &[(String, bool)]) -> usize {
    let mut missing = 0;
    for (request, answered) in made {
        if let Some(rest) = arrived.strip_prefix(request.as_bytes()) {
            arrived = rest;
        } else {
            assert!(!answered, "{request:?} was answered, but did not arrive");
            missing += 1;
        }
    }
    assert_eq!(show(arrived), "", "bytes that no call sent, or sent twice");
    missing
}

#[test]
fn an_interrupted_operation_is_retried() {
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
fn a_server_recovers_from_failures_of_any_two_operations() {
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
                let case = format!("{driver:?}, {trouble:?} at {first}, then {second}");
                let met = troubles - usize::from(wire.trouble.is_some());
                assert_eq!(failures, vec![error_of(trouble); met], "{case}");
                assert_eq!(show(&wire.written), show(&script_answer()), "{case}");
                assert_eq!(ran, script_runs(), "{case}");
            }
        }
    }
}

#[test]
fn a_client_recovers_from_a_failure_of_any_operation() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        for at in 0..OPERATIONS {
            let case = format!("{driver:?}, {trouble:?} at {at}");
            let trouble_at = Some((at, trouble));
            let wire = Wire {
                trouble: trouble_at,
                ..to_server()
            };
            let calls = call_all(driver, wire, |_| {});
            let met = usize::from(calls.wire.trouble.is_none());
            assert_eq!(calls.failures, vec![error_of(trouble); met], "{case}");
            assert_eq!(
                calls.missing, 0,
                "{case}: the next call must send the unsent bytes"
            );
            assert!(calls.wire.operations < OPERATIONS, "{case}");
        }
    }
}

#[test]
fn a_client_recovers_from_failures_of_any_two_operations() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        let operations = call_all(driver, to_server(), |_| {}).wire.operations;
        for (first, second) in (0..operations).flat_map(|f| (0..10).map(move |s| (f, s))) {
            let case = format!("{driver:?}, {trouble:?} at {first}, then {second}");
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
            assert_eq!(calls.failures, vec![error_of(trouble); met], "{case}");
            // A call that cannot send the rest of the previous request sends nothing of its own.
            assert!(calls.missing <= usize::from(met == 2), "{case}");
        }
    }
}

#[test]
fn a_server_whose_stream_dies_has_run_a_prefix_of_the_requests() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        for at in 0.. {
            let case = format!("{driver:?}, {trouble:?} from {at}");
            let mut wire = Wire {
                trouble: Some((at, trouble)),
                lasts: true,
                ..script()
            };
            let (mut rx, mut tx) = ([0; 256], [0; 512]);
            let mut connection = ServerConnection::new(&mut rx, &mut tx);
            let (endpoint, mut app) = (endpoint(), App::default());
            let mut service = endpoint.with(&mut app);
            let result = driver.serve(&mut wire, &mut service, &mut connection);
            drop(service);
            if result == Ok(()) {
                assert!(
                    trouble == Trouble::TakesNothing || wire.operations <= at,
                    "{case}"
                );
                break;
            }
            assert_eq!(result, Err(error_of(trouble)), "{case}");
            assert!(wire.operations <= at + 3, "{case}: the server continued");
            assert!(script_runs().starts_with(&app.ran), "{case}: {:?}", app.ran);
            assert!(script_answer().starts_with(&wire.written), "{case}");
        }
    }
}

#[test]
fn a_server_answers_each_request_before_the_end_of_the_stream() {
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
fn a_client_whose_stream_dies_fails_each_further_call() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| PASSING.map(|t| (*d, t))) {
        for at in 0..OPERATIONS {
            let case = format!("{driver:?}, {trouble:?} from {at}");
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
                rest.iter().all(|result| *result == Err(error_of(trouble))),
                "{case}: {rest:?}"
            );
            let arrived = String::from_utf8(client.wire().written.clone()).expect("text");
            assert!(requests(STEPS).starts_with(&arrived), "{case}: {arrived}");
            assert!(arrived.starts_with(&requests(well)), "{case}: {arrived}");
        }
    }
}

#[test]
fn a_client_sends_nothing_after_the_server_has_closed() {
    for (driver, at) in BOTH.iter().flat_map(|d| (0..OPERATIONS).map(|at| (*d, at))) {
        let case = format!("{driver:?}, ends at {at}");
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
                Some(before) => assert_eq!(client.wire().operations, before, "{case}"),
            }
            assert!(
                result.is_ok() || result == Err(Error::Closed),
                "{case}: {result:?}"
            );
            assert!(
                operations.is_none() || result.is_err(),
                "{case}: a call succeeded after the end"
            );
        }
    }
}

/// Checks the result of `finish` after a LOG, if the server sends `last_words` and closes.
fn check_finish(driver: Driver, last_words: &str, expected: &Result<()>) {
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
        let case = format!("{driver:?}, {last_words:?}, {trouble:?} at {at}");
        let (mut rx, mut tx) = ([0; 160], [0; 12]);
        let wire = begin(Some((at, trouble)), false);
        let mut client = Client::new(driver, wire, &mut rx, &mut tx);
        let failed = match client.step(1, None) {
            Ok(()) => client.finish(None),
            failed => failed,
        };
        if client.wire().trouble.is_none() {
            assert_eq!(failed, Err(error_of(trouble)), "{case}");
            assert_eq!(client.finish(None), *expected, "{case}");
        } else {
            assert_eq!(failed, *expected, "{case}");
        }
        assert_eq!(show(&client.wire().written), "LOG\\ntwo\\n", "{case}");
    }
    for polls in 1..=2 * operations {
        let case = format!("{driver:?}, {last_words:?}, dropped after {polls}");
        let (mut rx, mut tx) = ([0; 160], [0; 12]);
        let mut client = Client::new(Driver::Async, begin(None, true), &mut rx, &mut tx);
        assert_eq!(client.step(1, None), Ok(()));
        let first = client.finish(Some(polls));
        if first != *expected {
            assert_eq!(first, Err(Error::Closed), "{case}");
            assert_eq!(client.finish(None), *expected, "{case}");
        }
    }
}

/// Regression: after a failed or dropped `finish`, the next one took the server's last error line for
/// an abandoned reply, or an orderly end for a broken stream.
#[test]
fn finish_repeated_after_a_failure_reports_the_same_end() {
    let refused = Err(Error::Remote(RemoteError {
        command: None,
        code: Code::Refused,
        sentence: "LOG: no".try_into().expect("short enough"),
    }));
    for driver in BOTH {
        check_finish(driver, "", &Ok(()));
        check_finish(driver, "!refused LOG: no\n", &refused);
        check_finish(driver, "!refused LOG", &Err(Error::Closed));
        check_finish(driver, "two\n", &Err(ErrorKind::UnexpectedReply.into()));
    }
}

/// Serves `wire` with the async driver. Drops the future after each number of polls in `drops`, then
/// serves to the end.
fn serve_with_drops(wire: &mut Wire, drops: impl IntoIterator<Item = usize>) {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
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
fn dropping_the_async_serve_future_loses_no_bytes() {
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
fn a_dropped_async_call_takes_no_reply_from_the_next_call() {
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
