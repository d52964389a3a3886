//! `bellwire` alone: both ends in one process, over each transport in turn.

use crate::loopback;
use crate::output::{self, Unprinted};
use crate::serve::endpoint;
use bellwire::{ComplexData, Printable};
use bellwire_std::{Client, Event, Server};
use commands::shown::Shown;
use commands::{GOB, Observer, POSTCARD, STRING, TEXT, TICK};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The time limit for connecting and for each call over TCP.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a client and a server, and prints each message that they send or receive.
///
/// # Errors
/// If anything fails, or a value arrives changed.
pub fn run() -> Result<(), Box<dyn Error>> {
    output::line("Over TCP, with std::net")?;
    let mut guide = Guide::default();
    over_tcp(&mut guide)?;
    guide.check()?;

    output::line("\nOver smoltcp, without a socket of the operating system")?;
    let mut guide = Guide::default();
    loopback::exchange(&mut guide, 1, 1, None)?;
    guide.check()?;

    output::line("\nEvery value arrived as it was sent.")?;
    Ok(())
}

fn over_tcp(guide: &mut Guide) -> Result<(), Box<dyn Error>> {
    let endpoint = Arc::new(endpoint()?);
    let tick = endpoint.topic(TICK)?;
    let server = Server::bind("127.0.0.1:0", endpoint)?;
    let address = server.local_addr().clone();
    let shutdown = server.shutdown_handle();
    let guests = guide.clone();
    let serving = thread::spawn(move || server.run_with(move |_peer| guests.clone()));

    let mut client = Client::connect(address, TIMEOUT)?;
    guide.sends_text(TEXT);
    guide.hears(&client.call(STRING, TEXT)?);
    let value = commands::value();
    guide.sends_data(POSTCARD.name(), &value);
    guide.hears(&client.call(POSTCARD, &value)?);
    client.subscribe(TICK)?;
    tick.publish(&1)?;
    guide.say(format_args!("  server publishes TICK     1"));
    let push = client.next_push(Some(TIMEOUT))?.ok_or("no push arrived")?;
    match push.event(TICK).transpose()? {
        Some(Event::Value(second)) => {
            guide.say(format_args!("  client received  TICK     {second}"));
        }
        event => return Err(format!("expected a value of TICK, received {event:?}").into()),
    }
    guide.sends_data(GOB.name(), &value);
    client.send(GOB, &value)?;
    // GOB has no reply. The connection's end shows that the server has received the value.
    client.finish()?;

    shutdown.stop();
    Ok(serving.join().map_err(|_| "the server panicked")??)
}

/// An observer that prints and keeps the values.
#[derive(Debug, Clone, Default)]
struct Guide(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    values: Values,
    /// The error that ended the printing.
    unprinted: Option<Unprinted>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Values {
    texts: Vec<String>,
    structures: Vec<ComplexData>,
    replies: Vec<String>,
}

impl Guide {
    /// Fails unless exactly the tutorial's values arrived on both sides and were printed.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        let expected = Values {
            texts: vec![TEXT.to_owned()],
            structures: vec![commands::value(), commands::value()],
            replies: vec!["Thank you.".to_owned(), "Received.".to_owned()],
        };
        self.see(|seen| {
            if let Some(unprinted) = seen.unprinted.take() {
                return Err(unprinted.into());
            }
            if seen.values == expected {
                Ok(())
            } else {
                Err(format!("other values arrived than were sent: {:?}", seen.values).into())
            }
        })
    }

    /// Prints a line, unless an earlier one could not be printed.
    fn say(&self, line: fmt::Arguments<'_>) {
        self.see(|seen| {
            if seen.unprinted.is_none() {
                seen.unprinted = output::line(line).err();
            }
        });
    }

    /// Prints both levels of a structure, one per line.
    fn show(&self, what: &str, name: &str, data: &ComplexData) {
        self.say(format_args!("  {what} {name:<8} {}", Shown::from(data)));
        if let Some(inner) = &data.c {
            self.say(format_args!(
                "                   inner    {}",
                Shown::from(inner)
            ));
        }
    }

    fn see<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Guide {
    fn text(&mut self, text: &str) {
        let quoted = Printable::new(text).quoted();
        self.say(format_args!("  server received  STRING   {quoted}"));
        self.see(|seen| seen.values.texts.push(text.to_owned()));
    }

    fn data(&mut self, data: &ComplexData) {
        self.show("server received ", "outer", data);
        self.see(|seen| seen.values.structures.push(data.clone()));
    }

    fn sends_text(&mut self, text: &str) {
        let quoted = Printable::new(text).quoted();
        self.say(format_args!("  client sends     STRING   {quoted}"));
    }

    fn sends_data(&mut self, command: &str, data: &ComplexData) {
        self.show("client sends    ", command, data);
    }

    fn hears(&mut self, reply: &str) {
        let quoted = Printable::new(reply).quoted();
        self.say(format_args!("  client received           {quoted}"));
        self.see(|seen| seen.values.replies.push(reply.to_owned()));
    }
}
