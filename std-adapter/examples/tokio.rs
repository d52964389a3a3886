//! A server with a task for each connection: `cargo run -p bellwire-std --features tokio --example tokio`

use bellwire::{Command, Line, Reply, blocking::Client};
use bellwire_std::{Endpoint, dial, tokio::Server};
use std::{error::Error, time::Duration};
use tokio::task::spawn_blocking;
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
    let address = server.local_addr().clone();
    let shutdown = server.shutdown_handle();
    let serving = tokio::spawn(server.run());

    let calls = spawn_blocking(move || -> Result<(), Box<dyn Error + Send + Sync>> {
        let conn = dial(address, Duration::from_secs(5))?;
        let (mut rx, mut tx) = ([0; 256], [0; 256]);
        let mut client = Client::new(conn, &mut rx, &mut tx);
        println!("{}", client.call(LOOK_UP, "answer")?);
        println!("{}", client.call(LOOK_UP, "question").unwrap_err());
        Ok(())
    });
    calls.await?.map_err(|error| error as Box<dyn Error>)?;
    shutdown.stop();
    serving.await??;
    Ok(())
}
