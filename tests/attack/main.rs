//! Measures how honest clients are served while `bellwire serve` is under attack, and prints a table.
//! `bash tests/attack/run` builds all programs and runs it.

use bellwire_demo::files;
use bellwire_tests::attack::{Attack, Health, ask};
use bellwire_tests::served::Served;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, thread};

/// Rounds; each is measured without, then with the attack. The medians count.
const ROUNDS: usize = 9;

/// Honest clients.
const CLIENTS: usize = 8;

/// Requests that each honest client sends in a measurement.
const REQUESTS: usize = 500;

/// Bytes by which memory may exceed twice the memory after the first round.
const GROWTH: u64 = 4 << 20;

fn main() -> ExitCode {
    files::raise_limit();
    let mut broken = 0;
    let mut arguments = env::args().skip(1);
    let word = arguments
        .next()
        .expect("usage: attacked WORD_IN_THE_ATTACKS_NAMES SERVER [ARGUMENT...]");
    let bellwire: Vec<_> = arguments.collect();
    println!(
        "| attack | steps | p99 when quiet | p99 under attack | ratio | resident before, after | replies lost |"
    );
    println!("|---|---|---|---|---|---|---|");
    for attack in Attack::ALL {
        if !attack.name().contains(&word) {
            continue;
        }
        let serve = ["serve", "--quiet", "--listen", "127.0.0.1:0"];
        let server = Served::start(Command::new(&bellwire[0]).args(&bellwire[1..]).args(serve));
        let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
        let (mut before, mut steps) = (0, 0);
        for round in 0..ROUNDS {
            quiet.push(ask(server.address, CLIENTS, REQUESTS));
            let underway = attack.begin(server.address, attack.connections());
            attacked.push(ask(server.address, CLIENTS, REQUESTS));
            steps += underway.end();
            // The first round allocates memory that later rounds reuse.
            if round == 0 {
                before = server.memory();
            }
            thread::sleep(Duration::from_millis(200));
        }
        let after = server.memory();
        let lost: usize = quiet
            .iter()
            .chain(&attacked)
            .map(|health| CLIENTS * REQUESTS - health.replies)
            .sum();
        let (quiet, attacked) = (p99(&quiet), p99(&attacked));
        println!(
            "| {} | {steps} | {quiet:.1?} | {attacked:.1?} | {:.1} | {:.1} MB, {:.1} MB | {lost} |",
            attack.name(),
            attacked.as_secs_f64() / quiet.as_secs_f64(),
            megabytes(before),
            megabytes(after),
        );
        if lost > 0 || after > 2 * before + GROWTH {
            broken += 1;
        }
    }
    if broken > 0 {
        eprintln!("replies were lost, or memory grew, under {broken} of the attacks");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Returns the median of the 99th percentile over all rounds.
fn p99(rounds: &[Health]) -> Duration {
    let mut times: Vec<_> = rounds.iter().map(|health| health.p99).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

#[allow(clippy::cast_precision_loss)] // precise enough to display
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
