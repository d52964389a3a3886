//! Clients that compare their commands with the server's on each new connection.

use ::tokio::runtime::Builder;
use ::tokio::time::sleep;
use bellwire::schema::Description;
use bellwire::{Command, Line};
use bellwire_std::schema::{CheckError, FetchError};
use bellwire_std::{CallError, Cause, Client, tokio};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::PATIENCE;
use bellwire_tests::script::{
    Scripted,
    Step::{self, Close, Hear, Say, Stall},
};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ECHO: Command<Line, Line> = Command::new("ECHO");
const OURS: &[Description] = &[ECHO.describe()];

const ASKED: Step = Hear("HELP\n");
/// The reply of a server with ECHO; the test below holds it to the fingerprint.
const SAME: Step = Say("OK\nECHO line -> line #c9c796b9\n\n");
const OTHER: Step = Say("OK\nNOTE line #00000001\n\n");
const DIFFERENCE: &str = "command ECHO: missing on the server";

#[test]
fn the_script_has_the_fingerprint_of_the_command() {
    let Say(text) = SAME else { unreachable!() };
    let fingerprint = OURS[0].fingerprint();
    assert!(
        text.contains(&format!("#{fingerprint:08x}")),
        "{fingerprint:08x}"
    );
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test)
}

/// Connects both clients, each to a server with this script, and returns their errors.
fn refused(script: &[Step], limit: Duration) -> [io::Error; 2] {
    let start = || Scripted::start(vec![&*script.to_vec().leak()].leak());
    let server = start();
    let builder = Client::builder().connect_timeout(limit).check(OURS);
    let blocking = builder.connect(&server.address.to_string()).unwrap_err();
    let server = start();
    let builder = tokio::Client::builder().connect_timeout(limit).check(OURS);
    let connecting = async { builder.connect(&server.address.to_string()).await };
    [blocking, block_on(connecting).unwrap_err()]
}

#[test]
fn a_mismatch_ends_connect_with_its_error() {
    for error in refused(&[ASKED, OTHER, Close], PATIENCE) {
        assert_eq!(error.to_string(), DIFFERENCE);
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let inner = error.into_inner().unwrap().downcast::<CheckError>();
        assert!(matches!(*inner.unwrap(), CheckError::Mismatch(_)));
    }
}

#[test]
fn a_server_without_descriptions_ends_connect_with_its_error() {
    let unknown = Say("!unknown-command no command is named \"HELP\"\n");
    for error in refused(&[ASKED, unknown, Close], PATIENCE) {
        assert_eq!(error.to_string(), FetchError::NotDescribed.to_string());
    }
}

#[test]
fn bytes_after_the_answers_to_the_check_end_connect() {
    let Say(text) = SAME else { unreachable!() };
    let surplus = Say(format!("{text}hello\n").leak());
    for error in refused(&[ASKED, surplus, Stall], PATIENCE) {
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        let text = error.to_string();
        assert!(text.ends_with("unexpected kind of reply"), "{text}");
    }
}

#[test]
fn connect_ends_in_time_if_the_check_is_not_answered() {
    for error in refused(&[ASKED, Stall], SHORT) {
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }
    for error in refused(&[ASKED, Close], PATIENCE) {
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
    }
}

/// A server that changes between two connections, and back.
fn changing() -> Scripted {
    Scripted::start(&[
        &[ASKED, SAME, Hear("ECHO\n1\n"), Say("1\n"), Close],
        &[ASKED, OTHER, Close],
        &[ASKED, SAME, Hear("ECHO\n3\n"), Say("3\n"), Close],
    ])
}

#[test]
fn a_blocking_client_that_connects_again_checks_before_it_sends() {
    let server = changing();
    let builder = Client::builder().check(OURS);
    let mut client = builder.connect(&server.address.to_string()).unwrap();
    assert_eq!(client.call(ECHO, "1").unwrap(), "1");
    server.wait();
    let error = client.call(ECHO, "2").unwrap_err();
    assert_eq!(error.to_string(), format!("request not sent: {DIFFERENCE}"));
    assert_eq!(client.call(ECHO, "3").unwrap(), "3");
}

#[test]
fn an_async_client_that_connects_again_checks_before_it_sends() {
    let server = changing();
    let causes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&causes);
    let builder = tokio::Client::builder().check(OURS);
    let builder = builder.on_disconnect(move |cause| told.lock().unwrap().push(cause.to_string()));
    block_on(async {
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        assert_eq!(client.call(ECHO, "1").await.unwrap(), "1");
        server.wait();
        // A call before the client has noticed the end may have run.
        while causes.lock().unwrap().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        // This call waits until a connection has the right server.
        assert_eq!(client.call(ECHO, "3").await.unwrap(), "3");
    });
    let causes = causes.lock().unwrap();
    let first = [&Cause::Closed.to_string(), DIFFERENCE];
    assert_eq!(causes[..2], first);
}

#[test]
fn an_async_call_to_a_server_that_stays_different_is_not_sent() {
    let server = Scripted::start(&[
        &[ASKED, SAME, Hear("ECHO\n1\n"), Say("1\n"), Close],
        &[ASKED, OTHER, Close],
        &[ASKED, OTHER, Close],
    ]);
    let builder = tokio::Client::builder().check(OURS).timeout(Some(SHORT));
    block_on(async {
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        assert_eq!(client.call(ECHO, "1").await.unwrap(), "1");
        server.wait();
        let error = client.call(ECHO, "2").await.unwrap_err();
        assert!(matches!(error, CallError::NotSent(_)), "{error}");
    });
}
