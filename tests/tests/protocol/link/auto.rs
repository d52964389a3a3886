//! A person and a program on one port.

use super::line::{End, host};
use super::port::Port;
use bellwire::link::{Auto, Ended, Link, State};
use bellwire::topics::{Published, Subscriptions};
use bellwire::{Command, Endpoint, Line, NoReply, ServerConnection, Topic};

const STRING: Command<Line, Line> = Command::new("STRING");
/// A request with any bytes, zeros too.
const RAW: Command<bellwire::Postcard<heapless::Vec<u8, 16>>, Line> = Command::new("RAW");

/// A request without reply.
const LOG: Command<Line, NoReply> = Command::new("LOG");

const TICK: Topic<Line> = Topic::new("TICK");

/// A device with a server in `auto` mode, and the port's other end.
struct Bench {
    server: Auto<'static, Vec<u8>, Subscriptions<1>>,
    port: Port,
    now: u32,
    /// The requests without reply that have run.
    logged: u32,
}

impl Bench {
    fn new() -> Self {
        Self::with_memory(256)
    }

    /// As `new`, with this memory for a request.
    fn with_memory(size: usize) -> Self {
        let buffer = |size| vec![0; size].leak();
        let link = Link::listen(vec![0; 256], vec![0; 256], 5);
        let connection = ServerConnection::new(buffer(size), buffer(256));
        Self {
            server: Auto::new(connection.with_topics([TICK.name()]), link, 0),
            port: Port::default(),
            now: 0,
            logged: 0,
        }
    }

    /// Lets bytes arrive, then time pass. Returns the output.
    fn feed(&mut self, bytes: &[u8], milliseconds: u32) -> Vec<u8> {
        let mut endpoint = Endpoint::<u32, 3>::new();
        endpoint
            .handle(STRING, &|_, text, reply| reply.send(text))
            .unwrap();
        endpoint
            .handle(RAW, &|_, bytes, reply| reply.send(&format!("{bytes:?}")))
            .unwrap();
        endpoint
            .handle(LOG, &|logged, _, reply| {
                *logged += 1;
                reply.none()
            })
            .unwrap();
        let mut service = endpoint.with(&mut self.logged);
        self.port.input.extend(bytes);
        for _ in 0..=milliseconds {
            while self
                .server
                .poll(&mut self.port, &mut service, self.now)
                .unwrap()
                || !self.port.input.is_empty()
            {}
            self.now += 1;
        }
        std::mem::take(&mut self.port.output)
    }

    fn text(&mut self, bytes: &str) -> String {
        String::from_utf8(self.feed(bytes.as_bytes(), 0)).unwrap()
    }

    /// Exchanges bytes with a link for some time.
    fn exchange(&mut self, link: &mut End, milliseconds: u32) {
        for _ in 0..milliseconds {
            let mut bytes = [0; 64];
            let n = link.transmit(self.now, &mut bytes);
            let output = self.feed(&bytes[..n], 0);
            link.receive(self.now, &output);
        }
    }

    /// Lets this many requests without reply arrive, and then a close.
    fn run_before_close(&mut self, link: &mut End, count: usize) {
        let requests = "LOG\nx\n".repeat(count);
        assert_eq!(link.write(requests.as_bytes()), Ok(requests.len()));
        let mut bytes = [0; 1024];
        let n = link.transmit(self.now, &mut bytes);
        assert_eq!(link.unsent(), 0);
        link.close();
        let close = link.transmit(self.now, &mut bytes[n..]);
        self.feed(&bytes[..n + close], 0);
    }

    /// Makes a call over a link.
    fn call(&mut self, link: &mut End, request: &str) -> String {
        assert_eq!(link.write(request.as_bytes()), Ok(request.len()));
        self.exchange(link, 50);
        let mut bytes = [0; 64];
        let n = link.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..n]).into()
    }
}

#[test]
fn text_is_accepted_only_after_a_tenth_of_a_second_of_quiet() {
    let mut bench = Bench::new();
    assert_eq!(bench.text("STRING\nlost\n"), "");
    bench.feed(b"", 98);
    assert_eq!(bench.text("STRING\nlost too\n"), "");
    bench.feed(b"", 101);
    assert_eq!(bench.text("STRING\nheard\n"), "heard\n");
}

