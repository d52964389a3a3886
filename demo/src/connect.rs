//! `bellwire connect`: the client over TCP.

use crate::mission::{self, PORT, POSTCARD, STRING, TEXT};
use bellwire::blocking::Client;
use bellwire_std::dial;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long connecting, and each call, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends the text and the structure to `server`, and prints the replies.
///
/// # Errors
/// When the server cannot be reached, refuses, or does not answer in time.
pub fn run(server: &str) -> Result<(), Box<dyn Error>> {
    let address = with_port(server);
    let conn = dial(address.as_str(), PATIENCE)
        .map_err(|error| format!("cannot connect to {address}: {error}"))?;
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut client = Client::new(conn, &mut rx, &mut tx);

    client
        .stream()
        .set_deadline(Some(Instant::now() + PATIENCE));
    println!("{}", client.call(STRING, TEXT)?);
    client
        .stream()
        .set_deadline(Some(Instant::now() + PATIENCE));
    println!("{}", client.call(POSTCARD, &mission::value())?);
    Ok(())
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
