//! Measures the pipeline of the blocking client: `clients ADDRESS SECONDS`. Run it next to
//! `bellwire bench ADDRESS -c 1 -p 64`.

use bellwire_std::Client;
use commands::{STRING, TEXT};
use std::error::Error;
use std::time::{Duration, Instant};

/// The requests between two looks at the clock.
const ROUND: usize = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: clients ADDRESS SECONDS")?;
    let seconds = arguments.next().ok_or("the number of seconds is missing")?;
    let duration = Duration::from_secs(seconds.parse()?);
    let mut client = Client::connect(address, Duration::from_secs(10))?;
    let begin = Instant::now();
    let mut replies = 0u32;
    while begin.elapsed() < duration {
        for reply in client.pipeline(STRING, std::iter::repeat_n(TEXT, ROUND)) {
            if reply? != "Thank you." {
                return Err("a reply is wrong".into());
            }
            replies += 1;
        }
    }
    let rate = f64::from(replies) / begin.elapsed().as_secs_f64();
    println!("pipeline: {rate:.0} replies a second");
    Ok(())
}
