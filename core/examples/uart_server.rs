//! A server on a UART: `cargo run -p bellwire --example uart_server`

mod line;

use bellwire::{Command, Endpoint, Line, ServerConnection, blocking};
use embedded_io::{Read, ReadReady, Write};
use std::{error::Error, sync::mpsc, thread};

const NAME: Command<Line, Line> = Command::new("NAME");

/// The state that the handlers change.
struct App {
    renamed: u32,
}

/// A board's main loop. `wait` waits for a millisecond.
fn run(mut uart: impl Read + ReadReady + Write, endpoint: &Endpoint<App, 8>, wait: impl Fn()) {
    let (mut app, mut rx, mut tx) = (App { renamed: 0 }, [0; 256], [0; 256]);
    let mut connection = ServerConnection::new(&mut rx, &mut tx);
    loop {
        // Returns after an error line that ends the conversation, or an error of the UART.
        let _ = blocking::serve(&mut uart, &mut endpoint.with(&mut app), &mut connection);
        // The rest of a refused request must not run: discard input until 100 ms are silent.
        let mut silent = 0;
        while silent < 100 {
            if matches!(uart.read_ready(), Ok(false)) {
                wait();
                silent += 1;
            } else if matches!(uart.read(&mut [0; 64]), Ok(0)) {
                return; // The stream's end. A real UART has none.
            } else {
                silent = 0;
            }
        }
        connection.reset();
    }
}

/// Plays the other end. Each wait of the board counts as a millisecond, and takes no real time.
fn main() -> Result<(), Box<dyn Error>> {
    let mut endpoint = Endpoint::<App, 8>::new();
    endpoint.handle(NAME, &|app, _name, reply| {
        app.renamed += 1;
        reply.send("stored")
    })?;
    let ((uart, mut terminal), (tick, ticks)) = (line::line(), mpsc::channel());
    terminal.write_all(b"\0noise\nNAME\nnoise\n")?;
    thread::spawn(move || run(uart, &endpoint, || _ = tick.send(())));
    ticks.iter().take(100).for_each(drop);
    terminal.write_all(b"NAME\noven\n")?;
    for expected in ["!unknown-command", "stored"] {
        let (mut line, mut byte) = (String::new(), [0]);
        while !line.ends_with('\n') {
            terminal.read_exact(&mut byte)?;
            line.push(byte[0].into());
        }
        assert!(line.starts_with(expected), "{line}");
    }
    Ok(())
}
