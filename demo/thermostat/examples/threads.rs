//! The thermostat in a server with a thread for each connection:
//! `cargo run -p bellwire-thermostat --features host --example threads [ADDR]`

use bellwire_std::Server;
use std::error::Error;
use thermostat::host::{Shared, endpoint};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("localhost:61000".into());
    let server = Server::bind(&address, endpoint()?)?;
    println!("listening on {}", server.local_addr());
    let shared = Shared::default();
    Ok(server.run_with(move |_peer| shared.clone())?)
}
