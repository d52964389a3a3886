//! The blocking client against servers that misbehave.

use bellwire::{Command, Line, NoReply};
use bellwire_std::{CallError, Cause, Client, Conn, Network};
use bellwire_tests::certificates::Authority;
use bellwire_tests::client_cases::{Action, CASES, Case, UNASKED};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::{Kind, PATIENCE, STRING, serve, serve_over_tls};
use bellwire_tests::script::Scripted;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

const A: Command<Line, Line> = Command::new("A");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

fn run(case: &Case) {
    println!("{}", case.name);
    let server = Scripted::start(case.server);
    let builder = Client::builder().max_reply(1000).timeout(Some(SHORT));
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    for call in case.calls {
        let result = match call.action {
            Action::Call(text) => client.call(A, text),
            Action::Send(text) => client.send(NOTE, text).map(|()| String::new()),
            Action::Wait => {
                server.wait();
                thread::sleep(Duration::from_millis(20));
                Ok(String::new())
            }
        };
        let result = result.map_err(|error| format!("{error:?}"));
        match (&result, call.outcome) {
            (Ok(reply), Ok(expected)) => assert_eq!(reply, expected, "{}", case.name),
            (Err(error), Err(start)) => assert!(error.starts_with(start), "{}: {error}", case.name),
            _ => panic!("{}: {result:?}, not {:?}", case.name, call.outcome),
        }
    }
}

#[test]
fn each_failure_has_a_clear_error_and_the_next_call_succeeds() {
    CASES.iter().for_each(run);
}

#[test]
fn bytes_that_no_call_awaits_fail_the_next_call_before_it_is_sent() {
    UNASKED.iter().for_each(run);
}

#[test]
fn a_call_without_time_is_not_sent_and_leaves_the_connection_open() {
    let server = serve(Kind::Threads, |_| {});
    let mut client = Client::connect(server.address, PATIENCE).unwrap();
    client.set_timeout(Some(Duration::ZERO));
    let error = client.call(STRING, "a").unwrap_err();
    assert!(
        matches!(error, CallError::NotSent(Cause::TimedOut)),
        "{error}"
    );
    client.set_timeout(None);
    assert_eq!(client.call(STRING, "b").unwrap(), "Thank you.");
    assert_eq!(*server.texts.lock().unwrap(), ["b"]);
}

#[test]
fn tls_carries_calls_and_a_certificate_of_another_name_is_refused() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Threads, &authority.acceptor(None), |_| {});
    let connect = |name: &str| {
        let builder = Client::builder().tls(authority.connector(None), name);
        builder.connect(&server.address.to_string())
    };
    let mut client = connect("localhost").unwrap();
    assert_eq!(client.call(STRING, "a").unwrap(), "Thank you.");
    client.reconnect().unwrap();
    assert_eq!(client.call(STRING, "b").unwrap(), "Thank you.");
    client.finish().unwrap();
    let error = connect("bell.example").unwrap_err().to_string();
    assert!(error.contains("not for \"bell.example\""), "{error}");
}

#[test]
fn a_unix_socket_and_a_custom_stream_carry_calls() {
    let path = std::env::temp_dir().join(format!("bellwire-client-{}", std::process::id()));
    let text = path.to_str().unwrap();
    let listener = bellwire_std::Listener::bind(Network::Unix, text).unwrap();
    let mut server =
        bellwire_std::Server::from_listener(listener, bellwire_std::Endpoint::<()>::new());
    server.limits.connections = 2;
    let stop = server.shutdown_handle();
    let running = thread::spawn(move || server.run());
    let ask = |client: &mut Client| format!("{}", client.call(A, "x").unwrap_err());
    let unknown = "server error (unknown-command): no command is named \"A\"";
    let mut client = Client::builder()
        .network(Network::Unix)
        .connect(text)
        .unwrap();
    assert_eq!(ask(&mut client), unknown);
    assert_eq!(ask(&mut client), unknown);
    let conn = Conn::try_from(UnixStream::connect(&path).unwrap()).unwrap();
    let mut client = Client::builder().stream(conn);
    assert_eq!(ask(&mut client), unknown);
    // This client cannot connect again.
    assert!(ask(&mut client).starts_with("request not sent: server error"));
    stop.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn a_request_beyond_the_limit_is_not_sent() {
    let server = serve(Kind::Threads, |_| {});
    let builder = Client::builder().max_request(100);
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    let error = client
        .call(STRING, &"x".repeat(100))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "invalid request: message exceeds 100 bytes");
    assert_eq!(client.call(STRING, &"x".repeat(92)).unwrap(), "Thank you.");
    assert!(matches!(
        client.call(STRING, "a\nb"),
        Err(CallError::Request(_))
    ));
}
