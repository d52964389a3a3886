//! A client over TCP: `cargo run -p bellwire-std --example client`

use bellwire::{Code, Command, Line, NoReply, Postcard};
use bellwire_std::{CallError, Client, Endpoint, Server};
use std::io;
use std::thread;
use std::time::Duration;

const READ: Command<Line, Postcard<f32>> = Command::new("READ");
const LOG: Command<Line, NoReply> = Command::new("LOG");

/// Reads the sensors of the server through `client`.
fn read_sensors(mut client: Client) -> Result<(), CallError> {
    for sensor in ["oven", "attic"] {
        match client.call(READ, sensor) {
            Ok(celsius) => println!("{sensor}: {celsius} °C"),
            // The server's handler says no. The conversation goes on.
            Err(CallError::Remote(no)) if no.code == Code::Refused => println!("{sensor}: {no}"),
            // It did not run, so it may be repeated: here once.
            Err(error) if error.is_repeatable() => println!("{}", client.call(READ, sensor)?),
            Err(error) => return Err(error),
        }
    }
    // Many requests on their way at once.
    for celsius in client.pipeline(READ, ["oven"; 10]) {
        println!("oven: {} °C", celsius?);
    }
    // LOG has no reply. `finish` waits for the server's end, and returns the error line if LOG was rejected.
    client.send(LOG, "all were read")?;
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
    let address = server.local_addr().clone();
    let shutdown = server.shutdown_handle();
    let serving = thread::spawn(move || server.run());
    let client = Client::connect(address, Duration::from_secs(5))?;
    let outcome = read_sensors(client);
    shutdown.stop();
    serving
        .join()
        .map_err(|_| io::Error::other("the server panicked"))??;
    Ok(outcome?)
}
