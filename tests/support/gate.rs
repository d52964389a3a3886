//! A handler that waits for its test.

use crate::running::{PATIENCE, Running};
use bellwire::{Command, Line};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Answered with `done` once the test opens the [`Gate`].
pub const HOLD: Command<(), Line> = Command::new("HOLD");

/// Holds the handler of [`HOLD`], so that a test knows that a request is running.
#[derive(Debug)]
pub struct Gate {
    entered: Receiver<()>,
    open: Sender<()>,
}

impl Gate {
    /// Registers [`HOLD`].
    pub fn new(server: &Running) -> Self {
        let (enter, entered) = channel();
        let (open, opened) = channel();
        let opened = Mutex::new(opened);
        let handler = server.endpoint.handle(HOLD, move |(), (), reply| {
            // Both fail after the test has failed.
            let _ = enter.send(());
            let _ = opened.lock().unwrap().recv_timeout(PATIENCE);
            reply.send("done")
        });
        handler.unwrap();
        Self { entered, open }
    }

    /// Waits until a handler runs.
    pub fn wait(&self) {
        self.entered.recv_timeout(PATIENCE).unwrap();
    }

    /// Lets one handler answer.
    pub fn open(&self) {
        self.open.send(()).unwrap();
    }
}
