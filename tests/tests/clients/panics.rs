//! Code of the caller that panics: the client stays usable or is closed, and no reply reaches another call.

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use bellwire::{Command, Line, Postcard};
use bellwire_std::{CallError, Cause, Client, ClientStream, tokio};
use bellwire_tests::running::{Kind, PATIENCE, Running, serve};
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{Close, Hear, Say};
use serde::{Deserialize, Serialize, Serializer};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

const ECHO: Command<Line, Line> = Command::new("ECHO");
const PART: Command<Postcard<(String, Bad)>, Line> = Command::new("PART");

/// A value that panics when it is encoded, after the string before it.
#[derive(Deserialize)]
struct Bad;

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("cannot be encoded");
    }
}

fn bad() -> (String, Bad) {
    // Longer than the space that an async client tries first.
    ("x".repeat(500), Bad)
}

fn serve_echo() -> Running {
    let server = serve(Kind::Threads, |_| {});
    let echo = server
        .endpoint
        .handle(ECHO, |(), text, reply| reply.send(text));
    echo.unwrap();
    server
}

fn panics<T>(action: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(action)).is_err());
}

#[test]
fn a_blocking_client_stays_usable_after_a_panic_of_the_caller() {
    let server = serve_echo();
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    panics(|| client.call(PART, &bad()));
    assert_eq!(client.call(ECHO, "1").unwrap(), "1");
    panics(|| client.call_with(ECHO, "2", |_| panic!()));
    assert_eq!(client.call(ECHO, "3").unwrap(), "3");
    // Some requests are encoded, and some replies are due.
    let values = || (0..20).map(|n| n.to_string().repeat(1000));
    for taken in [0, 1, 5] {
        panics(|| {
            let replies = client.pipeline_with(ECHO, values(), |text| {
                assert!(!text.starts_with("17"));
                text
            });
            replies.skip(taken).map(Result::unwrap).count()
        });
        assert_eq!(client.call(ECHO, "4").unwrap(), "4");
        panics(|| client.pipeline(PART, [&bad()]).count());
        assert_eq!(client.call(ECHO, "5").unwrap(), "5");
    }
    client.finish().unwrap();
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test)
}

#[test]
fn an_async_client_stays_usable_after_a_panic_of_a_caller() {
    let server = serve_echo();
    block_on(async {
        // Two places, so that a call that keeps its place refuses a later one.
        let builder = tokio::Client::builder().max_waiting(2);
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        for round in 0..10 {
            let text = round.to_string();
            let other = client.clone();
            let encoding = ::tokio::spawn(async move { other.call(PART, &bad()).await });
            let other = client.clone();
            let taking =
                ::tokio::spawn(async move { other.call_with(ECHO, "taken", |_| panic!()).await });
            let (encoding, taking, reply) =
                ::tokio::join!(encoding, taking, client.call(ECHO, &text));
            assert!(encoding.unwrap_err().is_panic());
            assert!(taking.unwrap_err().is_panic());
            assert_eq!(reply.unwrap(), text);
        }
        client.finish().await.unwrap();
    });
}

#[test]
fn an_async_client_is_closed_after_a_panic_of_its_listener() {
    let server = Scripted::start(&[&[Hear("ECHO\n1\n"), Say("!timed-out ECHO: slow\n"), Close]]);
    block_on(async {
        let builder = tokio::Client::builder().on_disconnect(|_| panic!("a listener"));
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let error = client.call(ECHO, "1").await.unwrap_err();
        assert!(matches!(error, CallError::Remote(_)), "{error}");
        for _ in 0..2 {
            let error = client.call(ECHO, "2").await.unwrap_err();
            assert!(
                matches!(error, CallError::NotSent(Cause::Closed)),
                "{error}"
            );
        }
    });
}

/// A stream that takes bytes and panics.
struct Panics;

impl AsyncRead for Panics {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Panics {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("a stream");
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_call_that_an_async_stream_took_before_it_panicked_may_have_run() {
    block_on(async {
        let client = tokio::Client::builder().stream(Panics);
        let error = client.call(ECHO, "1").await.unwrap_err();
        assert!(
            matches!(error, CallError::MayHaveRun(Cause::Closed)),
            "{error}"
        );
        let error = client.call(ECHO, "2").await.unwrap_err();
        assert!(
            matches!(error, CallError::NotSent(Cause::Closed)),
            "{error}"
        );
    });
}

/// A blocking stream that works until one of its functions is to panic.
struct Port {
    stream: UnixStream,
    panics: Arc<Mutex<Option<Function>>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Write,
    /// Panics after it has taken the bytes.
    LateWrite,
    Flush,
    Read,
    ReadNow,
    SetDeadline,
    CloseWrite,
}

impl Port {
    fn run<T>(
        &mut self,
        function: Function,
        action: impl FnOnce(&mut UnixStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let panics = *self.panics.lock().unwrap();
        assert_ne!(panics, Some(function));
        action(&mut self.stream)
    }
}

impl Read for Port {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.run(Function::Read, |stream| stream.read(space))
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.run(Function::Write, |stream| stream.write(bytes));
        self.run(Function::LateWrite, |_| written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.run(Function::Flush, Write::flush)
    }
}

impl ClientStream for Port {
    fn set_deadline(&mut self, _: Option<Instant>) -> io::Result<()> {
        self.run(Function::SetDeadline, |_| Ok(()))
    }

    fn read_now(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.run(Function::ReadNow, |stream| {
            stream.set_nonblocking(true)?;
            let read = stream.read(space);
            stream.set_nonblocking(false)?;
            read
        })
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.run(Function::CloseWrite, |stream| {
            stream.shutdown(Shutdown::Write)
        })
    }
}

#[test]
fn a_blocking_stream_that_panicked_is_closed_and_the_client_says_so() {
    let functions = [
        Function::Write,
        Function::LateWrite,
        Function::Flush,
        Function::Read,
        Function::ReadNow,
        Function::SetDeadline,
        Function::CloseWrite,
    ];
    for function in functions {
        let (near, mut far) = UnixStream::pair().unwrap();
        let panicking = Arc::default();
        let stream = Port {
            stream: near,
            panics: Arc::clone(&panicking),
        };
        let mut client = Client::builder().stream(stream);
        *panicking.lock().unwrap() = Some(function);
        if function == Function::CloseWrite {
            panics(|| client.finish());
        } else {
            panics(|| client.call(ECHO, "1"));
            *panicking.lock().unwrap() = None;
            let error = client.call(ECHO, "2").unwrap_err();
            let closed = matches!(error, CallError::NotSent(Cause::Closed));
            assert!(closed, "{function:?}: {error}");
        }
        // The stream ends, and the second request was never on it.
        let mut sent = String::new();
        far.read_to_string(&mut sent).unwrap();
        assert!(matches!(&*sent, "" | "ECHO\n1\n"), "{function:?}: {sent}");
    }
}

#[test]
fn requests_that_a_blocking_stream_took_before_it_panicked_may_have_run() {
    let (near, _far) = UnixStream::pair().unwrap();
    let panicking = Arc::default();
    let stream = Port {
        stream: near,
        panics: Arc::clone(&panicking),
    };
    let mut client = Client::builder().stream(stream);
    let mut replies = client.pipeline(ECHO, ["1", "2"]);
    *panicking.lock().unwrap() = Some(Function::LateWrite);
    panics(|| replies.next());
    for _ in 0..2 {
        let error = replies.next().unwrap().unwrap_err();
        let lost = matches!(error, CallError::MayHaveRun(Cause::Closed));
        assert!(lost, "{error}");
    }
    assert!(replies.next().is_none());
}
