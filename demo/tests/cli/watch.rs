//! `watch`: the values of topics, as a server publishes them.

use crate::process::{bellwire, text};
use bellwire::schema::Description;
use bellwire::{Line, Postcard, Schema, Topic};
use bellwire_std::{Endpoint, Publisher, Server, ShutdownHandle};
use bellwire_tests::running::{PATIENCE, until};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A struct of this test's own, which the binary does not know.
#[derive(Debug, Serialize, Deserialize, Schema)]
struct Door {
    number: u8,
    open: bool,
}

const DOOR: Topic<Postcard<Door>> = Topic::new("DOOR");
const LOG: Topic<Line> = Topic::new("LOG");
const TOPICS: &[Description] = &[DOOR.describe(), LOG.describe()];

/// A server that publishes, stopped when dropped.
struct House {
    address: String,
    door: Publisher<Postcard<Door>>,
    log: Publisher<Line>,
    stop: ShutdownHandle,
    serving: Option<JoinHandle<()>>,
}

impl House {
    fn start(describe: bool) -> Self {
        let endpoint = Arc::new(Endpoint::new());
        let quiet = |(): &mut (), _: &str, reply: bellwire::Reply<'_, Line>| reply.send("");
        endpoint.handle(commands::STRING, quiet).unwrap();
        let (door, log) = (endpoint.topic(DOOR).unwrap(), endpoint.topic(LOG).unwrap());
        if describe {
            endpoint.describe(TOPICS);
        }
        let server = Server::bind("127.0.0.1:0", endpoint).unwrap();
        Self {
            address: server.local_addr().to_string(),
            door,
            log,
            stop: server.shutdown_handle(),
            serving: Some(thread::spawn(move || server.run().unwrap())),
        }
    }

    fn watch(&self, arguments: &[&str]) -> Command {
        let mut watch = bellwire(&["watch", &self.address]);
        watch.args(arguments);
        watch
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// A running `watch`.
struct Watching {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watching {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Returns the next line without its time.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let (time, rest) = line.split_once(r#","topic""#).expect("a topic");
        let time = time.strip_prefix(r#"{"time":""#).expect("a time");
        // RFC 3339 in UTC.
        assert!(time.ends_with("Z\"") && time.contains('T'), "{time}");
        format!(r#"{{"topic"{}"#, rest.trim_end())
    }

    fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success());
        let mut rest = String::new();
        assert_eq!(self.lines.read_line(&mut rest).unwrap(), 0, "{rest}");
    }
}

/// Writes the descriptions of a house to a file.
fn schema_file(name: &str) -> PathBuf {
    let described = House::start(true);
    let list = bellwire(&["list", &described.address, "--json"]).output();
    let name = format!("bellwire-watch-{name}-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, list.unwrap().stdout).unwrap();
    file
}

#[test]
fn values_are_lines_of_json_with_the_time() {
    let house = House::start(true);
    let mut watch = Watching::start(&mut house.watch(&["DOOR", "LOG", "--count", "3"]));
    until(|| house.log.subscribers() == 1);
    let opens = |number| Door { number, open: true };
    house.door.publish(&opens(7)).unwrap();
    assert_eq!(
        watch.line(),
        r#"{"topic":"DOOR","value":{"number":7,"open":true}}"#
    );
    house.log.publish("a \"quoted\" \u{1b}[31m line").unwrap();
    assert_eq!(
        watch.line(),
        r#"{"topic":"LOG","value":"a \"quoted\" \u001b[31m line"}"#
    );
    house.door.publish(&opens(8)).unwrap();
    assert_eq!(
        watch.line(),
        r#"{"topic":"DOOR","value":{"number":8,"open":true}}"#
    );
    watch.ends_well();
    until(|| house.door.subscribers() == 0);
}

#[test]
fn a_watch_ends_after_its_time() {
    let house = House::start(true);
    let output = house.watch(&["LOG", "--for", "0.2"]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
}

/// Cause: without time to wait, it still took the values that had arrived, forever.
#[test]
fn a_watch_of_a_busy_topic_ends_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 14]).unwrap();
        stream.write_all(b"OK\n").unwrap();
        let values = ">LOG\nbusy\n".repeat(10_000);
        while stream.write_all(values.as_bytes()).is_ok() {}
    });
    let file = schema_file("busy");
    let mut watch = bellwire(&["watch", &address, "LOG", "--for", "0.2", "--schema"]);
    let mut child = watch.arg(&file).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    assert!(child.wait().unwrap().success());
    serving.join().unwrap();
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_topic_that_is_not_there_is_named_in_the_error() {
    let house = House::start(true);
    for name in ["NOPE", ">LOG", "STRING"] {
        let output = house.watch(&[name]).output().unwrap();
        let error = format!("bellwire: the server describes no topic {name:?}\n");
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(1), &*error)
        );
    }
}

