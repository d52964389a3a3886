//! A topic: the server publishes, and a client prints the values. `cargo run -p bellwire-std --example topics`

use bellwire::{Line, Topic};
use bellwire_std::{Client, Endpoint, Event, Server};
use std::error::Error;
use std::thread;
use std::time::Duration;

/// The log of the server. `Topic<Postcard<Reading>>` would carry a struct.
const LOG: Topic<Line> = Topic::new("LOG");

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::new();
    let log = endpoint.topic(LOG)?;
    endpoint.describe(&[LOG.describe()]); // for `bellwire list` and `bellwire watch`

    // Port 0 is any free one. A server for others listens on ":61000".
    let server = Server::bind("127.0.0.1:0", endpoint)?;
    let address = server.local_addr().to_string();
    let shutdown = server.shutdown_handle();
    let serving = thread::spawn(move || server.run());

    let mut client = Client::connect(&address, Duration::from_secs(5))?;
    client.subscribe(LOG)?;
    for text in ["door open", "door closed"] {
        let subscribers = log.publish(text)?;
        assert_eq!(subscribers, 1);
    }
    for _ in 0..2 {
        let push = client.next_push(Some(Duration::from_secs(5)))?;
        match push.ok_or("no push arrived")?.event(LOG).transpose()? {
            Some(Event::Value(text)) => println!("{text}"),
            Some(Event::Lost(count)) => println!("{count} lines lost"),
            Some(Event::Gap) => println!("reconnected"),
            _ => {} // an event of another topic
        }
    }
    shutdown.stop();
    serving.join().expect("the server does not panic")?;
    Ok(())
}
