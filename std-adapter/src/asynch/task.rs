//! One connection as a task.

use super::conversation::{Conversation, Turn};
use crate::ServerLimits;
use crate::serving::Serving;
use bellwire::Fault;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long, and for how many bytes, a connection that the server ends is still read, so that the
/// last error line arrives.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 1 << 20);

pub(super) struct Task<App: 'static> {
    stream: TcpStream,
    conversation: Conversation,
    service: Serving<App>,
    stopped: watch::Receiver<bool>,
}

impl<App: 'static> Task<App> {
    pub(super) fn new(
        stream: TcpStream,
        service: Serving<App>,
        limits: Arc<ServerLimits>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            conversation: Conversation::new(limits),
            service,
            stopped,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(&mut self) {
        tracing::debug!("{}: connected", self.service.peer);
        let ended = self.converse().await;
        let peer = self.service.peer;
        match ended {
            Ok(()) => tracing::debug!("{peer}: ended"),
            Err(error) => tracing::warn!("{peer}: {error}"),
        }
    }

    /// Has it tell the peer that there are too many, and nothing else.
    pub(super) fn turn_away(&mut self) {
        self.conversation.abort(Fault::Busy, &mut self.service);
    }

    async fn converse(&mut self) -> io::Result<()> {
        let Self {
            stream,
            conversation,
            service,
            stopped,
        } = self;
        stream.set_nodelay(true)?;
        let mut begun = None;
        let mut deadline = Instant::now() + conversation.limits.idle;
        // One timer, set anew when it has to ring earlier or has rung too early, rather than one for
        // each wake-up.
        let mut timer = pin!(sleep_until(deadline));
        let mut stopped = pin!(stopped.wait_for(|stopped| *stopped));
        loop {
            let turn = conversation.turn(stream, service)?;
            if !conversation.unsent().is_empty() {
                // What is rare is boxed, so that every connection need not have room for it.
                Box::pin(flush(stream, conversation)).await?;
            }
            match turn {
                Turn::Send => continue,
                Turn::Close => return Box::pin(linger(stream)).await,
                Turn::Answer(later) => {
                    let finish = later.await;
                    conversation.answer(finish, service);
                    Box::pin(flush(stream, conversation)).await?;
                    continue;
                }
                Turn::Receive => {}
            }
            // A request that has begun keeps its deadline, however its bytes trickle in.
            let number = conversation.begun();
            if number.is_none() {
                deadline = Instant::now() + conversation.limits.idle;
            } else if number != begun {
                deadline = Instant::now() + conversation.limits.request;
            }
            begun = number;
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            loop {
                tokio::select! {
                    biased;
                    ready = poll_fn(|context| stream.poll_read_ready(context)) => ready?,
                    _ = &mut stopped => {
                        if begun.is_none() {
                            return Ok(());
                        }
                        conversation.abort(Fault::Busy, service);
                    }
                    () = &mut timer => {
                        if Instant::now() < deadline {
                            timer.as_mut().reset(deadline);
                            continue;
                        }
                        if begun.is_none() {
                            tracing::info!("{}: idle for too long, closed", service.peer);
                            return Ok(());
                        }
                        conversation.abort(Fault::TimedOut, service);
                    }
                }
                break;
            }
        }
    }
}

/// Sends all that waits to be sent.
async fn flush(stream: &TcpStream, conversation: &mut Conversation) -> io::Result<()> {
    let deadline = Instant::now() + conversation.limits.reply;
    while !conversation.unsent().is_empty() {
        match timeout_at(deadline, stream.writable()).await {
            Ok(ready) => ready?,
            Err(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "its replies were not taken in time",
                ));
            }
        }
        match stream.try_write(conversation.unsent()) {
            Ok(n) => conversation.sent(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Closes so that what was sent last arrives.
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let (time, mut bytes) = LINGER;
    let drained = async {
        let mut dropped = [0; 1024];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut dropped) {
                Ok(0) => return Ok(()),
                Ok(n) => match bytes.checked_sub(n) {
                    Some(left) => bytes = left,
                    None => return Ok(()),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    timeout(time, drained).await.unwrap_or(Ok(()))
}
