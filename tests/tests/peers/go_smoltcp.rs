//! Exchanges between a Go program over the kernel's TCP and Bellwire over smoltcp. A TUN device connects
//! them, in a network namespace that ends with the test.
//!
//! The tests need Linux with `/dev/net/tun` and `ip`, and the right to create a network namespace. Root
//! has this right, and so has every user under `unshare --map-root-user`.
#![cfg(target_os = "linux")]

use crate::go_json::{go_json, parsed};
use bellwire::ServerConnection;
use bellwire::smoltcp::{Client, Server, Timeouts};
use bellwire_tests::go::{Go, PATIENCE};
use bellwire_tests::gob_exchange::{GOB, ROUNDS, Received, STRING, go_client, go_server, value_of};
use bellwire_tests::not_tested;
use nix::sched::{CloneFlags, unshare};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Medium, TunTapInterface};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr, Ipv4Address};
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;
use std::panic::resume_unwind;
use std::process::Command;
use std::task::Poll;
use std::thread;

const DEVICE: &str = "bellwire";
const KERNEL_ADDRESS: &str = "192.0.2.1";
const ADDRESS: Ipv4Address = Ipv4Address::new(192, 0, 2, 2);
const PORT: u16 = 61000;

/// The size of each socket buffer in bytes.
const SOCKET_BUFFER: usize = 512;

#[test]
fn bellwire_over_smoltcp_serves_a_go_client() {
    let Some(go) = Go::find() else { return };
    in_own_network(|network| {
        let (mut rx, mut tx) = (vec![0; 1024], vec![0; 1024]);
        let mut server = Server::new(ServerConnection::new(&mut rx, &mut tx), Timeouts::default());
        let endpoint = Received::endpoint();
        let mut received = Received::default();

        network.socket().listen(PORT).unwrap();
        let client = go_client(go, SocketAddrV4::new(ADDRESS, PORT));
        let end = network
            .until_ready(|socket, now| server.poll(socket, &mut endpoint.with(&mut received), now));
        assert_eq!(end, Ok(()));
        client.end();
        received.is_all_that_go_sent();
    });
}

#[test]
fn a_bellwire_client_over_smoltcp_calls_a_go_server() {
    let Some(go) = Go::find() else { return };
    in_own_network(|network| {
        let (server, address) = go_server(go, KERNEL_ADDRESS);
        network.connect(address);
        let (mut rx, mut tx) = (vec![0; 256], vec![0; 1024]);
        let mut client = Client::new(&mut rx, &mut tx);
        let deadline = Instant::now() + Duration::from(PATIENCE);
        for value in (0..ROUNDS).map(value_of) {
            let socket = network.socket();
            client
                .call(STRING, "Additional data.", socket, deadline)
                .unwrap();
            let reply = network.until_ready(|socket, now| {
                let reply = client.poll_reply(STRING, socket, now);
                reply.map_ok(str::to_owned)
            });
            assert_eq!(reply.unwrap(), "Thank you.");

            let socket = network.socket();
            client.call(GOB, &value, socket, deadline).unwrap();
            let sent = network.until_ready(|socket, now| client.poll_sent(GOB, socket, now));
            sent.unwrap();

            let mut next_line = || network.until_ready(|_, _| server.poll_line());
            assert_eq!(next_line(), "\"Additional data.\"");
            assert_eq!(parsed(&next_line()), go_json(&value));
        }
    });
}

/// Runs a test at smoltcp's end of a network. The kernel is its other end, for the test and for the
/// processes that it starts.
fn in_own_network(test: impl FnOnce(&mut Network) + Send) {
    // A namespace belongs to a thread. It ends with its last thread and process.
    let run = || match device() {
        Ok(device) => test(&mut Network::new(device)),
        Err(why) => not_tested("against Go over smoltcp", &why),
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| resume_unwind(panic));
}

/// Creates a TUN device in a new namespace, or returns the reason why it cannot.
fn device() -> Result<TunTapInterface, String> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("cannot create a network namespace (needs root): {error}"))?;
    let device = TunTapInterface::new(DEVICE, Medium::Ip)
        .map_err(|error| format!("cannot create a TUN device: {error}"))?;
    let network = format!("{KERNEL_ADDRESS}/24");
    ip(&["address", "add", &network, "dev", DEVICE])?;
    ip(&["link", "set", DEVICE, "up"])?;
    Ok(device)
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("cannot run `ip` (iproute2): {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {complaint}");
    Ok(())
}

/// smoltcp's end of the network, with one socket.
struct Network {
    device: TunTapInterface,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl Network {
    fn new(mut device: TunTapInterface) -> Self {
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::now());
        interface.update_ip_addrs(|all| all.push(IpCidr::new(ADDRESS.into(), 24)).unwrap());
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; SOCKET_BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        // TCP acknowledges a request without a reply late. The next request must not wait for that.
        socket.set_nagle_enabled(false);
        let handle = sockets.add(socket);
        Self {
            device,
            interface,
            sockets,
            handle,
        }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn connect(&mut self, address: SocketAddrV4) {
        let context = self.interface.context();
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        socket.connect(context, address, PORT).unwrap();
    }

    /// Polls the interface and `poll` in turn until `poll` is ready.
    fn until_ready<T>(
        &mut self,
        mut poll: impl FnMut(&mut Socket<'static>, Instant) -> Poll<T>,
    ) -> T {
        let deadline = Instant::now() + Duration::from(PATIENCE);
        loop {
            let now = Instant::now();
            self.interface
                .poll(now, &mut self.device, &mut self.sockets);
            if let Poll::Ready(outcome) = poll(self.socket(), now) {
                return outcome;
            }
            assert!(
                now < deadline,
                "no progress; the socket is {:?}",
                self.socket().state()
            );
            self.wait(now).unwrap();
        }
    }

    /// Waits for a packet or for the interface's next poll, at most 1 ms.
    fn wait(&mut self, now: Instant) -> io::Result<()> {
        let longest = Duration::from_millis(1);
        let wish = self.interface.poll_delay(now, &self.sockets);
        let time = wish.map_or(longest, |wish| wish.min(longest));
        phy::wait(self.device.as_raw_fd(), Some(time))
    }
}
