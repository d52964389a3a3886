//! Both clients against a server process that is killed again and again: each call is accounted for.
//!
//! The time in seconds is in the environment variable `BELLWIRE_SOAK`. Without it the soak is short.

mod process;
mod values;

use bellwire::{Command, Line, NoReply};
use bellwire_std::tokio::Client;
use bellwire_std::{CallError, Endpoint, Server};
use bellwire_tests::running::until;
use process::{ADDRESS, Killed, LOG, START, TemporaryFile, process};
use std::collections::HashMap;
use std::env;
use std::fs::{File, OpenOptions, read_dir, read_to_string};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;
use values::{COUNT, Values, publish};

const ECHO: Command<Line, Line> = Command::new("ECHO");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

const TASKS: u64 = 64;
const SUBSCRIBERS: u64 = 8;
/// The time limit of a call: shorter than the longest outage.
const LIMIT: Duration = Duration::from_millis(200);

#[test]
fn each_call_to_a_server_that_is_killed_is_accounted_for() {
    // No other program uses this address, so the port stays free while the server is down.
    let [.., high, low] = std::process::id().to_be_bytes();
    let port = TcpListener::bind((format!("127.77.{high}.{low}"), 0)).unwrap();
    let address = port.local_addr().unwrap().to_string();
    drop(port);
    // The process counts its descriptors, and other tests run in this one.
    let status = process("soak::clients", &address).status().unwrap();
    assert!(status.success(), "{status}");
}

/// The server: logs the number of each request before it replies.
#[test]
#[ignore = "the soak runs it in a process of its own"]
fn server() {
    let (Ok(address), Ok(log)) = (env::var(ADDRESS), env::var(LOG)) else {
        return;
    };
    // The server ends with the process that started it.
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let start = env::var(START).unwrap().parse().unwrap();
    let log = OpenOptions::new().append(true).open(log).unwrap();
    let log = Arc::new(log);
    let note = Arc::clone(&log);
    let endpoint = Endpoint::new();
    endpoint
        .handle(ECHO, move |(), text, reply| {
            keep(&log, text);
            reply.send(text)
        })
        .unwrap();
    endpoint
        .handle(NOTE, move |(), text, reply| {
            keep(&note, text);
            reply.none()
        })
        .unwrap();
    publish(endpoint.topic(COUNT).unwrap(), start);
    let mut server = Server::bind(&address, endpoint).unwrap();
    server.limits.receive_buffer = 2 * LONG_TEXT;
    server.limits.transmit_buffer = 3 * LONG_TEXT;
    server.run().unwrap();
}

/// Appends the number that `text` begins with, in one write. Slows the server down, so that calls wait in it.
fn keep(mut log: &File, text: &str) {
    let number = text.split_once(' ').map_or(text, |(number, _)| number);
    log.write_all(format!("{number}\n").as_bytes()).unwrap();
    thread::sleep(Duration::from_micros(100));
}

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fate {
    Answered,
    /// A request without reply was handed to the system.
    Sent,
    NotSent,
    MayHaveRun,
    /// The call was dropped.
    Dropped,
}

fn fate(error: &CallError) -> Fate {
    match error {
        CallError::NotSent(_) => Fate::NotSent,
        CallError::MayHaveRun(_) => Fate::MayHaveRun,
        error => panic!("{error}"),
    }
}

/// The state that all callers share.
struct Soak {
    address: String,
    next: AtomicU64,
    /// How often the server was started.
    starts: AtomicU64,
    /// The time of the last restart.
    over: OnceLock<Instant>,
    /// The time of the async client's last answer or lost connection.
    moved: Mutex<Instant>,
}

type Fates = Vec<(u64, Fate)>;

/// The longest pause of the async client before it connects again, as its documentation has it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The longest time in which the async client neither answers a call nor tells its listener that a connection ended or
/// failed. At worst it pauses, connects, and loses the connection after `LIMIT`. A busy machine gets as long again.
const STANDSTILL: Duration = LONGEST_PAUSE.saturating_mul(2);

