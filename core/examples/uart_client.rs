//! A client on a UART: `cargo run -p bellwire --example uart_client`

mod line;

use bellwire::blocking::{self, Client};
use bellwire::{Code, Command, Endpoint, Error, Line, NoReply, Postcard, ServerConnection};
use embedded_io::{Read, Write};
use std::thread;

/// The temperature to hold in a zone, in tenths of a degree.
const TARGET: Command<Line, Postcard<i16>> = Command::new("TARGET");
/// The temperature of a zone. Nothing comes back.
const REPORT: Command<Postcard<i16>, NoReply> = Command::new("REPORT");

/// The board's code: asks for a target, then reports.
fn control<U: Read + Write>(uart: U) -> Result<i16, Error<U::Error>> {
    let (mut rx, mut tx) = ([0; 160], [0; 64]);
    let mut client = Client::new(uart, &mut rx, &mut tx);
    let target = match client.call(TARGET, "attic") {
        // The server ran the command and says no: keep the house from freezing.
        Err(Error::Remote(error)) if error.code == Code::Refused => 50,
        target => target?,
    };
    client.send(REPORT, &215)?;
    Ok(target)
}

/// Plays the house at the other end.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (uart, mut house) = line::line();
    let mut endpoint = Endpoint::<i16, 2>::new();
    endpoint.handle(TARGET, &|_, zone, reply| match zone {
        "oven" => reply.send(&1800),
        _ => reply.refuse("no such zone"),
    })?;
    endpoint.handle(REPORT, &|reported, tenths, reply| {
        *reported = tenths;
        reply.none()
    })?;
    let serving = thread::spawn(move || {
        let (mut rx, mut tx, mut reported) = ([0; 64], [0; 160], 0);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        blocking::serve(
            &mut house,
            &mut endpoint.with(&mut reported),
            &mut connection,
        )?;
        Ok::<_, Error<_>>(reported)
    });
    println!("target: {} tenths", control(uart)?);
    let reported = serving.join().expect("the house does not panic")?;
    println!("reported: {reported} tenths");
    Ok(())
}
