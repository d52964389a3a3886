//! Measures redis-rs' multiplexed connection: `compare-redis URL SECONDS TASKS`. It does the same as `clients` of
//! Bellwire, on one thread, with PING.

use std::error::Error;
use std::time::{Duration, Instant};

/// The calls of a task between two looks at the clock.
const CALLS: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("usage: compare-redis URL SECONDS TASKS")
    };
    let (url, seconds, tasks): (_, _, usize) = (next()?, next()?.parse()?, next()?.parse()?);
    let duration = Duration::from_secs(seconds);
    let runtime = { tokio::runtime::Builder::new_current_thread() }
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection().await?;
        let begin = Instant::now();
        let task = || {
            let mut connection = connection.clone();
            tokio::spawn(async move {
                let mut replies = 0;
                while begin.elapsed() < duration {
                    for _ in 0..CALLS {
                        let reply: String = redis::cmd("PING").query_async(&mut connection).await?;
                        assert_eq!(reply, "PONG");
                    }
                    replies += CALLS;
                }
                redis::RedisResult::Ok(replies)
            })
        };
        let tasks: Vec<_> = std::iter::repeat_with(task).take(tasks).collect();
        let number = tasks.len();
        let mut replies = 0;
        for task in tasks {
            replies += task.await??;
        }
        let rate = f64::from(replies) / begin.elapsed().as_secs_f64();
        println!("{number} tasks: {rate:.0} replies a second");
        Ok(())
    })
}