#[test]
fn a_program_and_then_a_person_and_then_a_program_are_served() {
    let mut bench = Bench::new();
    bench.feed(b"", 200);
    assert_eq!(bench.text("STRING\nperson\n"), "person\n");

    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    assert!(bench.server.is_linked());
    assert_eq!(bench.call(&mut link, "STRING\nprogram\n"), "program\n");
    link.close();
    bench.exchange(&mut link, 1);
    assert!(!bench.server.is_linked());

    assert_eq!(bench.text("STRING\ntoo early\n"), "");
    bench.feed(b"", 101);
    assert_eq!(bench.text("STRING\nperson\n"), "person\n");

    let mut link = host(256, 2, bench.now);
    bench.exchange(&mut link, 50);
    assert_eq!(bench.call(&mut link, "STRING\nprogram\n"), "program\n");
}

#[test]
fn a_program_is_served_without_quiet() {
    let mut bench = Bench::new();
    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    assert_eq!(bench.call(&mut link, "STRING\nnow\n"), "now\n");
}

#[test]
fn a_zero_in_a_payload_is_data() {
    let mut bench = Bench::new();
    bench.feed(b"", 200);
    assert_eq!(bench.feed(b"RAW\n\x04\x03\0\x01\0", 0), b"[0, 1, 0]\n");
    assert_eq!(bench.feed(b"RAW\n\x03\x02\0", 0), b"");
    assert_eq!(bench.feed(b"\0", 0), b"[0, 0]\n");
    assert_eq!(bench.text("STRING\nheard\n"), "heard\n");
}

#[test]
fn a_stray_zero_costs_a_person_a_tenth_of_a_second() {
    let mut bench = Bench::new();
    bench.feed(b"", 200);
    assert_eq!(bench.text("\0STRING\nlost\n"), "");
    bench.feed(b"", 101);
    assert_eq!(bench.text("STRING\nheard\n"), "heard\n");
}

#[test]
fn text_inside_frames_never_runs_as_text() {
    // A host goes on with an old conversation after the device has restarted.
    let mut bench = Bench::new();
    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    link.write(b"STRING\nevil\n").unwrap();
    let mut frame = [0; 64];
    let n = link.transmit(bench.now, &mut frame);
    for cut in 0..n {
        let mut device = Bench::new();
        let output = device.feed(&frame[cut..n], 0);
        let text = output.windows(4).any(|bytes| bytes == b"evil");
        assert!(!text, "cut at {cut}");
    }
}

#[test]
fn a_program_that_vanishes_gives_the_port_back_to_a_person() {
    let mut bench = Bench::new();
    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    bench.feed(b"", 8_200);
    assert!(!bench.server.is_linked());
    bench.feed(b"", 100);
    assert_eq!(bench.text("STRING\nheard\n"), "heard\n");

    // The same if it vanishes while the conversation begins.
    let mut link = host(256, 2, bench.now);
    let mut bytes = [0; 64];
    let n = link.transmit(bench.now, &mut bytes);
    bench.feed(&bytes[..n], 8_200);
    bench.feed(b"", 100);
    assert_eq!(bench.text("STRING\nheard\n"), "heard\n");
}

#[test]
fn the_last_error_line_of_a_conversation_arrives_before_its_end() {
    let mut bench = Bench::new();
    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    let answer = bench.call(&mut link, "NONSENSE\n");
    assert!(answer.starts_with("!unknown-command"), "{answer}");
    assert_eq!(link.read(&mut [0; 9]), Err(Ended::Closed));
    link.restart(bench.now);
    bench.exchange(&mut link, 50);
    assert_eq!(link.state(), State::Open);
    assert_eq!(bench.call(&mut link, "STRING\nagain\n"), "again\n");
}

/// Cause: a push that could no longer be sent held the requests back.
#[test]
fn requests_that_arrive_before_a_close_all_run_even_if_a_push_is_unsent() {
    let mut bench = Bench::with_memory(32);
    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    assert_eq!(bench.call(&mut link, "SUBSCRIBE\nTICK\n"), "OK\n");
    while bench.server.publish(TICK, "a long value") == Published::Queued {
        bench.feed(b"", 0);
    }
    bench.run_before_close(&mut link, 30);
    assert_eq!(bench.logged, 30);
}

#[test]
fn requests_that_arrive_before_a_close_all_run() {
    // The device takes a few requests at a time, and the close arrives before it has taken the last.
    let mut bench = Bench::with_memory(32);
    let mut link = host(256, 1, bench.now);
    bench.exchange(&mut link, 50);
    bench.run_before_close(&mut link, 30);
    assert_eq!(bench.logged, 30);

    let mut link = host(256, 2, bench.now);
    bench.exchange(&mut link, 50);
    assert_eq!(bench.call(&mut link, "STRING\nagain\n"), "again\n");
}
