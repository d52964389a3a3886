//! The blocking and the async driver carry the same script to the same bytes, whatever the
//! stream does, and lose nothing when it fails or when a future is dropped.

use bellwire::{Code, Command, Connection, Error, Line, asynch, blocking};
use bellwire_tests::poll::{block_on, cancel_after};
use bellwire_tests::server::{App, ECHO, LOG, PING, Setup, TEXT, endpoint, show};
use bellwire_tests::wire::{Failed, Trouble, Wire};
use embedded_io::ErrorKind;

/// What a peer sends in the tests of a server, and the stream's end.
const SCRIPT: &[u8] = b"ECHO\none\nLOG\ntwo\nTEXT\n\x06\x05threeECHO\n\xff\nREPEAT\n\x02\xc8\x01\
    REPEAT\n\x02\xc8\x01REPEAT\n\x02\xc8\x01PING\nECHO\nlast\nNOBODY\nPING\n";

/// What must come back.
fn script_answer() -> Vec<u8> {
    let sent = Setup::default().hears_all([SCRIPT]).sent;
    assert!(sent.ends_with(b"pong\nlast\n!unknown-command no command is named \"NOBODY\"\n"));
    sent
}

/// Which driver, so that a test can do the same with both.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Driver {
    Blocking,
    Async,
}

const BOTH: [Driver; 2] = [Driver::Blocking, Driver::Async];

/// What goes wrong with a stream, one at a time.
const TROUBLES: [Trouble; 3] = [
    Trouble::Fails(ErrorKind::TimedOut),
    Trouble::Fails(ErrorKind::ConnectionReset),
    Trouble::TakesNothing,
];

/// Serves `wire` until it is over, and goes on after failures, which it returns.
fn serve(driver: Driver, wire: &mut Wire) -> Vec<Error<Failed>> {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    let mut failures = Vec::new();
    loop {
        let result = match driver {
            Driver::Blocking => blocking::serve(wire, &mut service, &mut connection),
            Driver::Async => block_on(asynch::serve(wire, &mut service, &mut connection)),
        };
        match result {
            Ok(()) => return failures,
            Err(error) => failures.push(error),
        }
        assert!(failures.len() < 2, "{failures:?}");
    }
}

/// The same for the async driver, whose future is dropped at each of these points, told in polls
/// since the last, and then runs to the end.
fn serve_with_drops(wire: &mut Wire, drops: impl IntoIterator<Item = usize>) {
    let (mut rx, mut tx) = ([0; 256], [0; 512]);
    let mut connection = Connection::new(&mut rx, &mut tx);
    let (endpoint, mut app) = (endpoint(), App::default());
    let mut service = endpoint.with(&mut app);
    for polls in drops {
        let run = asynch::serve(wire, &mut service, &mut connection);
        if let Some(result) = cancel_after(polls, run) {
            return assert_eq!(result, Ok(()));
        }
    }
    block_on(asynch::serve(wire, &mut service, &mut connection)).expect("nothing fails");
}

