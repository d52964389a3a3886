//! `bellwire connect`: the client over TCP.

use crate::convert::DataFormat;
use crate::mission::{self, GOB, PORT, POSTCARD, STRING, TEXT};
use bellwire::blocking::Client;
use bellwire_std::dial;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long connecting, and each call, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `bellwire connect` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The server: HOST or HOST:PORT; the port is 61000 unless given.
    #[arg(value_name = "HOST[:PORT]")]
    server: String,
    /// How the structure is encoded. In gob it is not answered, as a Go server has it.
    #[arg(long, value_enum, default_value = "gob")]
    format: DataFormat,
}

/// Sends the text and the structure to the server, and prints the replies.
///
/// # Errors
/// When the server cannot be reached, refuses, or does not answer in time.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let conn = dial(with_port(&arguments.server), PATIENCE)?;
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut client = Client::new(conn, &mut rx, &mut tx);

    client
        .stream()
        .set_deadline(Some(Instant::now() + PATIENCE));
    println!("{}", client.call(STRING, TEXT)?);
    client
        .stream()
        .set_deadline(Some(Instant::now() + PATIENCE));
    let value = mission::value();
    match arguments.format {
        DataFormat::Gob => client.send(GOB, &value)?,
        DataFormat::Postcard => println!("{}", client.call(POSTCARD, &value)?),
    }
    // A request without reply may still be refused: then an error line comes before the end. Where
    // the server has gone already, the end shows why.
    let _ = client.stream().close_write();
    Ok(client.finish()?)
}

/// `server` with the demo's port, unless it has one.
pub(crate) fn with_port(server: &str) -> String {
    let bare = server
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bare.unwrap_or(server).parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, PORT).to_string(),
        Err(_) if server.contains(':') => server.to_owned(),
        Err(_) => format!("{server}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn a_server_without_a_port_gets_the_demos() {
        assert_eq!(with_port("localhost"), "localhost:61000");
        assert_eq!(with_port("192.0.2.1"), "192.0.2.1:61000");
        assert_eq!(with_port("::1"), "[::1]:61000");
        assert_eq!(with_port("[::1]"), "[::1]:61000");
    }

    #[test]
    fn a_port_that_is_given_stays() {
        assert_eq!(with_port("localhost:80"), "localhost:80");
        assert_eq!(with_port("192.0.2.1:80"), "192.0.2.1:80");
        assert_eq!(with_port("[::1]:80"), "[::1]:80");
    }
}
