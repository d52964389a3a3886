//! Subscribers at random: slow, silent, cut and restarted. Every value is delivered or reported lost.
//!
//! `BELLWIRE_TOPICS=SECONDS` sets the time; the default is two seconds for each kind of server.

use bellwire::{Line, Topic};
use bellwire_std::{Endpoint, Listener, Network, Publisher};
use bellwire_tests::running::{Kind, PATIENCE, STRING, each};
use fastrand::Rng;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Publishes consecutive numbers.
const COUNT: Topic<Line> = Topic::new("COUNT");

/// The state that all threads share.
struct Soak {
    address: SocketAddr,
    /// The last number that was published.
    published: AtomicU64,
    over: AtomicBool,
    /// The numbers that subscribers got and that were reported lost, and the subscriptions that ended with both `OK`s.
    delivered: AtomicU64,
    lost: AtomicU64,
    ended: AtomicU64,
}

/// A subscription, from the `OK` of `SUBSCRIBE` on.
#[derive(Default)]
struct Subscription {
    /// The last number that was delivered or reported lost, once there is one.
    last: Option<u64>,
    delivered: u64,
    lost: u64,
}

impl Subscription {
    fn delivers(&mut self, number: u64) {
        let expected = self.last.map_or(number, |last| last + 1);
        assert_eq!(
            number, expected,
            "a number is missing and was not told lost"
        );
        self.last = Some(number);
        self.delivered += 1;
    }

    fn loses(&mut self, count: u64) {
        assert!(count > 0, "a loss of nothing");
        if let Some(last) = &mut self.last {
            *last += count;
        }
        self.lost += count;
    }
}

/// Whether a connection is still usable.
type Usable = io::Result<bool>;