/// A client that makes the calls of a script over one of the drivers.
#[derive(Debug)]
enum Client<'b> {
    Blocking(blocking::Client<'b, Wire>),
    Async(asynch::Client<'b, Wire>),
}

/// What the script of [`Client::step`] puts on the wire.
const REQUESTS: &str = "ECHO\none\nLOG\ntwo\nTEXT\n\x06\x05threeECHO\n!\nPING\nECHO\nlast\n";

/// The steps of the script.
const STEPS: usize = 6;

type Result<T> = core::result::Result<T, Error<Failed>>;

impl<'b> Client<'b> {
    fn new(driver: Driver, wire: Wire, rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        match driver {
            Driver::Blocking => Client::Blocking(blocking::Client::new(wire, rx, tx)),
            Driver::Async => Client::Async(asynch::Client::new(wire, rx, tx)),
        }
    }

    /// One step, which gives its own reply or fails. `polls` is when to drop the future, if ever.
    fn step(&mut self, number: usize, polls: Option<usize>) -> Result<()> {
        let (reply, expected) = match number {
            0 => (self.call(ECHO, "one", polls), "one"),
            1 => match self {
                Client::Blocking(client) => (client.send(LOG, "two").map(|()| String::new()), ""),
                Client::Async(client) => {
                    let run = client.send(LOG, "two");
                    (finish(polls, run).map(|()| String::new()), "")
                }
            },
            2 => {
                let text = match self {
                    Client::Blocking(client) => client.call(TEXT, &"three"),
                    Client::Async(client) => finish(polls, client.call(TEXT, &"three")),
                };
                (text.map(str::to_owned), "three")
            }
            3 => {
                let reply = self.call(ECHO, "!", polls);
                let Err(Error::Refused(refusal)) = reply else {
                    return reply.map(|_| panic!("a line that begins with ! is no reply"));
                };
                assert_eq!(refusal.code, Code::Failed);
                return Ok(());
            }
            4 => {
                let text = match self {
                    Client::Blocking(client) => client.call(PING, ()),
                    Client::Async(client) => finish(polls, client.call(PING, ())),
                };
                (text.map(str::to_owned), "pong")
            }
            _ => (self.call(ECHO, "last", polls), "last"),
        };
        reply.map(|reply| assert_eq!(reply, expected))
    }

    fn call(
        &mut self,
        command: Command<Line, Line>,
        text: &str,
        polls: Option<usize>,
    ) -> Result<String> {
        match self {
            Client::Blocking(client) => client.call(command, text),
            Client::Async(client) => finish(polls, client.call(command, text)),
        }
        .map(str::to_owned)
    }

    fn wire(&mut self) -> &mut Wire {
        match self {
            Client::Blocking(client) => client.stream(),
            Client::Async(client) => client.stream(),
        }
    }
}

/// Runs a future to its end, or drops it after so many polls, which shows as the error `Closed`.
fn finish<T>(polls: Option<usize>, future: impl Future<Output = Result<T>>) -> Result<T> {
    match polls {
        None => block_on(future),
        Some(polls) => cancel_after(polls, future).unwrap_or(Err(Error::Closed)),
    }
}

/// What came of all the calls of the script.
struct Calls {
    failures: Vec<Error<Failed>>,
    operations: usize,
    left: Option<(usize, Trouble)>,
}

/// Makes all the calls over `wire`, and checks that the server got each request once.
fn call_all(driver: Driver, wire: Wire) -> Calls {
    let (mut rx, mut tx) = ([0; 160], [0; 12]); // so small that a request left behind is in the way
    let mut client = Client::new(driver, wire, &mut rx, &mut tx);
    let steps = (0..STEPS).map(|number| client.step(number, None));
    let calls = Calls {
        failures: steps.filter_map(Result::err).collect(),
        operations: client.wire().operations,
        left: client.wire().trouble.take(),
    };
    // A request whose sending failed goes out with the next.
    let _ = client.step(STEPS, None);
    let requests = REQUESTS.to_owned() + "ECHO\nlast\n";
    assert_eq!(show(&client.wire().written), show(requests.as_bytes()));
    calls
}

/// What `trouble` must show as, unless it is `left` because no operation met it.
fn shown(trouble: Trouble, left: Option<(usize, Trouble)>) -> Vec<Error<Failed>> {
    match trouble {
        _ if left.is_some() => vec![],
        Trouble::Fails(kind) => vec![Error::Transport(Failed(kind))],
        Trouble::TakesNothing => vec![Error::Closed],
    }
}

#[test]
fn both_serve_a_script_to_the_same_bytes() {
    for driver in BOTH {
        for (short, pends) in [(0, false), (0, true), (1, true), (2, false), (7, true)] {
            let mut wire = Wire {
                short,
                pends,
                ..Wire::with(SCRIPT)
            };
            assert_eq!(serve(driver, &mut wire), []);
            assert_eq!(show(&wire.written), show(&script_answer()), "{driver:?}");
        }
    }
}

#[test]
fn both_serve_until_the_stream_ends() {
    let cut_off = "pong\n!malformed the stream ended in the middle of a request\n";
    for driver in BOTH {
        for (input, expected) in [("", ""), ("PING\n", "pong\n"), ("PING\nPI", cut_off)] {
            let mut wire = Wire::with(input);
            assert_eq!(serve(driver, &mut wire), []);
            assert_eq!(show(&wire.written), show(expected.as_bytes()), "{driver:?}");
        }
    }
}

#[test]
fn both_find_a_server_that_closes_closed() {
    for driver in BOTH {
        let (mut rx, mut tx) = ([0; 32], [0; 32]);
        let mut client = Client::new(driver, Wire::with("on"), &mut rx, &mut tx);
        assert_eq!(client.step(0, None), Err(Error::Closed), "{driver:?}");
        assert_eq!(client.step(0, None), Err(Error::Closed), "{driver:?}");
    }
}

#[test]
fn both_call_a_script_to_the_same_bytes() {
    for driver in BOTH {
        for (short, pends) in [(0, false), (0, true), (1, true), (2, false), (7, true)] {
            let wire = Wire {
                short,
                pends,
                ..Wire::to_server()
            };
            assert_eq!(call_all(driver, wire).failures, [], "{driver:?}");
        }
    }
}

#[test]
fn an_operation_that_is_interrupted_is_tried_again() {
    for (driver, at) in BOTH.iter().flat_map(|d| (0..60).map(|at| (*d, at))) {
        let interrupted = |wire| Wire {
            trouble: Some((at, Trouble::Fails(ErrorKind::Interrupted))),
            ..wire
        };
        let mut served = interrupted(Wire::with(SCRIPT));
        assert_eq!(serve(driver, &mut served), [], "{driver:?} at {at}");
        assert_eq!(show(&served.written), show(&script_answer()));
        let calls = call_all(driver, interrupted(Wire::to_server()));
        assert_eq!(calls.failures, [], "{driver:?} at {at}");
        assert!(
            calls.operations < 60 && served.operations < 60,
            "not all tried"
        );
    }
}

#[test]
fn a_server_goes_on_after_a_failure_at_any_point() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| TROUBLES.map(|t| (*d, t))) {
        let wire = |trouble| Wire {
            trouble,
            short: 60,
            ..Wire::with(SCRIPT)
        };
        let mut smooth = wire(None);
        assert_eq!(serve(driver, &mut smooth), []);
        for at in 0..smooth.operations {
            let mut wire = wire(Some((at, trouble)));
            let failures = serve(driver, &mut wire);
            let what = format!("{driver:?}, {trouble:?} at {at}");
            assert_eq!(failures, shown(trouble, wire.trouble), "{what}");
            assert_eq!(show(&wire.written), show(&script_answer()), "{what}");
        }
    }
}

