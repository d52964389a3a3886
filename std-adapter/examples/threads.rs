//! A server with a thread for each connection: `cargo run -p bellwire-std --example threads`

use bellwire::{Command, Line};
use bellwire_std::{Endpoint, Server};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

const SAY: Command<Line, Line> = Command::new("SAY");

/// The context of one connection.
struct App {
    said: u32,
    /// All connections share it.
    log: Arc<Mutex<Vec<String>>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::<App>::default();
    endpoint.handle(SAY, |app, text, reply| {
        app.said += 1;
        let mut log = app.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(text.to_owned());
        reply.send(&format!("{} from you, {} from all", app.said, log.len()))
    })?;
    endpoint.on_rejection(|app, error| eprintln!("after {} requests: {error}", app.said));

    // Port 0 is any free one. A server for others listens on ":61000".
    let mut server = Server::bind("127.0.0.1:0", endpoint)?;
    server.limits.connections = 100;
    let address = server.local_addr().to_string();
    let shutdown = server.shutdown_handle();
    let log = Arc::default();
    let serving = thread::spawn(move || {
        server.run_with(move |_peer| App {
            said: 0,
            log: Arc::clone(&log),
        })
    });

    // What a person with netcat would type.
    for text in ["SAY\nhello\nSAY\nagain\n", "SAY\nhi\nSHOUT\nhi\n"] {
        let mut stream = TcpStream::connect(&address)?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut replies = String::new();
        stream.read_to_string(&mut replies)?;
        print!("{replies}");
        assert_eq!(replies.lines().count(), 2);
    }
    shutdown.stop();
    serving.join().expect("the server does not panic")?;
    Ok(())
}
