//! The core's servers and clients run over the link's streams unchanged.

use bellwire::link::asynch::{self, Timer};
use bellwire::link::blocking;
use bellwire::link::{Ended, Error, Link, State};
use bellwire::{Command, Endpoint, Line, ServerConnection};
use embedded_io::{ErrorType, Read, ReadReady, Write};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

const STRING: Command<Line, Line> = Command::new("STRING");

type Queue = Rc<RefCell<VecDeque<u8>>>;

/// A port whose cable flips a bit now and then.
struct Port {
    input: Queue,
    output: Queue,
    random: fastrand::Rng,
    /// One byte in this many is damaged; 0 for none.
    often: u32,
    cut: Rc<Cell<bool>>,
    /// Runs before each read: the other end, if it has no thread of its own.
    other: Box<dyn FnMut()>,
}

/// Returns the two ends of a cable.
fn cable(often: u32) -> [Port; 2] {
    let [up, down] = [Queue::default(), Queue::default()];
    let cut = Rc::new(Cell::new(false));
    let port = |input: &Queue, output: &Queue, seed| Port {
        input: input.clone(),
        output: output.clone(),
        random: fastrand::Rng::with_seed(seed),
        often,
        cut: cut.clone(),
        other: Box::new(|| ()),
    };
    [port(&down, &up, 1), port(&up, &down, 2)]
}

impl Port {
    fn take(&mut self, space: &mut [u8]) -> usize {
        let mut input = self.input.borrow_mut();
        let n = space.len().min(input.len());
        for (slot, byte) in space.iter_mut().zip(input.drain(..n)) {
            *slot = byte;
        }
        n
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        for byte in bytes {
            let damaged = self.often > 0 && self.random.u32(..self.often) == 0;
            let bits = u8::from(damaged) << self.random.u8(..8);
            if !self.cut.get() {
                self.output.borrow_mut().push_back(byte ^ bits);
            }
        }
        bytes.len()
    }
}

impl ErrorType for Port {
    type Error = Infallible;
}

impl ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        (self.other)();
        Ok(!self.input.borrow().is_empty())
    }
}

impl Read for Port {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.take(space))
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(self.put(bytes))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The same port for async code.
struct AsyncPort(Port);

impl ErrorType for AsyncPort {
    type Error = Infallible;
}

impl embedded_io_async::Read for AsyncPort {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.0.take(space) {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        })
        .await
    }
}

