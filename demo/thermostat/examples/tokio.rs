//! The thermostat in a server with a task for each connection:
//! `cargo run -p bellwire-thermostat --features host --example tokio [ADDR]`

use bellwire_std::tokio::Server;
use std::error::Error;
use thermostat::host::{Shared, endpoint};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("localhost:61000".into());
    let server = Server::bind(&address, endpoint()?)?;
    println!("listening on {}", server.local_addr());
    let shared = Shared::default();
    Ok(server.run_on_threads_with(1, move |_peer| shared.clone())?)
}
