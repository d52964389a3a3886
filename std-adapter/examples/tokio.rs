//! A server with a task for each connection, and a client that tasks share:
//! `cargo run -p bellwire-std --features tokio --example tokio`

use bellwire::{Command, Line, Reply};
use bellwire_std::Endpoint;
use bellwire_std::tokio::{Client, Server};
use std::{error::Error, time::Duration};
use tokio::time::sleep;

const LOOK_UP: Command<Line, Line> = Command::new("LOOK-UP");

/// Stands in for a database.
async fn look_up(key: &str) -> Option<String> {
    sleep(Duration::from_millis(10)).await;
    (key == "answer").then(|| "42".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::new();
    endpoint.handle_async(LOOK_UP, |(), key| {
        let key = key.to_owned();
        async move {
            let value = look_up(&key).await;
            move |reply: Reply<'_, Line>| match value {
                Some(value) => reply.send(&value),
                None => reply.refuse("no such key"),
            }
        }
    })?;

    // Port 0 is any free one. A server for others listens on ":61000".
    let server = Server::bind("127.0.0.1:0", endpoint)?;
    let address = server.local_addr().to_string();
    let shutdown = server.shutdown_handle();
    let serving = tokio::spawn(server.run());

    let client = Client::connect(&address).await?;
    // Both calls leave in one write.
    let (one, two) = tokio::join!(
        client.call(LOOK_UP, "answer"),
        client.call(LOOK_UP, "question"),
    );
    println!("{}", one?);
    println!("{}", two.unwrap_err());
    shutdown.stop();
    serving.await??;
    Ok(())
}
