//! A server that follows a script, for the clients' tests.

use crate::net::reset;
use crate::running::PATIENCE;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// One step of a conversation, from the server's side.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Waits for exactly these bytes.
    Hear(&'static str),
    /// Sends these bytes.
    Say(&'static str),
    /// Sends these bytes, which are not text.
    Bytes(&'static [u8]),
    /// Sends this text a number of times.
    Repeat(&'static str, usize),
    /// Ends the sending, and reads until the client closes.
    Close,
    /// Resets the connection.
    Reset,
    /// Reads until the client closes, and sends nothing.
    Stall,
}

/// A server that accepts one connection for each script, in turn.
#[derive(Debug)]
pub struct Scripted {
    /// The address that the server listens on.
    pub address: SocketAddr,
    ended: Receiver<()>,
}

impl Scripted {
    /// Starts the server. After the last script it refuses connections.
    pub fn start(scripts: &'static [&'static [Step]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = channel();
        thread::spawn(move || {
            let mut listener = Some(listener);
            for (done, script) in scripts.iter().enumerate() {
                let (stream, _) = listener.as_ref().unwrap().accept().unwrap();
                if done + 1 == scripts.len() {
                    // Otherwise the system could accept a connection after the last script.
                    listener = None;
                }
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                play(stream, script, &end);
            }
        });
        Self { address, ended }
    }

    /// Waits until a connection has ended from the server's side, so that the client can notice it.
    pub fn wait(&self) {
        self.ended.recv_timeout(PATIENCE).unwrap();
    }
}

fn play(mut stream: TcpStream, script: &[Step], end: &Sender<()>) {
    for step in script {
        match *step {
            Step::Hear(text) => {
                let mut heard = vec![0; text.len()];
                stream.read_exact(&mut heard).unwrap();
                assert_eq!(String::from_utf8_lossy(&heard), text);
            }
            // A client that has closed its end hears nothing.
            Step::Say(text) => drop(stream.write_all(text.as_bytes())),
            Step::Bytes(bytes) => drop(stream.write_all(bytes)),
            Step::Repeat(text, times) => drop(stream.write_all(text.repeat(times).as_bytes())),
            Step::Reset => {
                reset(stream);
                let _ = end.send(());
                return;
            }
            Step::Close => {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = end.send(());
                let _ = stream.read_to_end(&mut Vec::new());
                return;
            }
            Step::Stall => {
                let _ = end.send(());
                let _ = stream.read_to_end(&mut Vec::new());
                return;
            }
        }
    }
}
