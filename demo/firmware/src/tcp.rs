//! The endpoint on TCP, with a socket for each connection.

use crate::network::{Memory, Network};
use bellwire::smoltcp::{Server, Timeouts};
use bellwire::topics::{Subscriptions, TopicSet};
use bellwire::{Format, ServerConnection, Service, Topic};
use smoltcp::iface::SocketHandle;
use smoltcp::time::Instant;

/// The servers of a port, which serve `SOCKETS` connections at a time.
#[derive(Debug)]
pub struct Servers<T, const SOCKETS: usize> {
    port: u16,
    servers: [(SocketHandle, Server<'static, T>); SOCKETS],
}

impl<T: TopicSet, const SOCKETS: usize> Servers<T, SOCKETS> {
    /// Listens on `port`, which must not be 0. `connection` creates a connection over its two buffers.
    ///
    /// # Panics
    /// If the network has no space for the sockets.
    pub fn start(
        port: u16,
        network: &mut Network,
        memory: &'static mut [Memory; SOCKETS],
        connection: impl Fn(&'static mut [u8], &'static mut [u8]) -> ServerConnection<'static, T>,
    ) -> Self {
        let servers = memory.each_mut().map(|memory| {
            let handle = network.add(&mut memory.arriving, &mut memory.leaving);
            // The first poll would refuse early clients if the socket did not listen yet. `listen` fails
            // only for port 0.
            let _ = network.socket(handle).listen(port);
            let connection = connection(&mut memory.rx, &mut memory.tx);
            (handle, Server::new(connection, Timeouts::default()))
        });
        Self { port, servers }
    }

    /// Answers the requests that have arrived. Call it after each poll of the network, and no later than
    /// [`poll_at`](Self::poll_at).
    pub fn poll(&mut self, network: &mut Network, service: &mut impl Service, now: Instant) {
        for (handle, server) in &mut self.servers {
            let socket = network.socket(*handle);
            if server.poll(socket, service, now).is_ready() {
                // The connection has ended, so the socket is free for another.
                let _ = socket.listen(self.port);
            }
        }
    }

    /// Returns the time at which the next time limit expires, if one is running.
    pub fn poll_at(&self) -> Option<Instant> {
        let limits = self.servers.iter();
        limits.filter_map(|(_, server)| server.poll_at()).min()
    }
}

impl<const TOPICS: usize, const SOCKETS: usize> Servers<Subscriptions<TOPICS>, SOCKETS> {
    /// Publishes a value to the clients that are subscribed to the topic. The next [`poll`](Self::poll) sends it.
    pub fn publish<F>(&mut self, topic: Topic<F>, value: F::Sent<'_>)
    where
        F: for<'a> Format<Sent<'a>: Copy>,
    {
        for (_, server) in &mut self.servers {
            server.publish(topic, value);
        }
    }
}
