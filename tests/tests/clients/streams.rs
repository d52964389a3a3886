//! Both clients on custom streams.

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use ::tokio::runtime::Builder;
use ::tokio::time::sleep;
use bellwire::{Code, Command, Line, NoReply};
use bellwire_std::{CallError, Cause, Client, ClientStream, tokio};
use bellwire_tests::net::SHORT;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Instant;

const A: Command<Line, Line> = Command::new("A");
const B: Command<Line, Line> = Command::new("B");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test)
}

/// A stream of which a signal interrupts each function once before it succeeds.
struct Interrupted {
    stream: UnixStream,
    again: bool,
}

impl Interrupted {
    fn run<T>(&mut self, action: impl FnOnce(&mut UnixStream) -> io::Result<T>) -> io::Result<T> {
        self.again = !self.again;
        if self.again {
            return Err(ErrorKind::Interrupted.into());
        }
        action(&mut self.stream)
    }
}

impl Read for Interrupted {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.run(|stream| stream.read(space))
    }
}

impl Write for Interrupted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.run(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.run(Write::flush)
    }
}

impl ClientStream for Interrupted {
    fn set_deadline(&mut self, _: Option<Instant>) -> io::Result<()> {
        self.run(|_| Ok(()))
    }

    fn read_now(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.run(|stream| {
            stream.set_nonblocking(true)?;
            let read = stream.read(space);
            stream.set_nonblocking(false)?;
            read
        })
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.run(|stream| stream.shutdown(Shutdown::Write))
    }
}

#[test]
fn a_signal_that_interrupts_a_stream_is_no_error() {
    let (stream, mut far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        far.read_exact(&mut [0; 4]).unwrap();
        far.write_all(b"1\n").unwrap();
        let mut rest = String::new();
        far.read_to_string(&mut rest).unwrap();
        rest
    });
    let again = false;
    let mut client = Client::builder().stream(Interrupted { stream, again });
    assert_eq!(client.call(A, "x").unwrap(), "1");
    client.finish().unwrap();
    assert_eq!(server.join().unwrap(), "");
}

#[test]
fn an_error_line_may_be_longer_than_the_longest_reply() {
    const PARTS: [&[u8]; 2] = [b"!refused A: the first part", b" and the second part\n"];
    let (near, mut far) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        far.read_exact(&mut [0; 4]).unwrap();
        for part in PARTS {
            far.write_all(part).unwrap();
            thread::sleep(SHORT / 10);
        }
    });
    let conn = bellwire_std::Conn::try_from(near).unwrap();
    let mut client = Client::builder().max_reply(10).stream(conn);
    let error = client.call(A, "x").unwrap_err();
    assert!(matches!(error, CallError::Remote(_)), "{error:?}");
    server.join().unwrap();

    block_on(async {
        let (near, mut far) = duplex(64);
        let client = tokio::Client::builder().max_reply(10).stream(near);
        let server = async {
            far.read_exact(&mut [0; 4]).await.unwrap();
            for part in PARTS {
                far.write_all(part).await.unwrap();
                sleep(SHORT / 10).await;
            }
        };
        let (outcome, ()) = ::tokio::join!(client.call(A, "x"), server);
        let error = outcome.unwrap_err();
        assert!(matches!(error, CallError::Remote(_)), "{error:?}");
    });
}

#[test]
fn an_unasked_error_line_may_come_in_parts() {
    block_on(async {
        let (near, mut far) = duplex(64);
        let client = tokio::Client::builder().stream(near);
        for part in [b"!bu", b"sy\n"] {
            far.write_all(part).await.unwrap();
            sleep(SHORT / 10).await;
        }
        let error = client.call(A, "x").await.unwrap_err();
        let CallError::NotSent(Cause::Remote(error)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.code, Code::Busy);
    });
}

#[test]
fn an_unasked_error_line_without_end_is_bounded() {
    block_on(async {
        let (near, mut far) = duplex(4096);
        let client = tokio::Client::builder().stream(near);
        far.write_all(&[b'!'; 1000]).await.unwrap();
        sleep(SHORT / 10).await;
        let error = client.call(A, "x").await.unwrap_err();
        let unexpected = matches!(error, CallError::NotSent(Cause::Protocol(_)));
        assert!(unexpected, "{error:?}");
    });
}

#[test]
fn an_error_line_that_names_an_answered_call_may_have_run() {
    block_on(async {
        let (near, mut far) = duplex(64);
        let client = tokio::Client::builder().stream(near);
        let server = async {
            for reply in ["1\n", "!refused A: no\n"] {
                far.read_exact(&mut [0; 4]).await.unwrap();
                far.write_all(reply.as_bytes()).await.unwrap();
            }
        };
        let calls = async {
            assert_eq!(client.call(A, "x").await.unwrap(), "1");
            client.call(B, "x").await.unwrap_err()
        };
        let ((), error) = ::tokio::join!(server, calls);
        let ran = matches!(error, CallError::MayHaveRun(Cause::Remote(_)));
        assert!(ran, "{error:?}");
    });
}

#[test]
fn finish_after_a_cut_error_line_may_have_run() {
    block_on(async {
        let (near, mut far) = duplex(64);
        let client = tokio::Client::builder().stream(near);
        client.send(NOTE, "x").await.unwrap();
        far.write_all(b"!refused NO").await.unwrap();
        drop(far);
        let error = client.finish().await.unwrap_err();
        let closed = matches!(error, CallError::MayHaveRun(Cause::Closed));
        assert!(closed, "{error:?}");
    });
}

/// A stream that counts its reads, and fails each write. After that it returns its last words, if it has any.
#[derive(Default)]
struct Broken {
    reads: Arc<AtomicUsize>,
    words: &'static [u8],
    has_failed: bool,
}

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if !self.has_failed {
            return Poll::Pending;
        }
        space.put_slice(std::mem::take(&mut self.get_mut().words));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.has_failed = true;
        Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_call_on_a_stream_that_takes_no_byte_is_not_sent_and_has_the_last_words_as_its_error() {
    block_on(async {
        for (words, text) in [
            ("", "broken pipe"),
            ("!busy later\n", "server error (busy): later"),
        ] {
            let client = tokio::Client::builder().stream(Broken {
                words: words.as_bytes(),
                ..Broken::default()
            });
            let error = client.call(A, "x").await.unwrap_err().to_string();
            assert_eq!(error, format!("request not sent: {text}"));
        }
    });
}

#[test]
fn an_idle_client_does_not_read_again_and_again() {
    block_on(async {
        let stream = Broken::default();
        let reads = Arc::clone(&stream.reads);
        let client = tokio::Client::builder().stream(stream);
        sleep(SHORT / 4).await;
        assert!((1..10).contains(&reads.load(Ordering::Relaxed)));
        drop(client);
    });
}
