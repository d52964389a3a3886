//! `bellwire` alone: both ends in one process, over each transport in turn.

use crate::loopback;
use crate::mission::{self, GOB, Observer, POSTCARD, STRING, TEXT};
use crate::serve::endpoint;
use crate::shown::Shown;
use bellwire::ComplexData;
use bellwire::blocking::Client;
use bellwire_std::{Server, dial};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the tour over TCP may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets a client and a server talk, and shows what each sends and receives.
///
/// # Errors
/// When anything fails, or arrives other than it was sent.
pub fn run() -> Result<(), Box<dyn Error>> {
    println!("Over TCP, with std::net");
    let mut guide = Guide::default();
    over_tcp(&mut guide)?;
    guide.check()?;

    println!("\nOver smoltcp, without a socket of the operating system");
    let mut guide = Guide::default();
    loopback::exchange(&mut guide, 1, 1, None)?;
    guide.check()?;

    println!("\nEvery value arrived as it was sent.");
    Ok(())
}

fn over_tcp(guide: &mut Guide) -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0", Arc::new(endpoint()?))?;
    let address = server.local_addr().clone();
    let stopper = server.stopper();
    let guests = guide.clone();
    let serving = thread::spawn(move || server.run(|_peer| guests.clone()));

    let conn = dial(address, PATIENCE)?;
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    guide.sends_text(TEXT);
    guide.hears(client.call(STRING, TEXT)?);
    let value = mission::value();
    guide.sends_data(POSTCARD.name(), &value);
    guide.hears(client.call(POSTCARD, &value)?);
    guide.sends_data(GOB.name(), &value);
    client.send(GOB, &value)?;
    // Nothing comes back; the end of the conversation shows that the server has heard it.
    drop(client);

    stopper.stop();
    Ok(serving.join().map_err(|_| "the server panicked")??)
}

/// Who shows what passes, and keeps it.
#[derive(Debug, Clone, Default)]
struct Guide(Arc<Mutex<Seen>>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    texts: Vec<String>,
    structures: Vec<ComplexData>,
    replies: Vec<String>,
}

impl Guide {
    /// Whether exactly what the mission has to say has arrived, on both sides.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        let expected = Seen {
            texts: vec![TEXT.to_owned()],
            structures: vec![mission::value(), mission::value()],
            replies: vec!["Thank you.".to_owned(), "Received.".to_owned()],
        };
        self.see(|seen| {
            if *seen == expected {
                Ok(())
            } else {
                Err(format!("other values arrived than were sent: {seen:?}").into())
            }
        })
    }

    fn see<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Guide {
    fn text(&mut self, text: &str) {
        println!("  server received  STRING   {text:?}");
        self.see(|seen| seen.texts.push(text.to_owned()));
    }

    fn data(&mut self, data: &ComplexData) {
        show("server received ", "outer", data);
        self.see(|seen| seen.structures.push(data.clone()));
    }

    fn sends_text(&mut self, text: &str) {
        println!("  client sends     STRING   {text:?}");
    }

    fn sends_data(&mut self, command: &str, data: &ComplexData) {
        show("client sends    ", command, data);
    }

    fn hears(&mut self, reply: &str) {
        println!("  client received           {reply:?}");
        self.see(|seen| seen.replies.push(reply.to_owned()));
    }
}

/// Both levels of a structure, a line each.
fn show(what: &str, name: &str, data: &ComplexData) {
    println!("  {what} {name:<8} {}", Shown::from(data));
    if let Some(inner) = &data.c {
        println!("                   inner    {}", Shown::from(inner));
    }
}
