//! Ending a task's connection; see [`crate::ending`].

use super::stream::{Stream, receive_now};
use crate::ending::{Ending, LINGER, Peer, is_delivered, replies_not_taken, write_after_delivery};
use crate::wait::wait;
use rustix::event::{PollFd, PollFlags};
use std::io::{self, ErrorKind};
use std::time::Instant;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

/// Ends the connection. The caller closes the stream next.
pub(super) async fn end(stream: &mut Stream, ending: Ending) -> io::Result<()> {
    match timeout(ending.time, deliver(stream, ending.peer)).await {
        Err(_) => return Err(replies_not_taken()),
        Ok(Ok(Peer::Sending)) => linger(stream).await,
        // A close loses nothing, or the peer is gone.
        Ok(Ok(Peer::Quiet | Peer::Ended) | Err(_)) => {}
    }
    Ok(())
}

/// Waits until the peer's system has acknowledged all bytes or the peer has ended its stream. Returns
/// whether the peer still sends.
async fn deliver(stream: &mut Stream, mut peer: Peer) -> io::Result<Peer> {
    stream.finish().await?;
    if peer == Peer::Ended {
        return Ok(peer);
    }
    let socket = &stream.socket;
    write_after_delivery(socket);
    let mut discarded = [0; 1024];
    loop {
        let ready = socket
            .ready(Interest::READABLE | Interest::WRITABLE)
            .await?;
        if ready.is_writable()
            && socket
                .try_io(Interest::WRITABLE, || acknowledged(socket))
                .is_ok()
        {
            // The system may hold bytes that tokio does not know of yet.
            let is_unread = matches!(receive_now(socket, &mut discarded), Ok(1..));
            return Ok(if is_unread { Peer::Sending } else { peer });
        }
        if ready.is_readable() {
            match socket.try_read(&mut discarded) {
                Ok(0) => return Ok(Peer::Ended),
                Ok(_) => peer = Peer::Sending,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            yield_now().await;
        }
    }
}

/// Shuts down writing and waits up to [`LINGER`] for the end of the peer's stream.
pub(super) async fn linger(stream: &mut Stream) {
    let end = async {
        stream.finish().await?;
        stream.socket.shutdown().await?;
        let mut discarded = [0; 1024];
        loop {
            stream.socket.readable().await?;
            match stream.socket.try_read(&mut discarded) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => yield_now().await,
            }
        }
    };
    // The result does not matter: the connection is closed next.
    let _: Result<io::Result<()>, _> = timeout(LINGER, end).await;
}

/// Fails with [`WouldBlock`](ErrorKind::WouldBlock) until the socket is ready as
/// [`write_after_delivery`] describes.
fn acknowledged(socket: &TcpStream) -> io::Result<()> {
    let mut socket = [PollFd::new(socket, PollFlags::OUT)];
    wait(&mut socket, Some(Instant::now()))?;
    if is_delivered(socket[0].revents()) {
        Ok(())
    } else {
        Err(ErrorKind::WouldBlock.into())
    }
}
