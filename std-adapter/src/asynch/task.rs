//! One connection as a task.

use super::Shared;
use super::conversation::{Conversation, Done, TURN};
use super::crowd::Member;
use super::proxy::{no_header, read_header};
#[cfg(feature = "tls")]
use super::secure;
use super::stream::Stream;
use crate::Address;
use crate::limits::{LINGER, Wait, replies_not_taken, too_many};
use crate::rate::limited;
#[cfg(feature = "tls")]
use crate::tls::is_unused;
use bellwire::Fault;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::futures::Notified;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

/// Serves a connection to its end.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps room for its arguments twice, as long as the connection is open"
)]
pub(super) fn serve<App: Send + 'static>(
    mut stream: Stream,
    mut peer: Address,
    mut member: Member,
    shared: Arc<Shared<App>>,
) -> impl Future<Output = ()> + Send {
    async move {
        tracing::debug!("{peer}: connected");
        // What is rare, or over soon, is boxed, so that no connection keeps room for it.
        if let Err(error) = Box::pin(begin(&mut stream, &mut peer, &mut member, &shared)).await {
            #[cfg(feature = "tls")]
            if is_unused(&error) {
                return tracing::debug!("{peer}: {error}");
            }
            return limited!(warn, "{peer}: {error}");
        }
        let conversation = Conversation::new(&mut stream, &shared, &peer, member.surplus);
        match conversation.run().await {
            Ok(()) => {
                stream.finish();
                tracing::debug!("{peer}: ended");
            }
            Err(error) => limited!(warn, "{peer}: {error}"),
        }
        drop((stream, member));
    }
}

/// Does what comes before the conversation.
async fn begin<App>(
    stream: &mut Stream,
    peer: &mut Address,
    member: &mut Member,
    shared: &Shared<App>,
) -> io::Result<()> {
    if peer.tcp().is_some() {
        stream.socket.set_nodelay(true)?;
    }
    if shared.proxy_protocol {
        let header = timeout(shared.limits.request, read_header(&mut stream.socket));
        let client = tokio::select! {
            header = header => header.unwrap_or_else(|_| {
                Err(no_header(ErrorKind::TimedOut, "did not come in time"))
            }),
            () = shared.crowd.stopped() => {
                Err(no_header(ErrorKind::Interrupted, "had not come when the server stopped"))
            }
        };
        *peer = client?.map_or_else(|| peer.clone(), Address::Tcp);
    }
    if !member.count(&shared.addresses, peer) {
        return Err(too_many());
    }
    #[cfg(feature = "tls")]
    if let Some(acceptor) = &shared.tls {
        let stopped = shared.crowd.stopped();
        let greeted = secure::greet(stream, acceptor, shared.limits.request, stopped).await;
        if greeted.as_ref().is_err_and(|error| !is_unused(error)) {
            shared.metrics.handshake_failures.increment(1);
        }
        // Where the stop is why, there is nothing to tell.
        if greeted.is_err() && !shared.crowd.is_stopping() {
            linger(stream).await?;
        }
        return greeted;
    }
    Ok(())
}

/// What a conversation was woken for.
enum Event {
    Turn(io::Result<Done>),
    Stop,
    Timer,
}

impl<App: Send + 'static> Conversation<'_, App> {
    #[expect(clippy::manual_async_fn, reason = "as above")]
    fn run(mut self) -> impl Future<Output = io::Result<()>> + Send {
        async move {
            let shared = self.shared;
            let mut wait = Wait::first();
            // One timer, set anew where it has to ring earlier or has rung too early, rather than
            // one for each wake-up.
            let mut timer = pin!(sleep_until(Instant::now() + shared.limits.idle));
            let mut stop = Box::pin(shared.crowd.stop_rings());
            let mut brought = 0;
            loop {
                let wake =
                    |context: &mut Context<'_>| self.wake(stop.as_mut(), timer.as_mut(), context);
                let Done {
                    later,
                    arrived,
                    left,
                    at,
                } = match poll_fn(wake).await {
                    Event::Turn(done) => done?,
                    Event::Stop => continue,
                    Event::Timer if Instant::now().into_std() < wait.deadline => {
                        timer.as_mut().reset(Instant::from_std(wait.deadline));
                        continue;
                    }
                    Event::Timer if wait.begun.is_none() => {
                        limited!(info, "{}: idle for too long, closed", self.peer());
                        return Ok(());
                    }
                    Event::Timer => {
                        self.abort(Fault::TimedOut);
                        continue;
                    }
                };
                wait = shared.limits.wait(self.begun(), wait, at);
                brought += arrived;
                if !self.unsent().is_empty() {
                    shared.metrics.sent.increment(Box::pin(self.flush()).await?);
                }
                if let Some(later) = later {
                    let finish = later.await;
                    self.answer(finish);
                    continue;
                }
                if self.is_over() {
                    if self.is_refused() || self.stream.is_unread() {
                        Box::pin(linger(self.stream)).await?;
                    }
                    return Ok(());
                }
                if left || brought >= TURN {
                    brought = 0;
                    yield_now().await;
                }
                let deadline = Instant::from_std(wait.deadline);
                if deadline < timer.deadline() {
                    timer.as_mut().reset(deadline);
                }
            }
        }
    }

    fn wake(
        &mut self,
        stop: Pin<&mut Notified<'_>>,
        timer: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if self.shared.crowd.is_stopping() {
            self.stop();
        }
        if let Poll::Ready(done) = self.turn(context) {
            return Poll::Ready(Event::Turn(done));
        }
        if stop.poll(context).is_ready() {
            return Poll::Ready(Event::Stop);
        }
        timer.poll(context).map(|()| Event::Timer)
    }

    /// Sends all that waits to be sent, and returns how much that was.
    async fn flush(&mut self) -> io::Result<u64> {
        let deadline = Instant::now() + self.shared.limits.reply;
        let mut sent = 0;
        while !self.unsent().is_empty() {
            let ready = timeout_at(deadline, self.stream.writable()).await;
            ready.unwrap_or_else(|_| Err(replies_not_taken()))?;
            match self.try_send() {
                Ok(n) => sent += n as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }
}

/// Closes so that what was sent last arrives.
async fn linger(stream: &mut Stream) -> io::Result<()> {
    if stream.shutdown().await.is_err() {
        // The peer has gone already.
        return Ok(());
    }
    let (time, mut bytes) = LINGER;
    let drained = async {
        let mut dropped = [0; 1024];
        loop {
            stream.socket.readable().await?;
            match stream.socket.try_read(&mut dropped) {
                Ok(0) => return Ok(()),
                Ok(n) => match bytes.checked_sub(n) {
                    Some(left) => bytes = left,
                    None => return Ok(()),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    timeout(time, drained).await.unwrap_or(Ok(()))
}
