//! One connection as a task.

use super::Shared;
use super::conversation::{Conversation, Done, REQUESTS, TURN};
use super::ending;
#[cfg(feature = "tls")]
use super::secure;
use super::stream::Stream;
use crate::connections::{Permit, too_many};
use crate::deadlines::Wait;
use crate::ending::{Ending, replies_not_taken};
use crate::endpoint::{Finish, ReplyFuture};
use crate::hangup::{LOOK, is_gone};
use crate::probe::is_unused;
#[cfg(feature = "proxy-protocol")]
use crate::proxy;
use crate::rate::limited;
use crate::wait::after;
use crate::{Address, Peer};
use bellwire::topics::TopicSet;
use bellwire::{ErrorKind, Reply};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant as StdInstant;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::futures::Notified;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};

/// Serves a connection to its end.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps room for its arguments twice, as long as the connection is open"
)]
pub(super) fn serve<App: Send + 'static>(
    mut stream: Stream,
    mut peer: Address,
    mut permit: Permit,
    shared: Arc<Shared<App>>,
) -> impl Future<Output = ()> + Send {
    async move {
        tracing::debug!("{peer}: connected");
        // A box for the rare and the short-lived futures, so that no connection keeps room for them.
        if let Err(error) = Box::pin(begin(&mut stream, &mut peer, &mut permit, &shared)).await {
            if is_unused(&error) {
                return tracing::debug!("{peer}: {error}");
            }
            return limited!(warn, "{peer}: {error}");
        }
        // A statement of its own, so that no connection keeps room for the certificates.
        let app = (shared.server.app)(&Peer {
            address: peer.clone(),
            certificates: stream.peer_certificates(),
        });
        let conversation = Conversation::new(&mut stream, &shared, &peer, app, permit.is_surplus());
        match conversation.run().await {
            Ok(()) => tracing::debug!("{peer}: ended"),
            Err(error) => limited!(warn, "{peer}: {error}"),
        }
        drop((stream, permit));
    }
}

/// Reads the PROXY header and does the TLS handshake, if there are any.
#[cfg_attr(
    not(any(feature = "proxy-protocol", feature = "tls")),
    expect(clippy::unused_async, unused_variables, reason = "nothing to wait for")
)]
async fn begin<App>(
    stream: &mut Stream,
    peer: &mut Address,
    permit: &mut Permit,
    shared: &Shared<App>,
) -> io::Result<()> {
    if peer.tcp().is_some() {
        // It fails if the peer is already gone. The first read reports that.
        let _ = stream.socket.set_nodelay(true);
    }
    #[cfg(any(feature = "proxy-protocol", feature = "tls"))]
    let (server, deadline) = (
        &shared.server,
        after(StdInstant::now(), shared.server.limits.handshake_timeout).into(),
    );
    #[cfg(feature = "proxy-protocol")]
    if server.proxy_protocol {
        let client = tokio::select! {
            biased;
            header = timeout_at(deadline, stream.read_header()) => {
                header.unwrap_or_else(|_| Err(proxy::too_slow()))
            }
            () = server.stop.given() => Err(proxy::stopping()),
        };
        if let Some(client) = client? {
            *peer = Address::Tcp(client);
        }
    }
    if !permit.count(peer) {
        return Err(too_many());
    }
    #[cfg(feature = "tls")]
    if let Some(acceptor) = &server.tls {
        let (reservation, stopped) = (shared.in_flight.reserve(), server.stop.given());
        let result = secure::handshake(stream, acceptor, deadline, reservation, stopped).await;
        if let Err(error) = &result {
            server.metrics.count_handshake_failure(error);
            // A handshake that the stop has ended needs no error line.
            if !server.stop.is_given() {
                ending::linger(stream).await;
            }
        }
        return result;
    }
    Ok(())
}

/// The reason for a wake-up.
enum Event {
    Turn(io::Result<Done>),
    Stop,
    Timer,
}

