//! A server and a client over smoltcp and a network that loses, damages, doubles, delays and reorders
//! packets, by a clock that goes as fast as they can. `--nocapture` shows what came of each case.
//!
//! Whatever the network does, each call ends in its own reply or in an error by its deadline, what the
//! server runs on a connection is the beginning of what was sent on it, each request once and in
//! order, and what was answered was run. Once the network is well, a call is answered.

mod cases;
mod network;
mod tally;

use bellwire::{Error, Fault};
use cases::{CASES, Case, WELL};
use network::Network;
use smoltcp::time::Duration;
use std::collections::HashSet;
use tally::{Tally, print_row};

/// Each case is run with so many seeds.
const SEEDS: u64 = 8;

/// Calls in each run.
const CALLS: usize = 60;

/// Within so long of the end of all faults a call is answered: the server waits so long for a client
/// that is gone without its knowledge.
const RECOVERY: Duration = Duration::from_secs(60 + 5 + 5);

/// The client gives a connection up when so many calls in a row failed on it.
const FAILURES: usize = 3;

/// Makes all the calls of a run, and checks what came of each.
fn run(case: &Case, seed: u64, tally: &mut Tally) {
    let mut network = Network::new(case, seed);
    network.suffer(case);
    network.connect();
    let mut failures = 0;
    for number in 1..=CALLS {
        if number == CALLS / 3 {
            network.cable.borrow_mut().silent_until =
                network.now + Duration::from_secs(case.silence);
        }
        let text = network.text(number);
        let result = match number % 4 {
            3 => network.note(&text),
            _ => network.echo(&text),
        };
        network.check_what_ran();
        tally.count(&result);
        failures = if result.is_ok() { 0 } else { failures + 1 };
        if let Err(error) = result {
            network.pass(Duration::from_secs(1));
            let over = matches!(error, Error::Closed | Error::Transport(_));
            if over || failures == FAILURES {
                network.connect();
                failures = 0;
            }
        }
    }
    tally.seconds += network.now.secs().unsigned_abs();
    network.suffer(&WELL);
    let recovery = network.recover(CALLS + 1);
    assert!(recovery <= RECOVERY, "it took {recovery} to recover");
    tally.recovery = tally.recovery.max(recovery.secs());
    network.check_what_ran();
    let timed_out = |fault: &Fault| matches!(fault, Fault::TimedOut);
    let rejected = &network.log.rejected;
    assert!(rejected.iter().all(timed_out), "{rejected:?}");
    let different: HashSet<_> = network.log.ran.iter().collect();
    assert_eq!(
        different.len(),
        network.log.ran.len(),
        "{:?}",
        network.log.ran
    );
    let cable = network.cable.borrow();
    tally.connections += usize::from(network.connections);
    tally.packets += cable.sent;
    tally.overtaken += cable.overtaken;
}

#[test]
fn whatever_a_network_does_each_call_ends_and_what_runs_is_what_was_sent() {
    let all = CALLS * usize::try_from(SEEDS).expect("few");
    println!("{all} calls in each case, {SEEDS} runs with different seeds");
    let columns = [
        "case",
        "done",
        "timed out",
        "waiting",
        "too slow",
        "lost",
        "dialled",
        "packets",
        "overtaken",
        "seconds",
        "recovered",
    ];
    print_row(columns.map(String::from));
    for case in CASES {
        let mut tally = Tally::default();
        for seed in 0..SEEDS {
            run(case, seed, &mut tally);
        }
        print_row(tally.row(case.name));
        let answered = tally.done * 100 / all;
        let name = case.name;
        assert!(
            answered >= case.answered,
            "{name}: {answered} % were answered"
        );
    }
}