impl embedded_io_async::Write for AsyncPort {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        // Few at a time, with a pause, as a UART does.
        pause().await;
        Ok(self.0.put(&bytes[..bytes.len().min(7)]))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

async fn pause() {
    let mut paused = false;
    poll_fn(|_| {
        if std::mem::replace(&mut paused, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// A clock that a test advances.
#[derive(Clone, Default)]
struct Clock(Rc<Cell<u32>>);

impl Timer for Clock {
    fn now(&mut self) -> u32 {
        self.0.get()
    }

    async fn sleep(&mut self, milliseconds: u32) {
        let end = self.0.get() + milliseconds;
        poll_fn(|_| {
            if self.0.get() >= end {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

fn host() -> Link<Vec<u8>> {
    Link::connect(vec![0; 256], vec![0; 256], 1, 0)
}

fn device(boots: u32) -> Link<Vec<u8>> {
    Link::listen(vec![0; 256], vec![0; 256], boots)
}

/// A device in a superloop: each call of the result is a round.
fn superloop(port: Port, clock: Clock, boots: u32) -> Box<dyn FnMut()> {
    let mut stream = blocking::Stream::new(port, device(boots), move || clock.0.get());
    let mut connection = ServerConnection::new(vec![0; 128].leak(), vec![0; 256].leak());
    Box::new(move || {
        let mut endpoint = Endpoint::<(), 1>::new();
        endpoint
            .handle(STRING, &|(), text, reply| reply.send(text))
            .unwrap();
        if !stream.read_ready().unwrap() {
            return;
        }
        let goes_on = stream.read(connection.space()).and_then(|n| {
            connection.received(n);
            let answered = bellwire::blocking::answer(
                &mut stream,
                &mut endpoint.with(&mut ()),
                &mut connection,
            );
            answered.map_err(|_| Error::Ended(Ended::Closed))
        });
        if goes_on.is_err() {
            connection.reset();
            stream.restart();
        }
    })
}

#[test]
fn a_blocking_client_and_a_superloop_answer_all_calls_on_a_bad_line() {
    let clock = Clock::default();
    let [mut port, other] = cable(500);
    let mut round = superloop(other, clock.clone(), 1);
    let time = clock.0.clone();
    let mut rounds = 0;
    port.other = Box::new(move || {
        rounds += 1;
        time.set(rounds / 8);
        round();
    });
    let stream = blocking::Stream::new(port, host(), move || clock.0.get());
    let (mut rx, mut tx) = ([0; 128], [0; 128]);
    let mut client = bellwire::blocking::Client::new(stream, &mut rx, &mut tx);
    for number in 0..500 {
        let text = format!("request {number}");
        assert_eq!(client.call(STRING, &text), Ok(&*text));
    }
    client.stream().close().unwrap();
    assert_eq!(client.stream().state(), State::Over(Ended::Closed));
}

#[test]
fn a_call_ends_if_the_cable_is_pulled_and_calls_go_on_after_it_is_plugged_in() {
    let clock = Clock::default();
    let [mut port, other] = cable(0);
    let cut = port.cut.clone();
    let mut round = superloop(other, clock.clone(), 1);
    let time = clock.0.clone();
    port.other = Box::new(move || {
        time.set(time.get() + 1);
        round();
    });
    let now = clock.0.clone();
    let stream = blocking::Stream::new(port, host(), move || clock.0.get());
    let (mut rx, mut tx) = ([0; 128], [0; 128]);
    let mut client = bellwire::blocking::Client::new(stream, &mut rx, &mut tx);
    for _ in 0..3 {
        assert_eq!(client.call(STRING, "in"), Ok("in"));
        cut.set(true);
        let start = now.get();
        let dead = || bellwire::Error::Transport(Error::Ended(Ended::Dead));
        assert_eq!(client.call(STRING, "out"), Err(dead()));
        assert!(now.get() - start <= 8_000);
        // The error persists until the program has seen it.
        client.reset();
        assert_eq!(client.call(STRING, "out"), Err(dead()));
        cut.set(false);
        client.reset();
        client.stream().restart();
    }
}

#[test]
fn an_async_server_and_client_answer_all_calls_on_a_bad_line() {
    let clock = Clock::default();
    let [port, other] = cable(500);
    let mut endpoint = Endpoint::<(), 1>::new();
    endpoint
        .handle(STRING, &|(), text, reply| reply.send(text))
        .unwrap();
    let mut nothing = ();
    let mut service = endpoint.with(&mut nothing);
    let mut device_end = asynch::Stream::new(AsyncPort(other), device(1), clock.clone());
    let mut serving = pin!(async {
        let (mut rx, mut tx) = ([0; 128], [0; 256]);
        let mut connection = ServerConnection::new(&mut rx, &mut tx);
        let served = bellwire::asynch::serve(&mut device_end, &mut service, &mut connection);
        served.await.unwrap();
        device_end.close().await.unwrap_err();
    });
    let stream = asynch::Stream::new(AsyncPort(port), host(), clock.clone());
    let mut calling = pin!(async {
        let (mut rx, mut tx) = ([0; 128], [0; 128]);
        let mut client = bellwire::asynch::Client::new(stream, &mut rx, &mut tx);
        for number in 0..500 {
            let text = format!("request {number}");
            assert_eq!(client.call(STRING, &text).await, Ok(&*text));
        }
        client.stream().close().await.unwrap();
    });
    let mut context = Context::from_waker(Waker::noop());
    let (mut called, mut served) = (false, false);
    for round in 0..1_000_000 {
        clock.0.set(round / 8);
        called = called || calling.as_mut().poll(&mut context).is_ready();
        served = served || serving.as_mut().poll(&mut context).is_ready();
        if called && served {
            return;
        }
    }
    panic!("called: {called}, served: {served}");
}

#[test]
fn a_dropped_async_read_loses_nothing() {
    let clock = Clock::default();
    let [port, other] = cable(0);
    let mut host = asynch::Stream::new(AsyncPort(port), host(), clock.clone());
    let mut device = asynch::Stream::new(AsyncPort(other), device(1), clock.clone());
    let sent: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let (mut left, mut arrived) = (&sent[..], Vec::<u8>::new());
    let mut context = Context::from_waker(Waker::noop());
    let mut random = fastrand::Rng::with_seed(1);
    let mut space = [0; 50];
    for round in 0..200_000 {
        clock.0.set(round / 8);
        // Each future is polled a few times, then dropped.
        {
            let mut writing = pin!(embedded_io_async::Write::write(&mut host, left));
            for _ in 0..random.u32(1..4) {
                if let Poll::Ready(n) = writing.as_mut().poll(&mut context) {
                    left = &left[n.unwrap()..];
                    break;
                }
            }
        }
        let mut read = None;
        {
            let mut reading = pin!(embedded_io_async::Read::read(&mut device, &mut space));
            for _ in 0..random.u32(1..4) {
                if let Poll::Ready(n) = reading.as_mut().poll(&mut context) {
                    read = Some(n.unwrap());
                    break;
                }
            }
        }
        arrived.extend(&space[..read.unwrap_or(0)]);
        assert_eq!(arrived, sent[..arrived.len()]);
        if left.is_empty() {
            // Nothing else polls the host.
            let mut reading = pin!(embedded_io_async::Read::read(&mut host, &mut space));
            for _ in 0..3 {
                let _ = reading.as_mut().poll(&mut context);
            }
        }
        if arrived.len() == sent.len() {
            return;
        }
    }
    panic!("{} of {} bytes arrived", arrived.len(), sent.len());
}
