//! The blocking client on connections whose server does not read any more: they take no byte of a request.

use bellwire::schema::Description;
use bellwire::{Command, Line};
use bellwire_std::{CallError, Cause, Client, Conn, Network};
use bellwire_tests::running::PATIENCE;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

const ECHO: Command<Line, Line> = Command::new("ECHO");
const OURS: &[Description] = &[ECHO.describe()];

/// Replies to `HELP` and to `calls` calls. Stops reading before the last reply.
fn answer(stream: &UnixStream, calls: usize) {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    for call in 0..=calls {
        assert_eq!(lines.next().unwrap(), ["HELP", "ECHO"][call.min(1)]);
        let reply = match call {
            0 => format!("OK\nECHO line -> line #{:08x}\n\n", OURS[0].fingerprint()),
            _ => format!("{}\n", lines.next().unwrap()),
        };
        if call == calls {
            stream.shutdown(Shutdown::Read).unwrap();
        }
        (&mut &*stream).write_all(reply.as_bytes()).unwrap();
    }
}

#[test]
fn a_request_that_was_not_taken_goes_over_one_new_connection() {
    let path = std::env::temp_dir().join(format!("bellwire-half-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        [0, 1, 0, 1].map(|calls| {
            let stream = listener.accept().unwrap().0;
            answer(&stream, calls);
            stream
        })
    });
    let builder = Client::builder().network(Network::Unix).check(OURS);
    let mut client = builder.connect(path.to_str().unwrap()).unwrap();
    client.set_timeout(Some(PATIENCE));
    assert_eq!(client.call(ECHO, "1").unwrap(), "1");
    // The third connection, which is opened for this call, takes no byte either.
    let error = client.call(ECHO, "2").unwrap_err();
    let CallError::NotSent(Cause::Transport(error)) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(client.call(ECHO, "3").unwrap(), "3");
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_request_that_a_custom_stream_did_not_take_is_not_sent() {
    let (near, far) = UnixStream::pair().unwrap();
    far.shutdown(Shutdown::Read).unwrap();
    let mut client = Client::builder().stream(Conn::try_from(near).unwrap());
    for _ in 0..2 {
        let error = client.call(ECHO, "1").unwrap_err();
        let unsent = matches!(error, CallError::NotSent(Cause::Transport(_)));
        assert!(unsent, "{error:?}");
    }
}