impl<App: Send + 'static> Conversation<'_, App> {
    #[expect(clippy::manual_async_fn, reason = "as above")]
    fn run(mut self) -> impl Future<Output = io::Result<()>> + Send {
        async move {
            // No local for `self.shared.server`: it would be kept as long as the connection is open.
            let mut wait = Wait::first();
            // One timer for all wake-ups. It is reset only to fire earlier, or after it fired too early.
            let mut timer = pin!(sleep_until(
                after(StdInstant::now(), self.shared.server.limits.idle_timeout).into()
            ));
            let mut stop = Box::pin(self.shared.server.stop.notified());
            let mut brought = 0;
            loop {
                let wake =
                    |context: &mut Context<'_>| self.wake(stop.as_mut(), timer.as_mut(), context);
                let Done {
                    future,
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
                    Event::Timer if wait.partial_request.is_none() => {
                        limited!(info, "{}: idle for too long, closed", self.peer());
                        break;
                    }
                    Event::Timer => {
                        self.abort(ErrorKind::TimedOut);
                        continue;
                    }
                };
                let limits = &self.shared.server.limits;
                wait = limits.wait(self.partial_request(), self.feeds.is_subscribed(), wait, at);
                brought += arrived.max(self.stream.worked());
                if !self.unsent().is_empty() {
                    Box::pin(self.flush()).await?;
                }
                if let Some(future) = future {
                    let finish = Box::pin(self.finish(future)).await?;
                    self.answer(finish);
                    if !self.reserve() {
                        // There is no room for this reply beside the next requests.
                        Box::pin(self.flush()).await?;
                    }
                    // The future may have been ready without letting another connection run.
                    brought += TURN / REQUESTS;
                } else if self.is_over() {
                    break;
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
            Box::pin(self.close()).await
        }
    }

    fn wake(
        &mut self,
        stop: Pin<&mut Notified<'_>>,
        timer: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if self.shared.server.stop.is_given() {
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

    /// Waits for a handler's future, and sends the pushes that are due meanwhile. Drops the future if its time is over.
    /// Fails if the client is gone.
    async fn finish(&mut self, mut future: ReplyFuture) -> io::Result<Finish> {
        let limit = self.shared.server.limits.answer_timeout;
        let deadline = after(StdInstant::now(), limit).into();
        loop {
            let feeds = &self.feeds;
            let push = poll_fn(|context: &mut Context<'_>| {
                if feeds.arm(context.waker()) {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            });
            tokio::select! {
                biased;
                finish = &mut future => return Ok(finish),
                () = hung_up(&self.stream.socket) => {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                () = sleep_until(deadline) => {
                    return Ok(Box::new(|reply: Reply<'_>| reply.fail(ErrorKind::TimedOut)));
                }
                () = push => {}
            }
            self.push_alone()?;
            self.flush().await?;
            yield_now().await;
        }
    }

    /// Ends the connection, after all replies were written.
    async fn close(&mut self) -> io::Result<()> {
        let server = &self.shared.server;
        let ending = Ending::new(&server.limits, server.stop.is_given(), self.peer_sends());
        ending::end(self.stream, ending).await
    }

    /// Sends all unsent replies.
    async fn flush(&mut self) -> io::Result<()> {
        while !self.unsent().is_empty() {
            let begin = StdInstant::now();
            let deadline = after(begin, self.send_timeout()).into();
            let ready = timeout_at(deadline, self.stream.writable()).await;
            self.waited(begin.elapsed());
            ready.unwrap_or_else(|_| Err(replies_not_taken()))?;
            match self.try_send() {
                Ok(sent) => self.shared.server.metrics.sent.increment(sent as u64),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Waits until the client is gone; see [`is_gone`].
async fn hung_up(socket: &TcpStream) {
    let closed = async {
        while !is_gone(socket) {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        _ = socket.ready(Interest::ERROR) => {}
        () = closed => {}
    }
}

#[cfg(test)]
mod tests {
    use super::serve;
    use tokio::net::TcpStream;
    use tokio::time::Sleep;

    /// Returns the size of the futures that `_function` returns.
    fn future_size<A, B, C, D, F>(_function: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    // tokio allocates tasks in steps of 128 bytes: 8 bytes more cost each connection 128. The size of its own parts
    // depends on its features.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_task_stays_below_tokios_next_step() {
        let size = future_size(serve::<()>) - size_of::<TcpStream>() - size_of::<Sleep>();
        assert!(size <= 264, "{size} bytes");
    }
}
