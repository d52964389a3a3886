//! The memory of idle clients, in allocated bytes. The allocator counts for the whole process.

use bellwire::Line;
use bellwire_std::{Client, tokio};
use bellwire_tests::process::passes_alone;
use bellwire_tests::running::PATIENCE;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const A: bellwire::Command<Line, Line> = bellwire::Command::new("A");

/// The number of clients.
const CLIENTS: usize = 1000;

/// The bytes that are allocated now.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, with a count.
struct Counting;

// SAFETY: each method passes its arguments to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Starts a server that answers one call on each connection, and keeps them all. It allocates nothing for them.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept: Vec<TcpStream> = Vec::with_capacity(CLIENTS + 1);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.read_exact(&mut [0; "A\nx\n".len()]).unwrap();
            stream.write_all(b"1\n").unwrap();
            kept.push(stream);
        }
    });
    address
}

/// Returns the bytes for each of [`CLIENTS`] clients. The first one pays for the tables that all share.
fn bytes_each<C>(mut connect: impl FnMut() -> C) -> usize {
    let mut clients = Vec::with_capacity(CLIENTS + 1);
    clients.push(connect());
    let before = ALLOCATED.load(Ordering::Relaxed);
    clients.extend((0..CLIENTS).map(|_| connect()));
    let each = (ALLOCATED.load(Ordering::Relaxed) - before) / CLIENTS;
    println!("{}: {each} bytes", std::any::type_name::<C>());
    each
}

#[test]
fn a_thousand_idle_clients_need_at_most_8_kb_each_if_blocking_and_13_kb_if_async() {
    passes_alone("idle::measures");
}

#[test]
#[ignore = "runs in a process of its own, because other tests would allocate meanwhile"]
fn measures() {
    let limit = getrlimit(Resource::Nofile);
    // Both ends of each connection, and the server's ends of the first round.
    let needed = 4 * CLIENTS as u64;
    let current = limit
        .maximum
        .map_or(Some(needed), |most| Some(most.min(needed)));
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    let address = serve().to_string();
    let blocking = bytes_each(|| {
        let mut client = Client::connect(&address, PATIENCE).unwrap();
        assert_eq!(client.call(A, "x").unwrap(), "1");
        client
    });
    assert!((1..=8_000).contains(&blocking), "{blocking}");

    let address = serve().to_string();
    let mut runtime = ::tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let shared = bytes_each(|| {
        runtime.block_on(async {
            let client = tokio::Client::connect(&address).await.unwrap();
            assert_eq!(client.call(A, "x").await.unwrap(), "1");
            client
        })
    });
    assert!((1..=13_000).contains(&shared), "{shared}");
}
