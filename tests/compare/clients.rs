//! Measures the clients of hosts against a server: `clients ADDRESS SECONDS [TASKS]`.
//!
//! Without TASKS it measures the pipeline of the blocking client, to be run next to
//! `bellwire bench ADDRESS -c 1 -p 64`. With TASKS it measures that many tasks that share one async client on one
//! thread.

use bellwire_std::Client;
use commands::{STRING, TEXT};
use std::error::Error;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The requests between two looks at the clock.
const ROUND: usize = 100_000;

/// The calls of a task between two looks at the clock.
const CALLS: u32 = 100;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: clients ADDRESS SECONDS [TASKS]";
    let address = arguments.next().ok_or(usage)?;
    let seconds = arguments.next().ok_or(usage)?.parse()?;
    let duration = Duration::from_secs(seconds);
    match arguments.next() {
        None => pipeline(&address, duration),
        Some(tasks) => {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build()?;
            runtime.block_on(share(&address, duration, tasks.parse()?))
        }
    }
}

fn pipeline(address: &str, duration: Duration) -> Result<()> {
    let mut client = Client::connect(address, Duration::from_secs(10))?;
    let begin = Instant::now();
    let mut replies = 0u32;
    while begin.elapsed() < duration {
        for reply in client.pipeline(STRING, std::iter::repeat_n(TEXT, ROUND)) {
            check(&reply?)?;
            replies += 1;
        }
    }
    report("pipeline", replies, begin);
    Ok(())
}

async fn share(address: &str, duration: Duration, tasks: usize) -> Result<()> {
    let client = bellwire_std::tokio::Client::connect(address).await?;
    let begin = Instant::now();
    let task = || {
        let client = client.clone();
        tokio::spawn(async move {
            let mut replies = 0;
            while begin.elapsed() < duration {
                for _ in 0..CALLS {
                    check(&client.call(STRING, TEXT).await?)?;
                }
                replies += CALLS;
            }
            Result::Ok(replies)
        })
    };
    let tasks: Vec<_> = std::iter::repeat_with(task).take(tasks).collect();
    let mut replies = 0;
    let number = tasks.len();
    for task in tasks {
        replies += task.await??;
    }
    report(&format!("{number} tasks"), replies, begin);
    Ok(())
}

fn check(reply: &str) -> Result<()> {
    if reply == "Thank you." {
        Ok(())
    } else {
        Err("a reply is wrong".into())
    }
}

fn report(name: &str, replies: u32, begin: Instant) {
    let rate = f64::from(replies) / begin.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} replies a second");
}