/// The longest time from the last restart to an answered call of each caller. A busy machine may start the server
/// slowly and then exceed `LIMIT`, so that connections end without an answer. Each costs a pause and a limit; ten in a
/// row are a fault.
const RECOVERY: Duration = LONGEST_PAUSE.saturating_add(LIMIT).saturating_mul(10);

/// The length of a long text in bytes: it is seldom written at once.
const LONG_TEXT: usize = 60_000;

impl Soak {
    /// Returns whether a caller ends after a call: each ends with one that the last server answers.
    fn is_over(&self, last: Fate) -> bool {
        let Some(over) = self.over.get() else {
            return false;
        };
        assert!(over.elapsed() < RECOVERY, "the client does not recover");
        last == Fate::Answered
    }

    /// Returns whether a subscriber ends: the last server's values have arrived.
    fn is_watched(&self, values: &Values) -> bool {
        self.over.get().is_some() && values.have_reached(self.starts.load(Ordering::Relaxed) - 1)
    }

    /// Notes that the async client has not come to a standstill.
    fn note(&self) {
        *self.moved.lock().unwrap() = Instant::now();
    }

    /// Returns a number that no other call has, and a text that begins with it.
    fn text(&self, random: &mut fastrand::Rng) -> (u64, String) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let length = if random.u8(..) == 0 { LONG_TEXT } else { 0 };
        (number, format!("{number} {}", "x".repeat(length)))
    }

    /// One task of many on one async client.
    async fn call(&self, client: &Client, seed: u64) -> Fates {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut fates = Vec::new();
        loop {
            let (number, text) = self.text(&mut random);
            let fate = if random.u8(..) < 16 {
                let sent = client.send(NOTE, &text).await;
                sent.map_or_else(|error| fate(&error), |()| Fate::Sent)
            } else {
                let patience = match random.u8(..) {
                    0..16 => Duration::from_micros(random.u64(0..50_000)),
                    _ => 10 * LIMIT,
                };
                match timeout(patience, client.call(ECHO, &text)).await {
                    Ok(Ok(reply)) => {
                        assert!(reply == text, "the reply to {number} is another call's");
                        Fate::Answered
                    }
                    Ok(Err(error)) => fate(&error),
                    Err(_) => Fate::Dropped,
                }
            };
            fates.push((number, fate));
            if fate == Fate::Answered {
                self.note();
            }
            let still = self.moved.lock().unwrap().elapsed();
            assert!(still < STANDSTILL, "the client does nothing");
            if self.is_over(fate) {
                return fates;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The blocking client.
    fn block(&self) -> Fates {
        let mut random = fastrand::Rng::with_seed(TASKS);
        let mut client = bellwire_std::Client::connect(&self.address, LIMIT).unwrap();
        let (mut fates, mut values) = (Vec::new(), Values::default());
        loop {
            // To subscribe again is not an error, and sends nothing.
            let _ = client.subscribe(COUNT);
            while let Ok(Some(push)) = client.next_push(Some(Duration::ZERO)) {
                values.take(push.event(COUNT).unwrap().unwrap());
            }
            let (number, text) = self.text(&mut random);
            let fate = if random.u8(..) < 16 {
                let sent = client.send(NOTE, &text);
                sent.map_or_else(|error| fate(&error), |()| Fate::Sent)
            } else {
                match client.call(ECHO, &text) {
                    Ok(reply) => {
                        assert!(reply == text, "the reply to {number} is another call's");
                        Fate::Answered
                    }
                    Err(error) => fate(&error),
                }
            };
            fates.push((number, fate));
            if self.is_over(fate) && self.is_watched(&values) {
                return fates;
            }
            if fate == Fate::NotSent {
                // A refused connection fails at once.
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Runs the callers until the soak is over.
    fn callers(self: &Arc<Self>) -> Fates {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut fates = runtime.block_on(async {
            let blocking = tokio::task::spawn_blocking({
                let soak = Arc::clone(self);
                move || soak.block()
            });
            let soak = Arc::clone(self);
            let builder = Client::builder().timeout(Some(LIMIT));
            let builder = builder.on_disconnect(move |_| soak.note());
            let client = builder.connect(&self.address).await.unwrap();
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let (soak, client) = (Arc::clone(self), client.clone());
                tasks.spawn(async move { soak.call(&client, task).await });
            }
            let mut subscribers = JoinSet::new();
            for _ in 0..SUBSCRIBERS {
                let (soak, client) = (Arc::clone(self), client.clone());
                subscribers.spawn(async move { soak.subscribe(&client).await });
            }
            let mut fates = tasks.join_all().await.concat();
            subscribers.join_all().await;
            fates.extend(blocking.await.unwrap());
            fates
        });
        fates.sort_unstable_by_key(|(number, _)| *number);
        // The client's task ends with its last handle.
        until(|| runtime.metrics().num_alive_tasks() == 0);
        fates
    }
}

/// Kills and restarts the server until `end`. Returns how often, and the last server.
fn kill_until(
    end: Instant,
    up: Duration,
    mut server: Killed,
    start: impl Fn() -> Killed,
) -> (u64, Killed) {
    let mut kills = 0;
    while Instant::now() < end {
        thread::sleep(up);
        drop(server);
        kills += 1;
        // Every fourth outage is longer than a call waits.
        let down = if kills % 4 == 0 { 2 * LIMIT } else { LIMIT / 8 };
        thread::sleep(down);
        server = start();
    }
    (kills, server)
}

fn descriptors() -> usize {
    read_dir("/proc/self/fd").unwrap().count()
}

/// The callers, the process that kills the server, and the judge.
#[test]
#[ignore = "the soak runs it in a process of its own"]
fn clients() {
    let Ok(address) = env::var(ADDRESS) else {
        return;
    };
    let (length, up) = match env::var("BELLWIRE_SOAK") {
        Ok(seconds) => (seconds.parse().unwrap(), Duration::from_secs(1)),
        Err(_) => (6, Duration::from_millis(300)),
    };
    let before = descriptors();
    let log = TemporaryFile::new();
    let soak = Arc::new(Soak {
        address: address.clone(),
        next: AtomicU64::new(0),
        starts: AtomicU64::new(0),
        over: OnceLock::new(),
        moved: Mutex::new(Instant::now()),
    });
    let start = || {
        let number = soak.starts.fetch_add(1, Ordering::Relaxed);
        Killed::start(&address, &log.0, number)
    };
    let server = start();
    until(|| std::net::TcpStream::connect(&address).is_ok());
    soak.note();
    let callers = thread::spawn({
        let soak = Arc::clone(&soak);
        move || soak.callers()
    });
    let end = Instant::now() + Duration::from_secs(length);
    let (kills, server) = kill_until(end, up, server, start);
    soak.over.set(Instant::now()).unwrap();
    let fates = callers.join().unwrap();
    drop(server);
    assert_eq!(fates.len() as u64, soak.next.load(Ordering::Relaxed));
    let counts = judge(&fates, &read_to_string(&log.0).unwrap());
    println!("{kills} kills in {length} s: {counts:?}");
    for fate in [Fate::Answered, Fate::Sent, Fate::NotSent, Fate::MayHaveRun] {
        assert!(counts.contains_key(&fate), "no call was {fate:?}");
    }
    assert_eq!(descriptors(), before);
}

/// Checks the outcomes against the numbers that the servers saw. Returns how many calls had each outcome.
fn judge(fates: &Fates, log: &str) -> HashMap<Fate, u64> {
    let mut seen = vec![0_u32; fates.len()];
    for line in log.lines() {
        seen[line.parse::<usize>().unwrap()] += 1;
    }
    let mut counts = HashMap::new();
    for ((number, fate), seen) in fates.iter().zip(seen) {
        let possible = match fate {
            Fate::Answered => seen == 1,
            Fate::NotSent => seen == 0,
            Fate::Sent | Fate::MayHaveRun | Fate::Dropped => seen <= 1,
        };
        assert!(possible, "call {number} is {fate:?}, and ran {seen} times");
        *counts.entry(*fate).or_default() += 1;
    }
    counts
}