struct Subscriber<'a> {
    soak: &'a Soak,
    random: Rng,
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl<'a> Subscriber<'a> {
    fn connect(soak: &'a Soak, seed: u64) -> io::Result<Self> {
        let stream = TcpStream::connect(soak.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            soak,
            random: Rng::with_seed(seed),
            lines: BufReader::with_capacity(512, stream.try_clone()?),
            stream,
        })
    }

    /// Reads a line without its line feed. An error is the end of the conversation.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        match line.pop() {
            Some('\n') => Ok(line),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads pushes up to the next reply, and returns it.
    fn reply(&mut self, subscription: &mut Option<Subscription>) -> io::Result<String> {
        loop {
            let line = self.line()?;
            let Some(push) = line.strip_prefix('>') else {
                return Ok(line);
            };
            let subscription = subscription
                .as_mut()
                .expect("a push without a subscription");
            if let Some(count) = push.strip_prefix("COUNT +") {
                subscription.loses(count.parse().expect("a number"));
            } else {
                assert_eq!(push, "COUNT");
                subscription.delivers(self.line()?.parse().expect("a number"));
            }
        }
    }

    /// Runs a client until it or the server ends the connection.
    fn live(&mut self) -> io::Result<()> {
        while self.subscribe()? {}
        Ok(())
    }

    /// One subscription, with requests while it lasts.
    fn subscribe(&mut self) -> Usable {
        let before = self.soak.published.load(Ordering::SeqCst);
        self.stream.write_all(b"SUBSCRIBE\nCOUNT\n")?;
        let mut subscription = None;
        if !is_ok(&self.reply(&mut subscription)?) {
            return Ok(false);
        }
        let after = self.soak.published.load(Ordering::SeqCst);
        subscription = Some(Subscription::default());
        for _ in 0..self.random.u32(0..20) {
            match self.random.u32(0..100) {
                // Reads nothing for a while.
                0..20 => thread::sleep(Duration::from_millis(self.random.u64(0..100))),
                20..22 => {
                    self.stream.write_all(b"NONSENSE\n")?;
                    let line = self.reply(&mut subscription)?;
                    assert!(is_end(&line), "{line}");
                    return Ok(false);
                }
                22..24 => return Ok(false),
                _ => {
                    let requests = self.random.usize(1..50);
                    self.stream
                        .write_all("STRING\nhi\n".repeat(requests).as_bytes())?;
                    for _ in 0..requests {
                        let line = self.reply(&mut subscription)?;
                        if line != "Thank you." {
                            assert!(is_end(&line), "{line}");
                            return Ok(false);
                        }
                    }
                }
            }
        }
        let least = self.soak.published.load(Ordering::SeqCst);
        self.stream.write_all(b"UNSUBSCRIBE\nCOUNT\n")?;
        if !is_ok(&self.reply(&mut subscription)?) {
            return Ok(false);
        }
        let most = self.soak.published.load(Ordering::SeqCst);
        let subscription = subscription.unwrap_or_default();
        self.check(&subscription, [before, after], [least, most]);
        Ok(true)
    }

    /// Checks a subscription that began and ended with `OK`. `first` and `last` bound the numbers that were published
    /// before its beginning and before its end.
    fn check(&self, subscription: &Subscription, first: [u64; 2], last: [u64; 2]) {
        let numbers = subscription.delivered + subscription.lost;
        if let Some(end) = subscription.last {
            let begin = end - numbers;
            assert!(
                (first[0]..=first[1] + 1).contains(&begin),
                "{begin} {first:?}"
            );
            // A number is counted after it was published.
            assert!((last[0]..=last[1] + 1).contains(&end), "{end} {last:?}");
        } else {
            assert!(
                numbers + first[0] <= last[1] + 1,
                "{numbers} {first:?} {last:?}"
            );
        }
        self.soak
            .delivered
            .fetch_add(subscription.delivered, Ordering::Relaxed);
        self.soak
            .lost
            .fetch_add(subscription.lost, Ordering::Relaxed);
        self.soak.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_ok(line: &str) -> bool {
    assert!(line == "OK" || is_end(line), "{line}");
    line == "OK"
}

/// Returns whether the line ends a conversation.
fn is_end(line: &str) -> bool {
    line.starts_with("!unknown-command") || line.starts_with("!busy")
}

/// Publishes in bursts until the soak is over.
fn publish(soak: &Soak, count: &Publisher<Line>) {
    let mut random = Rng::with_seed(0);
    let mut number = 0u64;
    while !soak.over.load(Ordering::SeqCst) {
        for _ in 0..random.u32(1..200) {
            number += 1;
            count.publish(&number.to_string()).unwrap();
            soak.published.store(number, Ordering::SeqCst);
        }
        thread::sleep(Duration::from_micros(random.u64(0..2000)));
    }
}

/// Runs servers one after the other on the same port, until the soak is over.
fn serve(kind: Kind, endpoint: &Arc<Endpoint<()>>, soak: &Soak) {
    let mut random = Rng::with_seed(1);
    while !soak.over.load(Ordering::SeqCst) {
        let Ok(listener) = Listener::bind(Network::Tcp, &soak.address.to_string()) else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        let life = Duration::from_millis(random.u64(100..1500));
        run(kind, listener, Arc::clone(endpoint), life);
    }
}

/// Serves for some time.
fn run(kind: Kind, listener: Listener, endpoint: Arc<Endpoint<()>>, life: Duration) {
    let stop = |handle: bellwire_std::ShutdownHandle| {
        thread::spawn(move || {
            thread::sleep(life);
            handle.stop();
        })
    };
    let stopping = if kind == Kind::Threads {
        let mut server = bellwire_std::Server::from_listener(listener, endpoint);
        server.limits.transmit_buffer = 512;
        let stopping = stop(server.shutdown_handle());
        server.run().unwrap();
        stopping
    } else {
        let mut server = bellwire_std::tokio::Server::from_listener(listener, endpoint);
        server.limits.transmit_buffer = 512;
        let stopping = stop(server.shutdown_handle());
        let threads = if kind == Kind::Tasks { 1 } else { 2 };
        server.run_on_threads(threads).unwrap();
        stopping
    };
    stopping.join().unwrap();
}

#[test]
fn every_value_is_delivered_or_reported_lost_whatever_its_subscribers_do() {
    let seconds = std::env::var("BELLWIRE_TOPICS").map_or(2, |text| text.parse().unwrap());
    each(|kind| {
        let endpoint = Endpoint::new();
        let thanks =
            |(): &mut (), _: &str, reply: bellwire::Reply<'_, Line>| reply.send("Thank you.");
        endpoint.handle(STRING, thanks).unwrap();
        let count = endpoint.topic(COUNT).unwrap();
        let endpoint = Arc::new(endpoint);
        let any = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
        let soak = Soak {
            address: any.local_addr().tcp().unwrap(),
            published: AtomicU64::new(0),
            over: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        };
        drop(any);
        let end = Instant::now() + Duration::from_secs(seconds);
        thread::scope(|scope| {
            scope.spawn(|| publish(&soak, &count));
            scope.spawn(|| serve(kind, &endpoint, &soak));
            let subscribers = (0..16u64).map(|number| {
                let soak = &soak;
                scope.spawn(move || {
                    let mut seed = number << 32;
                    while Instant::now() < end {
                        seed += 1;
                        // A server that restarts refuses, and ends connections.
                        let lived = Subscriber::connect(soak, seed).and_then(|mut one| one.live());
                        if lived.is_err() {
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                })
            });
            let results: Vec<_> = subscribers
                .collect::<Vec<_>>()
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect();
            soak.over.store(true, Ordering::SeqCst);
            for result in results {
                result.unwrap();
            }
        });
        assert_eq!(count.subscribers(), 0);
        let [delivered, lost, ended] =
            [&soak.delivered, &soak.lost, &soak.ended].map(|count| count.load(Ordering::Relaxed));
        println!("{kind:?}: {ended} subscriptions, {delivered} values delivered, {lost} told lost");
        assert!(ended > 0 && delivered > 0, "{kind:?}: nothing happened");
    });
}
