//! `bellwire watch`: prints the values of topics as they are published.

use crate::call::{descriptions, escaped};
use crate::failure::Failure;
use crate::numbers::time_limit;
use crate::output;
use crate::target::Target;
use bellwire::Code;
use bellwire_std::json::{JsonCallError, RemoteTopic};
use bellwire_std::schema::{FetchError, Signature};
use bellwire_std::{CallError, Cause, Client, Event, Push};
use serde_json::json;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The time after which a lost connection is reported.
const SLICE: Duration = Duration::from_millis(500);

/// The time for an attempt to connect again. A board that resets when its port is opened needs seconds.
const ATTEMPT: Duration = Duration::from_secs(10);

/// The command line of `bellwire watch`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The names of the topics, without the `>` that `list` prints.
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// End after this many lines.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after this time.
    #[arg(long = "for", value_name = "SECONDS", value_parser = time_limit)]
    time: Option<Duration>,
    /// Read the descriptions from this file, which `list --json` wrote, for a server that gives none.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
}

/// Prints a line of JSON for each value, for each loss, and for each reconnect. While the server is away, connects
/// again and again, and reports on standard error only the beginning and the end of this time.
///
/// # Errors
/// If the server is unreachable, refuses a topic or does not describe it, or ends the conversation with an error line.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let known = arguments.schema.as_deref().map(descriptions).transpose()?;
    let end = arguments.time.map(|time| Instant::now() + time);
    let mut client = arguments.target.connect()?;
    let mut topics = Vec::new();
    for name in &arguments.topics {
        topics.push(find(&mut client, known.as_deref(), name)?);
    }
    for topic in &topics {
        let heard = topic
            .untyped()
            .ok_or_else(|| Failure::usage(format!("{} has a format of its own", topic.name())))?;
        client.subscribe_raw(heard)?;
    }
    let mut outage = Outage::new(topics[0].name());
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        let longest = if outage.error.is_some() {
            ATTEMPT
        } else {
            SLICE
        };
        let wait = end.map_or(longest, |end| {
            longest.min(end.saturating_duration_since(Instant::now()))
        });
        // A server may publish faster than the lines are printed.
        if wait.is_zero() {
            return outage.error.map_or(Ok(()), |error| Err(error.into()));
        }
        match client.next_push(Some(wait)) {
            Ok(None) => {}
            Ok(Some(push)) => {
                outage.end(&push);
                output::line(line(&topics, push)?)?;
                left -= 1;
            }
            Err(error) => outage.begin(error)?,
        }
    }
    Ok(())
}

/// Reports on standard error when the connection is lost and when it is back.
struct Outage {
    /// A topic of the client. A new connection begins with its gap.
    topic: &'static str,
    /// Why there is no connection.
    error: Option<CallError>,
}

impl Outage {
    fn new(topic: &'static str) -> Self {
        Self { topic, error: None }
    }

    /// Notes that there is no connection. Returns the error if another attempt is pointless.
    fn begin(&mut self, error: CallError) -> Result<(), Failure> {
        let CallError::NotSent(Cause::Closed | Cause::TimedOut | Cause::Transport(_)) = error
        else {
            return Err(error.into());
        };
        if self.error.is_none() {
            report("connection lost; connecting again");
        }
        self.error = Some(error);
        Ok(())
    }

    /// Notes an event. Only a new connection has a gap.
    fn end(&mut self, push: &Push) {
        if push.topic != self.topic || !matches!(push.event, Ok(Event::Gap)) {
            return;
        }
        if self.error.take().is_none() {
            report("connection lost");
        }
        report("connected again");
    }
}

/// Prints a line on standard error. Without standard error, nobody reads it.
fn report(line: &str) {
    let _ = writeln!(io::stderr(), "bellwire: {line}");
}

/// Returns the topic with this name: from a file's descriptions, or from the server's.
fn find(
    client: &mut Client,
    known: Option<&[Signature]>,
    name: &str,
) -> Result<RemoteTopic, Failure> {
    let Some(known) = known else {
        return RemoteTopic::fetch(client, name).map_err(|error| match error {
            FetchError::Call(CallError::Remote(line)) if line.code == Code::Refused => {
                Failure::other(format!("the server describes no topic {name:?}"))
            }
            error => error.into(),
        });
    };
    let mut topics = known.iter().copied().filter_map(RemoteTopic::new);
    topics
        .find(|topic| topic.name() == name)
        .ok_or_else(|| Failure::usage(format!("the file describes no topic {name:?}")))
}

/// Returns an event as a line of JSON.
fn line(topics: &[RemoteTopic], push: Push) -> Result<String, Failure> {
    let (key, value) = match push.event? {
        Event::Value(payload) => {
            let topic = topics.iter().find(|topic| topic.name() == push.topic);
            let value = topic.map(|topic| topic.decode(&payload)).transpose();
            let value = value.map_err(JsonCallError::Reply)?.unwrap_or_default();
            ("value", escaped(&value))
        }
        Event::Lost(count) => ("lost", count.to_string()),
        // The connection was lost, and an unknown number of values with it.
        _ => ("lost", "null".to_owned()),
    };
    let (time, topic) = (json!(now()), json!(push.topic));
    Ok(format!(
        r#"{{"time":{time},"topic":{topic},"{key}":{value}}}"#
    ))
}

/// Returns the time, as RFC 3339 has it.
fn now() -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}
