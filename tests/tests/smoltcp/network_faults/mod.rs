//! A server and a client over smoltcp and a network that loses, damages, doubles, delays and reorders
//! packets. A simulated clock runs as fast as both ends can. `--nocapture` prints a table of the results.
//!
//! Under every fault, each call ends in its own reply or in an error by its deadline. The server runs the
//! requests of a connection in order, each at most once and without a gap. Every answered request was run.
//! After the faults end, a call succeeds.

mod cases;
mod counts;
mod network;

use bellwire::{Error, ErrorKind};
use cases::{CASES, Case, WELL};
use counts::{Counts, print_row};
use network::Network;
use smoltcp::time::Duration;
use std::collections::HashSet;

/// The runs of each case, each with its own seed.
const SEEDS: u64 = 8;

/// The calls of each run.
const CALLS: usize = 60;

/// The longest time from the end of all faults to an answered call. The server may wait this long for a
/// client that it does not know to be gone.
const RECOVERY: Duration = Duration::from_secs(60 + 5 + 5);

/// The consecutive failed calls after which the client abandons a connection.
const FAILURES: usize = 3;

/// Makes all calls of a run and checks the result of each.
fn run(case: &Case, seed: u64, counts: &mut Counts) {
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
        counts.count(&result);
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
    counts.seconds += network.now.secs().unsigned_abs();
    network.suffer(&WELL);
    let recovery = network.recover(CALLS + 1);
    assert!(recovery <= RECOVERY, "it took {recovery} to recover");
    counts.recovery = counts.recovery.max(recovery.secs());
    network.check_what_ran();
    let timed_out = |fault: &ErrorKind| matches!(fault, ErrorKind::TimedOut);
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
    counts.connections += usize::from(network.connections);
    counts.packets += cable.sent;
    counts.overtaken += cable.overtaken;
}

#[test]
fn calls_end_in_time_and_requests_run_in_order_under_every_network_fault() {
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
        let mut counts = Counts::default();
        for seed in 0..SEEDS {
            run(case, seed, &mut counts);
        }
        print_row(counts.row(case.name));
        let answered = counts.done * 100 / all;
        let name = case.name;
        assert!(
            answered >= case.answered,
            "{name}: {answered} % of the calls were answered"
        );
    }
}
