//! Calls over a line that hurts frames: no command is altered, run twice or shifted, and every call ends.

use super::line::{Fault, World};
use bellwire::link::State;
use bellwire::{ClientConnection, Command, Endpoint, Line, ServerConnection};

/// The reply is the request.
const NOTE: Command<Line, Line> = Command::new("NOTE");

/// Every call's fate.
#[derive(Debug, Default)]
struct Counts {
    replies: u32,
    /// Calls that ended with an error of the link.
    errors: u32,
    /// Requests that ran.
    runs: u32,
    /// Bytes that were damaged, each in a frame of its own.
    damaged: u32,
    /// Frames, by the zeros between them.
    frames: u32,
}

/// The device's program: the numbers of the requests that ran.
#[derive(Default)]
struct Notes {
    last: Option<u32>,
    runs: u32,
}

/// Makes calls one after the other. With `restarts`, the device restarts in the middle of some.
#[allow(clippy::too_many_lines)] // one loop over both ends
fn run(calls: u32, seed: u64, restarts: bool) -> Counts {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut endpoint = Endpoint::<Notes, 1>::new();
    endpoint
        .handle(NOTE, &|notes, text, reply| {
            let number = text.split('.').next().and_then(|n| n.parse().ok());
            let number: u32 = number.expect("an altered command");
            assert_eq!(*text, message(number), "an altered command");
            assert!(
                notes.last < Some(number),
                "run twice or out of order: {number}"
            );
            notes.last = Some(number);
            notes.runs += 1;
            reply.send(text)
        })
        .unwrap();
    let mut notes = Notes::default();
    let mut memory = [[0; 256]; 4];
    let [rx, tx, client_rx, client_tx] = &mut memory;
    let mut server = ServerConnection::new(rx, tx);
    let mut client = ClientConnection::new(client_rx, client_tx);
    let mut world = World::new(256);
    let mut counts = Counts::default();
    let mut boots = 1;

    for number in 0..calls {
        // A call takes a few hundred steps.
        let mut restart_in = (restarts && random.u32(..50) == 0).then(|| random.u32(..300));
        let deadline = world.time + 30_000_000;
        client.request(NOTE, &message(number)).unwrap();
        // One frame of a hundred is damaged. A frame has about twenty bytes.
        let (mut damaged, mut frames) = (0, 0);
        let mut faults = |_, _, byte| {
            let hits = random.u32(..1_800) == 0;
            damaged += u32::from(hits);
            frames += u32::from(byte == 0);
            hits.then(|| match random.u8(..8) {
                0 => Fault::Lose,
                1 => Fault::Double,
                2 => Fault::Insert(random.u8(..)),
                _ => Fault::Flip(1 << random.u8(..8)),
            })
        };
        loop {
            assert!(world.time < deadline, "call {number} does not end");
            let sent = world.ends[0].write(client.pending()).unwrap_or(0);
            client.sent(sent);
            let n = world.ends[0].read(client.space()).unwrap_or(0);
            client.received(n);
            if client.has_reply().unwrap() {
                assert_eq!(
                    client.reply(NOTE).unwrap(),
                    message(number),
                    "a shifted reply"
                );
                assert_eq!(notes.last, Some(number));
                counts.replies += 1;
                break;
            }
            if let State::Over(_) = world.ends[0].state() {
                let now = world.now();
                world.ends[0].restart(now);
                client.reset();
                counts.errors += 1;
                break;
            }
            if restart_in == Some(0) {
                boots += 1;
                world.ends[1] = super::line::device(256, boots);
                server.reset();
            }
            restart_in = restart_in.and_then(|steps| steps.checked_sub(1));
            serve(&mut world, &mut server, &mut endpoint.with(&mut notes));
            world.step(&mut faults);
        }
        counts.damaged += damaged;
        counts.frames += frames;
    }
    counts.runs = notes.runs;
    counts
}

/// Serves the requests that have arrived at the device.
fn serve(
    world: &mut World,
    server: &mut ServerConnection<'_>,
    service: &mut impl bellwire::Service,
) {
    let now = world.now();
    let link = &mut world.ends[1];
    let n = link.read(server.space()).unwrap_or(0);
    server.received(n);
    if n > 0 {
        let next = server.advance(service);
        assert_eq!(next, bellwire::Next::Receive);
    }
    let sent = link.write(server.pending()).unwrap_or(0);
    server.sent(sent);
    if let State::Over(_) = link.state() {
        link.restart(now);
        server.reset();
    }
}

/// Returns the request with a number: between 8 and 40 bytes.
fn message(number: u32) -> String {
    let size = usize::try_from(number % 30).unwrap();
    format!("{number}.{}", &"the quick brown fox jumps over"[..size])
}

fn check(calls: u32, counts: &Counts, most_errors: u32) {
    println!("{calls} calls: {counts:?}");
    assert_eq!(
        counts.replies + counts.errors,
        calls,
        "calls without an end"
    );
    assert!(counts.runs >= counts.replies);
    assert!(counts.runs <= counts.replies + counts.errors);
    assert!(counts.errors <= most_errors);
    assert!(
        counts.damaged > counts.frames / 100,
        "too few frames are damaged"
    );
}

#[test]
fn twenty_thousand_calls_with_one_frame_of_a_hundred_hurt_all_get_their_reply() {
    check(20_000, &run(20_000, 1, false), 0);
}

#[test]
fn calls_to_a_device_that_restarts_end_and_never_run_twice() {
    let counts = run(5_000, 2, true);
    check(5_000, &counts, 200);
    assert!(counts.errors > 0);
    assert!(
        counts.runs > counts.replies,
        "no request ran whose reply was lost"
    );
}

#[test]
#[ignore = "takes minutes without optimisation"]
fn a_million_calls_with_one_frame_of_a_hundred_hurt_all_get_their_reply() {
    check(1_000_000, &run(1_000_000, 3, false), 0);
    let counts = run(100_000, 4, true);
    check(100_000, &counts, 4_000);
}
