//! A server receives arbitrary bytes in arbitrary pieces, with arbitrary buffers and limits.
//!
//! Its replies do not depend on the pieces, it keeps no more bytes than its limits allow, and it takes no more
//! steps than bytes arrive and leave.
#![no_main]

use bellwire::{Buffer, Limits, Service, Session, Step};
use bellwire_fuzz::cuts::Cuts;
use bellwire_fuzz::server::{App, Outcome, Setup, endpoint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[rx, tx, name, payload, reply, skip, ref sizes @ ..], input)) =
        data.split_first_chunk::<12>()
    else {
        return;
    };
    let double = |byte| usize::from(byte) * 2;
    let setup = Setup {
        rx: double(rx),
        tx: double(tx),
        limits: Some(Limits {
            name: name.into(),
            payload: double(payload),
            reply: double(reply),
            skip: double(skip) * 2,
        }),
    };
    let (cuts, sends) = (Cuts::new(&sizes[..4]), Cuts::new(&sizes[4..]));
    let at_once = comparable(setup.hears_all([input]));
    assert_eq!(at_once, comparable(setup.hears_all(cuts.of(input))));
    assert_eq!(at_once, converse(&setup, input, Cuts::NONE, Cuts::NONE));
    assert_eq!(at_once, converse(&setup, input, cuts, sends));
});

/// Clears the parts of an outcome that depend on the pieces: the bytes read, and whether it was idle.
fn comparable(outcome: Outcome) -> Outcome {
    Outcome {
        taken: 0,
        idle: false,
        ..outcome
    }
}

/// Runs the same conversation with a bare session, which sees all bytes that have arrived. The replies leave
/// in pieces.
fn converse(setup: &Setup, input: &[u8], mut cuts: Cuts<'_>, mut sends: Cuts<'_>) -> Outcome {
    let endpoint = endpoint();
    let mut app = App::default();
    let mut outcome = Outcome::default();
    let mut memory = vec![0; setup.tx];
    let mut out = Buffer::new(&mut memory);
    let limits = lowered(setup);
    let mut session = Session::new(limits);
    let (mut start, mut arrived) = (0, 0);
    let (mut ended, mut steps) = (false, 0);
    loop {
        steps += 1;
        assert!(steps <= 8 + 2 * (arrived + outcome.sent.len() + out.filled().len()));
        let mut service = endpoint.with(&mut app);
        let mut window = &input[start..arrived];
        let step = session.next(&mut service, &mut window, &mut out);
        let before = core::mem::replace(&mut start, arrived - window.len());
        match step {
            Step::Receive if arrived < input.len() => {
                assert!(
                    window.len() < limits.name.max(limits.payload),
                    "the session keeps more than its limits"
                );
                arrived += cuts.next(input.len() - arrived);
            }
            Step::Receive => {
                assert!(!ended, "the session waits after the end of the stream");
                ended = true;
                session.end(window, &mut service, &mut out);
            }
            Step::Send => {
                assert!(!out.is_empty(), "it asks to send, with no bytes pending");
                send(&mut out, &mut sends, &mut outcome);
            }
            Step::Request { index, payload } => {
                assert!(start > before, "a request has no bytes");
                let answered = service.call(index, payload, session.reply(&mut out));
                session.answered(answered, &mut service, &mut out);
            }
            Step::Close => break,
        }
    }
    while !out.is_empty() {
        send(&mut out, &mut sends, &mut outcome);
    }
    outcome.closed = true;
    outcome.ran = app.ran;
    outcome.rejected = app.rejected;
    outcome
}

/// Returns the limits of a connection with these buffers.
fn lowered(setup: &Setup) -> Limits {
    let limits = setup.limits.expect("the limits are set");
    Limits {
        name: limits.name.min(setup.rx),
        payload: limits.payload.min(setup.rx),
        reply: limits.reply.min(setup.tx),
        skip: limits.skip,
    }
}

fn send(out: &mut Buffer<'_>, sends: &mut Cuts<'_>, outcome: &mut Outcome) {
    let size = sends.next(out.filled().len());
    outcome.sent.extend(&out.filled()[..size]);
    out.consume(size);
}
