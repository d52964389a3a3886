//! `bellwire` alone: both ends in one process, over each transport in turn.

use crate::mission::{self, Observer, POSTCARD, STRING, Shown, TEXT};
use crate::serve::endpoint;
use bellwire::ComplexData;
use bellwire::blocking::Client;
use bellwire_std::{Server, dial};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the whole tour over one transport may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets a client and a server talk, and shows what each sends and receives.
///
/// # Errors
/// When anything fails, or arrives other than it was sent.
pub fn run() -> Result<(), Box<dyn Error>> {
    println!("Over TCP, with std::net");
    over_tcp()?;
    println!("\nEvery value arrived as it was sent.");
    Ok(())
}

fn over_tcp() -> Result<(), Box<dyn Error>> {
    let guests = Guests::default();
    let server = Server::bind("127.0.0.1:0", Arc::new(endpoint()?))?;
    let address = server.local_addr().clone();
    let stopper = server.stopper();
    let serving = thread::spawn({
        let guests = guests.clone();
        move || server.run(|_peer| guests.clone())
    });

    let conn = dial(address, PATIENCE)?;
    conn.set_deadline(Some(Instant::now() + PATIENCE));
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    println!("  client sends     STRING   {TEXT:?}");
    expect("Thank you.", client.call(STRING, TEXT)?)?;
    let value = mission::value();
    println!("  client sends     POSTCARD {}", Shown(&value));
    expect("Received.", client.call(POSTCARD, &value)?)?;

    stopper.stop();
    serving.join().map_err(|_| "the server panicked")??;
    guests.check()
}

fn expect(expected: &str, reply: &str) -> Result<(), Box<dyn Error>> {
    println!("  client received           {reply:?}");
    if reply == expected {
        Ok(())
    } else {
        Err(format!("the reply should have been {expected:?}").into())
    }
}

/// What has arrived at the server's side, over all connections.
#[derive(Debug, Clone, Default)]
pub struct Guests(Arc<Mutex<(Vec<String>, Vec<ComplexData>)>>);

impl Guests {
    /// Whether exactly the mission's text and structure have arrived.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        let arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *arrived == (vec![TEXT.to_owned()], vec![mission::value()]) {
            Ok(())
        } else {
            Err(format!("the server received other values than were sent: {arrived:?}").into())
        }
    }
}

impl Observer for Guests {
    fn text(&mut self, text: &str) {
        println!("  server received  STRING   {text:?}");
        let mut arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.0.push(text.to_owned());
    }

    fn data(&mut self, data: ComplexData) {
        println!("  server received  outer    {}", Shown(&data));
        if let Some(inner) = &data.c {
            println!("                   inner    {}", Shown(inner));
        }
        let mut arrived = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.1.push(data);
    }
}