#[test]
fn a_client_goes_on_after_a_failure_at_any_point() {
    for (driver, trouble) in BOTH.iter().flat_map(|d| TROUBLES.map(|t| (*d, t))) {
        let wire = |trouble| Wire {
            trouble,
            short: 5,
            ..Wire::to_server()
        };
        for at in 0..call_all(driver, wire(None)).operations {
            let calls = call_all(driver, wire(Some((at, trouble))));
            let what = format!("{driver:?}, {trouble:?} at {at}");
            assert_eq!(calls.failures, shown(trouble, calls.left), "{what}");
        }
    }
}

#[test]
fn an_async_server_loses_nothing_when_it_is_dropped() {
    let wire = || Wire {
        pends: true,
        short: 60,
        ..Wire::with(SCRIPT)
    };
    let mut every = wire();
    serve_with_drops(&mut every, core::iter::repeat_n(1, 1000));
    assert_eq!(
        show(&every.written),
        show(&script_answer()),
        "at each point"
    );
    for polls in 1..every.operations {
        let mut wire = wire();
        serve_with_drops(&mut wire, [polls]);
        assert_eq!(show(&wire.written), show(&script_answer()), "at {polls}");
    }
}

#[test]
fn an_async_call_that_is_dropped_at_any_point_takes_no_reply_from_the_next() {
    for number in 0..STEPS {
        for polls in 1.. {
            let wire = Wire {
                pends: true,
                short: 5,
                ..Wire::to_server()
            };
            let (mut rx, mut tx) = ([0; 160], [0; 12]);
            let mut client = Client::new(Driver::Async, wire, &mut rx, &mut tx);
            let mut dropped = false;
            for step in 0..=STEPS {
                let result = client.step(step, (step == number).then_some(polls));
                dropped |= result.is_err();
                assert!(result.is_ok() || step == number, "{step}: {result:?}");
            }
            let requests = REQUESTS.to_owned() + "ECHO\nlast\n";
            assert_eq!(show(&client.wire().written), show(requests.as_bytes()));
            if !dropped {
                break;
            }
        }
    }
}
