//! One connection as a task.

use super::Shared;
use super::conversation::{Conversation, Turn, Wake};
use super::proxy::read_header;
use crate::Address;
use crate::limits::{LINGER, Wait, replies_not_taken};
use crate::serving::Serving;
use bellwire::Fault;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How many bytes a connection may bring before others have their turn.
const TURN: usize = 16384;

/// Serves a connection to its end.
pub(super) async fn serve<App, F>(
    mut stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared<App, F>>,
    mut stopped: watch::Receiver<bool>,
) where
    App: Send + 'static,
    F: Fn(&Address) -> App,
{
    // An IPv4 peer of a socket for both families is shown as one.
    let mut peer = Address::Tcp(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    tracing::debug!("{peer}: connected");
    match converse(&mut stream, &mut peer, &shared, &mut stopped).await {
        Ok(()) => tracing::debug!("{peer}: ended"),
        Err(error) => tracing::warn!("{peer}: {error}"),
    }
}

async fn converse<App, F>(
    stream: &mut TcpStream,
    peer: &mut Address,
    shared: &Shared<App, F>,
    stopped: &mut watch::Receiver<bool>,
) -> io::Result<()>
where
    App: Send + 'static,
    F: Fn(&Address) -> App,
{
    let place = shared.places.try_acquire();
    let _surplus = match (&place, shared.surplus.try_acquire()) {
        (Ok(_), _) => None,
        (Err(_), Ok(surplus)) => Some(surplus),
        (Err(_), Err(_)) => {
            tracing::warn!("{peer}: dropped, far too many connections");
            return Ok(());
        }
    };
    let _open = shared.metrics.open();
    stream.set_nodelay(true)?;
    let limits = &shared.limits;
    if shared.proxy_protocol {
        // What is rare, or over soon, is boxed, so that no connection keeps room for it.
        if let Some(client) = Box::pin(timeout(limits.request, read_header(stream)))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?
        {
            *peer = Address::Tcp(client);
        }
    }
    let app = (shared.app)(peer);
    let mut service = Serving::new(Arc::clone(&shared.endpoint), app, peer.clone());
    let mut conversation = Conversation::new(limits);
    if place.is_err() {
        conversation.abort(Fault::Busy, &mut service);
    }

    let mut wait = Wait::first();
    // One timer, set anew where it has to ring earlier or has rung too early, rather than one for
    // each wake-up.
    let mut timer = pin!(sleep_until(Instant::now() + limits.idle));
    let mut stop = pin!(stopped.wait_for(|stopped| *stopped));
    let mut stopping = false;
    let mut brought = 0;
    loop {
        let (turn, arrived) = conversation.turn(&mut Wake {
            stream,
            service: &mut service,
            limits,
            metrics: &shared.metrics,
        })?;
        if !conversation.unsent().is_empty() {
            let flush = flush(stream, &mut conversation, limits.reply);
            shared.metrics.sent.increment(Box::pin(flush).await?);
        }
        match turn {
            Turn::Receive => {}
            Turn::Send => continue,
            Turn::Close if conversation.is_refused() => return Box::pin(linger(stream)).await,
            Turn::Close => return Ok(()),
            Turn::Answer(later) => {
                let finish = later.await;
                conversation.answer(finish, &mut service, limits);
                continue;
            }
        }
        brought += arrived;
        if brought >= TURN {
            brought = 0;
            yield_now().await;
        }
        wait = limits.wait(conversation.begun(), wait);
        let deadline = Instant::from_std(wait.deadline);
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        loop {
            tokio::select! {
                biased;
                _ = &mut stop, if !stopping => {
                    stopping = true;
                    conversation.stop();
                }
                ready = poll_fn(|context| stream.poll_read_ready(context)) => ready?,
                () = &mut timer => {
                    if Instant::now() < deadline {
                        timer.as_mut().reset(deadline);
                        continue;
                    }
                    if wait.begun.is_none() {
                        tracing::info!("{peer}: idle for too long, closed");
                        return Ok(());
                    }
                    conversation.abort(Fault::TimedOut, &mut service);
                }
            }
            break;
        }
    }
}

/// Sends all that waits to be sent, and returns how much that was.
async fn flush(
    stream: &TcpStream,
    conversation: &mut Conversation,
    limit: Duration,
) -> io::Result<u64> {
    let deadline = Instant::now() + limit;
    let mut sent = 0;
    while !conversation.unsent().is_empty() {
        let ready = timeout_at(deadline, stream.writable()).await;
        ready.unwrap_or_else(|_| Err(replies_not_taken()))?;
        match stream.try_write(conversation.unsent()) {
            Ok(n) => {
                sent += n as u64;
                conversation.sent(n);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// Closes so that what was sent last arrives.
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    if stream.shutdown().await.is_err() {
        // The peer has gone already.
        return Ok(());
    }
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
