//! Topics: subscriptions, pushes and reported losses, for both ends.

mod bad_input;
mod client;
mod drivers;
mod exchange;
mod machines;
mod serial;
mod server;

use bellwire::topics::Push;
use bellwire::{Line, Postcard, Topic};

/// A number.
const TICK: Topic<Postcard<u32>> = Topic::new("TICK");
/// A line of text.
const LOG: Topic<Line> = Topic::new("LOG");

/// Returns a push as text, for comparison.
fn shown(push: Push<'_>) -> String {
    let topic = push.topic();
    let tick = push.value(TICK).map(|value| format!("{topic} {value:?}"));
    let log = push.value(LOG).map(|value| format!("{topic} {value:?}"));
    match push {
        Push::Lost { count, .. } => format!("{topic} lost {count}"),
        Push::Value { .. } => tick.or(log).expect("a value of one of the topics"),
    }
}