#[test]
fn a_server_that_describes_nothing_needs_a_schema_file() {
    let house = House::start(false);
    let output = house.watch(&["LOG", "--for", "1"]).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(
        (output.status.code(), error),
        (
            Some(1),
            "bellwire: the server does not describe its commands\n"
        )
    );

    let file = schema_file("quiet");
    let schema = ["LOG", "--count", "1", "--schema", file.to_str().unwrap()];
    let mut watch = Watching::start(&mut house.watch(&schema));
    until(|| house.log.subscribers() == 1);
    house.log.publish("described").unwrap();
    assert_eq!(watch.line(), r#"{"topic":"LOG","value":"described"}"#);
    watch.ends_well();
    std::fs::remove_file(file).unwrap();
}

#[test]
fn topics_are_listed_and_cannot_be_called() {
    let house = House::start(true);
    let list = bellwire(&["list", &house.address]).output().unwrap();
    assert_eq!(
        text(&list.stdout),
        "STRING\n>DOOR  postcard Door{number: u8, open: bool}\n>LOG   line\n"
    );
    let file = schema_file("called");
    let schema = ["--schema", file.to_str().unwrap()];
    for name in [">LOG", "LOG"] {
        for more in [&[][..], &schema] {
            let mut call = bellwire(&["call", &house.address, name, "text"]);
            let call = call.args(more).output().unwrap();
            assert_eq!(
                (call.status.code(), text(&call.stderr)),
                (
                    Some(2),
                    "bellwire: LOG is a topic: bellwire watch SERVER LOG\n"
                )
            );
        }
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_restarted_server_is_watched_again_and_an_outage_is_reported_once() {
    let mut house = House::start(true);
    let mut watch = house.watch(&["LOG", "DOOR", "--count", "4"]);
    let mut watch = Watching::start(watch.stderr(Stdio::piped()));
    let mut errors = BufReader::new(watch.child.stderr.take().unwrap());
    until(|| house.door.subscribers() == 1);
    house.log.publish("before").unwrap();
    assert_eq!(watch.line(), r#"{"topic":"LOG","value":"before"}"#);
    house.stop.stop();
    house.serving.take().unwrap().join().unwrap();
    let mut error = String::new();
    errors.read_line(&mut error).unwrap();
    assert_eq!(error, "bellwire: connection lost; connecting again\n");
    // Several attempts fail.
    thread::sleep(Duration::from_secs(1));
    let endpoint = Arc::new(Endpoint::<()>::default());
    house.log = endpoint.topic(LOG).unwrap();
    house.door = endpoint.topic(DOOR).unwrap();
    let server = Server::bind(&house.address, endpoint).unwrap();
    house.stop = server.shutdown_handle();
    house.serving = Some(thread::spawn(move || server.run().unwrap()));
    assert_eq!(watch.line(), r#"{"topic":"LOG","lost":null}"#);
    assert_eq!(watch.line(), r#"{"topic":"DOOR","lost":null}"#);
    house.log.publish("after").unwrap();
    assert_eq!(watch.line(), r#"{"topic":"LOG","value":"after"}"#);
    watch.ends_well();
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bellwire: connected again\n");
}

#[test]
fn a_watch_whose_time_ends_during_an_outage_has_failed() {
    let house = House::start(true);
    let mut watch = house.watch(&["LOG", "--for", "2"]);
    let watch = watch.stderr(Stdio::piped()).spawn().unwrap();
    until(|| house.log.subscribers() == 1);
    drop(house);
    let output = watch.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let errors: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(errors[0], "bellwire: connection lost; connecting again");
    assert!(errors[1].contains("not sent"), "{errors:?}");
}
