//! One interface to the blocking and the async driver, so that a test can run with both.

use crate::poll::{block_on, cancel_after};
use crate::server::{ECHO, LOG, PING, Setup, TEXT};
use crate::wire::{Failed, Wire};
use bellwire::topics::TopicSet;
use bellwire::{Code, Command, Error, Line, ServerConnection, Service, asynch, blocking};
use core::future::Future;

/// The result of an operation over a [`Wire`].
pub type Result<T> = core::result::Result<T, Error<Failed>>;

/// A driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The driver of [`bellwire::blocking`].
    Blocking,
    /// The driver of [`bellwire::asynch`].
    Async,
}

/// Both drivers.
pub const BOTH: [Driver; 2] = [Driver::Blocking, Driver::Async];

/// The bytes that a client sends in the tests of a server.
pub const SCRIPT: &[u8] =
    b"ECHO\none\nLOG\ntwo\nTEXT\n\x06\x05threeECHO\n\xff\nREPEAT\n\x02\xc8\x01\
    REPEAT\n\x02\xc8\x01REPEAT\n\x02\xc8\x01PING\nECHO\nlast\nNOBODY\nPING\n";

/// Returns the bytes that a server must send for [`SCRIPT`].
pub fn script_answer() -> Vec<u8> {
    let sent = Setup::default().hears_all([SCRIPT]).sent;
    assert!(sent.ends_with(b"pong\nlast\n!unknown-command no command is named \"NOBODY\"\n"));
    sent
}

impl Driver {
    /// Serves `wire` until the conversation ends or an operation fails.
    ///
    /// # Errors
    /// The errors of the driver's `serve`.
    pub fn serve(
        self,
        wire: &mut Wire,
        service: &mut impl Service,
        connection: &mut ServerConnection<'_, impl TopicSet>,
    ) -> Result<()> {
        match self {
            Driver::Blocking => blocking::serve(wire, service, connection),
            Driver::Async => block_on(asynch::serve(wire, service, connection)),
        }
    }
}

/// A client that makes the calls of a script with one of the drivers.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Client<'b> {
    Blocking(blocking::Client<'b, Wire>),
    Async(asynch::Client<'b, Wire>),
}

/// The number of steps in the script. Later steps are like the last one.
pub const STEPS: usize = 6;

/// Returns the bytes that the first `steps` steps send.
pub fn requests(steps: usize) -> String {
    (0..steps).map(request).collect()
}

/// Returns the bytes that step `number` of [`Client::step`] sends.
pub fn request(number: usize) -> String {
    match number {
        0 => "ECHO\none\n".into(),
        1 => "LOG\ntwo\n".into(),
        2 => "TEXT\n\x06\x05three".into(),
        3 => "ECHO\n!\n".into(),
        4 => "PING\n".into(),
        _ => format!("ECHO\n{number}\n"),
    }
}

impl<'b> Client<'b> {
    /// Creates a client at the start of a conversation.
    pub fn new(driver: Driver, wire: Wire, rx: &'b mut [u8], tx: &'b mut [u8]) -> Self {
        match driver {
            Driver::Blocking => Client::Blocking(blocking::Client::new(wire, rx, tx)),
            Driver::Async => Client::Async(asynch::Client::new(wire, rx, tx)),
        }
    }

    /// Makes one step of the script and checks its reply. Drops the future after `polls` polls, if given.
    ///
    /// # Errors
    /// The errors of the call; [`Error::Closed`] also if the future was dropped.
    pub fn step(&mut self, number: usize, polls: Option<usize>) -> Result<()> {
        let text = number.to_string();
        let (reply, expected) = match number {
            0 => (self.call(ECHO, "one", polls), "one"),
            1 => match self {
                Client::Blocking(client) => (client.send(LOG, "two").map(|()| String::new()), ""),
                Client::Async(client) => {
                    let run = client.send(LOG, "two");
                    (run_to(polls, run).map(|()| String::new()), "")
                }
            },
            2 => {
                let text = match self {
                    Client::Blocking(client) => client.call(TEXT, &"three"),
                    Client::Async(client) => run_to(polls, client.call(TEXT, &"three")),
                };
                (text.map(str::to_owned), "three")
            }
            3 => {
                let reply = self.call(ECHO, "!", polls);
                let Err(Error::Remote(refusal)) = reply else {
                    return reply.map(|_| panic!("a line that begins with ! is no reply"));
                };
                assert_eq!(refusal.code, Code::Failed);
                return Ok(());
            }
            4 => {
                let text = match self {
                    Client::Blocking(client) => client.call(PING, ()),
                    Client::Async(client) => run_to(polls, client.call(PING, ())),
                };
                (text.map(str::to_owned), "pong")
            }
            _ => (self.call(ECHO, &text, polls), text.as_str()),
        };
        reply.map(|reply| assert_eq!(reply, expected))
    }

    /// Finishes the conversation. Drops the future after `polls` polls, if given.
    ///
    /// # Errors
    /// The errors of the driver's `finish`; [`Error::Closed`] also if the future was dropped.
    pub fn finish(&mut self, polls: Option<usize>) -> Result<()> {
        match self {
            Client::Blocking(client) => client.finish(),
            Client::Async(client) => run_to(polls, client.finish()),
        }
    }

    fn call(
        &mut self,
        command: Command<Line, Line>,
        text: &str,
        polls: Option<usize>,
    ) -> Result<String> {
        match self {
            Client::Blocking(client) => client.call(command, text),
            Client::Async(client) => run_to(polls, client.call(command, text)),
        }
        .map(str::to_owned)
    }

    /// Returns the stream.
    pub fn wire(&mut self) -> &mut Wire {
        match self {
            Client::Blocking(client) => client.stream(),
            Client::Async(client) => client.stream(),
        }
    }
}

/// Runs a future to its end. If it is not ready after `polls` polls, drops it and returns [`Error::Closed`].
fn run_to<T>(polls: Option<usize>, future: impl Future<Output = Result<T>>) -> Result<T> {
    match polls {
        None => block_on(future),
        Some(polls) => cancel_after(polls, future).unwrap_or(Err(Error::Closed)),
    }
}
