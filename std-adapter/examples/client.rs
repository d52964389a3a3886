//! A client over TCP: `cargo run -p bellwire-std --example client`

use bellwire::{Code, Command, Error, Line, NoReply, Postcard, blocking::Client};
use bellwire_std::{Dialer, Endpoint, Network, Server};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

const READ: Command<Line, Postcard<f32>> = Command::new("READ");
const LOG: Command<Line, NoReply> = Command::new("LOG");

/// The longest time for a call.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Reads two sensors of the server at `address`.
fn read_sensors(address: &str) -> Result<(), Error<io::Error>> {
    let dialer = Dialer::new().timeout(TIMEOUT);
    let conn = dialer
        .dial(Network::Tcp, address)
        .map_err(Error::Transport)?;
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = Client::new(conn, &mut rx, &mut tx);
    for sensor in ["oven", "attic"] {
        client.stream().set_deadline(Some(Instant::now() + TIMEOUT));
        match client.call(READ, sensor) {
            Ok(celsius) => println!("{sensor}: {celsius} °C"),
            // The server's handler says no. The conversation goes on.
            Err(Error::Remote(no)) if no.code == Code::Refused => println!("{sensor}: {no}"),
            Err(error) => return Err(error),
        }
    }
    // Nothing comes back for LOG, except an error line. `finish` waits for the end to tell.
    client.send(LOG, "both were read")?;
    client.stream().close_write().map_err(Error::Transport)?;
    client.finish()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = Endpoint::new();
    endpoint.handle(READ, |(), sensor, reply| match sensor {
        "oven" => reply.send(&180.0),
        _ => reply.refuse("no such sensor"),
    })?;
    endpoint.handle(LOG, |(), text, reply| {
        println!("log: {text}");
        reply.none()
    })?;
    let server = Server::bind("127.0.0.1:0", endpoint)?;
    let address = server.local_addr().to_string();
    let shutdown = server.shutdown_handle();
    let serving = thread::spawn(move || server.run());
    let outcome = read_sensors(&address);
    shutdown.stop();
    serving.join().expect("the server does not panic")?;
    Ok(outcome?)
}
