//! The values of a topic, across restarts of the server.

use super::{RECOVERY, Soak};
use bellwire::{Postcard, Topic};
use bellwire_std::tokio::Client;
use bellwire_std::{Event, Publisher};
use std::thread;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The number of the server's start, and a number that grows by 1 with each value of this start.
pub(super) type Value = (u64, u64);

pub(super) const COUNT: Topic<Postcard<Value>> = Topic::new("COUNT");

/// Publishes a value each millisecond, in a thread.
pub(super) fn publish(count: Publisher<Postcard<Value>>, start: u64) {
    thread::spawn(move || {
        for number in 0.. {
            count.publish(&(start, number)).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// The values that a subscriber has received.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// The last value since the last gap.
    last: Option<Value>,
    /// The values that were lost since.
    lost: u64,
    gaps: u64,
}

impl Values {
    /// Takes an event. Values and losses follow each other without a hole, and only after a gap another start begins.
    pub(super) fn take(&mut self, event: Event<Value>) {
        match event {
            Event::Value(value) => {
                if let Some((start, last)) = self.last {
                    let next = last + 1 + self.lost;
                    assert_eq!(value, (start, next), "a hole without a gap");
                }
                self.last = Some(value);
                self.lost = 0;
            }
            Event::Lost(count) => self.lost += count,
            _ => {
                self.gaps += 1;
                self.last = None;
                self.lost = 0;
            }
        }
    }

    /// Returns whether the last value is of this start. The gaps before must have been told.
    pub(super) fn have_reached(&self, start: u64) -> bool {
        let is_last = self.last.is_some_and(|(last, _)| last == start);
        assert!(!is_last || self.gaps > 0, "no gap after {start} restarts");
        is_last
    }
}

impl Soak {
    /// A subscriber on the async client.
    pub(super) async fn subscribe(&self, client: &Client) {
        let mut count = loop {
            match client.subscribe(COUNT).await {
                Ok(count) => break count,
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        };
        let mut values = Values::default();
        while !self.is_watched(&values) {
            let event = timeout(RECOVERY, count.next()).await;
            let event = event.expect("values of the client that recovers");
            values.take(event.unwrap().unwrap());
        }
    }
}
