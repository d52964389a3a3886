//! One connection as a task.

use super::Shared;
use super::conversation::{Conversation, Turn};
use super::metrics::Metrics;
use super::proxy::read_header;
use crate::serving::Serving;
use crate::{Address, ServerLimits};
use bellwire::Fault;
use socket2::SockRef;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long, and for how many bytes, a connection that the server ends is still read, so that the
/// last error line arrives.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 1 << 20);

/// Serves a connection to its end; one beyond the limit is told so.
pub(super) async fn serve<App, F>(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared<App, F>>,
    stopped: watch::Receiver<bool>,
    surplus: bool,
) where
    App: Send + 'static,
    F: Fn(&Address) -> App,
{
    // An IPv4 peer of a socket for both families is shown as one.
    let mut peer = Address::Tcp(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    tracing::debug!("{peer}: connected");
    match converse(stream, &mut peer, &shared, stopped, surplus).await {
        Ok(()) => tracing::debug!("{peer}: ended"),
        Err(error) => tracing::warn!("{peer}: {error}"),
    }
}

async fn converse<App, F>(
    mut stream: TcpStream,
    peer: &mut Address,
    shared: &Shared<App, F>,
    stopped: watch::Receiver<bool>,
    surplus: bool,
) -> io::Result<()>
where
    App: Send + 'static,
    F: Fn(&Address) -> App,
{
    let _open = shared.metrics.open();
    stream.set_nodelay(true)?;
    if shared.proxy_protocol {
        let header = timeout(shared.limits.request, Box::pin(read_header(&mut stream)));
        let client = header
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        if let Some(client) = client {
            *peer = Address::Tcp(client);
        }
    }
    let mut task = Task {
        stream,
        conversation: Conversation::new(&shared.limits),
        service: Serving::new(
            Arc::clone(&shared.endpoint),
            (shared.app)(peer),
            peer.clone(),
        ),
        limits: &shared.limits,
        metrics: &shared.metrics,
        stopped,
    };
    if surplus {
        task.conversation.abort(Fault::Busy, &mut task.service);
    }
    task.converse().await
}

struct Task<'a, App: 'static> {
    stream: TcpStream,
    conversation: Conversation,
    service: Serving<App>,
    limits: &'a ServerLimits,
    metrics: &'a Metrics,
    stopped: watch::Receiver<bool>,
}

impl<App: 'static> Task<'_, App> {
    async fn converse(&mut self) -> io::Result<()> {
        let mut begun = None;
        let mut stopping = false;
        loop {
            let turn = self
                .conversation
                .turn(&self.stream, &mut self.service, self.metrics)?;
            self.flush().await?;
            match turn {
                Turn::Send => continue,
                Turn::Yield => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Turn::Close => return self.linger().await,
                Turn::Answer(later) => {
                    let finish = later.await;
                    self.conversation.answer(finish, &mut self.service);
                    self.flush().await?;
                    continue;
                }
                Turn::Receive => {}
            }
            // A request that has begun keeps its deadline, however its bytes trickle in.
            begun = self.conversation.begun().map(|number| match begun {
                Some((same, deadline)) if same == number => (number, deadline),
                _ => (number, Instant::now() + self.limits.request),
            });
            let idle = Instant::now() + self.limits.idle;
            let deadline = begun.map_or(idle, |(_, deadline)| deadline);
            tokio::select! {
                biased;
                ready = self.stream.readable() => ready?,
                _ = self.stopped.wait_for(|stopped| *stopped), if !stopping => {
                    // What has arrived is still read and answered; then comes the end.
                    stopping = true;
                    self.conversation.stop();
                    SockRef::from(&self.stream).shutdown(Shutdown::Read)?;
                }
                () = sleep_until(deadline) => {
                    if begun.is_none() {
                        tracing::info!("{}: idle for too long, closed", self.service.peer);
                        return Ok(());
                    }
                    self.conversation.abort(Fault::TimedOut, &mut self.service);
                }
            }
        }
    }

    /// Sends all that waits to be sent.
    async fn flush(&mut self) -> io::Result<()> {
        if self.conversation.unsent().is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.limits.reply;
        while !self.conversation.unsent().is_empty() {
            match timeout_at(deadline, self.stream.writable()).await {
                Ok(ready) => ready?,
                Err(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "its replies were not taken in time",
                    ));
                }
            }
            match self.stream.try_write(self.conversation.unsent()) {
                Ok(n) => {
                    self.metrics.sent.increment(n as u64);
                    self.conversation.sent(n);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Closes so that what was sent last arrives.
    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let (time, mut bytes) = LINGER;
        let stream = &self.stream;
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
        timeout(time, Box::pin(drained)).await.unwrap_or(Ok(()))
    }
}
