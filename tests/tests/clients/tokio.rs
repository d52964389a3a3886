//! The async client: against servers that misbehave, and shared by many tasks.

use bellwire::{Code, Command, Line, NoReply};
use bellwire_std::tokio::Client;
use bellwire_std::{Address, CallError, Cause, Endpoint, Network, Server, ShutdownHandle};
use bellwire_tests::certificates::Authority;
use bellwire_tests::client_cases::{Action, CASES, Case};
use bellwire_tests::net::SHORT;
use bellwire_tests::running::{Kind, PATIENCE, STRING, serve, serve_over_tls};
use bellwire_tests::script::Scripted;
use bellwire_tests::script::Step::{Close, Hear, Say, Stall};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const A: Command<Line, Line> = Command::new("A");
const ECHO: Command<Line, Line> = Command::new("ECHO");
const NOTE: Command<Line, NoReply> = Command::new("NOTE");

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Starts a server that returns each line.
fn serve_echo() -> (Address, ShutdownHandle) {
    let endpoint = Endpoint::new();
    endpoint
        .handle(ECHO, |(), line, reply| reply.send(line))
        .unwrap();
    let server = Server::bind("127.0.0.1:0", endpoint).unwrap();
    let address = server.local_addr().clone();
    let stop = server.shutdown_handle();
    std::thread::spawn(move || server.run());
    (address, stop)
}

/// Collects what a listener is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn listener(&self) -> impl Fn(&Cause) + Send + Sync + 'static {
        let told = self.clone();
        move |cause| told.0.lock().unwrap().push(format!("{cause:?}"))
    }

    async fn wait(&self) -> String {
        let told = async {
            loop {
                if let Some(first) = self.0.lock().unwrap().first() {
                    return first.clone();
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, told).await.unwrap()
    }
}

async fn run(case: &Case) {
    println!("{}", case.name);
    let server = Scripted::start(case.server);
    let builder = Client::builder().max_reply(1000).timeout(Some(SHORT));
    let client = builder.connect(&server.address.to_string()).await.unwrap();
    for call in case.calls {
        let result = match call.action {
            Action::Call(text) => client.call(A, text).await,
            Action::Send(text) => client.send(NOTE, text).await.map(|()| String::new()),
            Action::Wait => {
                server.wait();
                sleep(Duration::from_millis(20)).await;
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
    for case in CASES {
        runtime().block_on(run(case));
    }
}

/// Runs two calls of `A` that leave together, and returns the start of their outcomes.
fn two_calls(server: &'static [&'static [bellwire_tests::script::Step]]) -> [String; 2] {
    runtime().block_on(async {
        let server = Scripted::start(server);
        let builder = Client::builder().timeout(Some(SHORT));
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let (one, two) = tokio::join!(client.call(A, "1"), client.call(A, "2"));
        [one, two].map(|outcome| match outcome {
            Ok(reply) => reply,
            Err(CallError::Remote(error)) => error.code.to_string(),
            Err(CallError::NotSent(_)) => "not sent".to_owned(),
            Err(CallError::MayHaveRun(_)) => "may have run".to_owned(),
            Err(error) => error.to_string(),
        })
    })
}

const TWO: bellwire_tests::script::Step = Hear("A\n1\nA\n2\n");

#[test]
fn a_failure_concerns_exactly_the_calls_that_it_can_concern() {
    for (answer, one, two) in [
        ("a\nb\n", "a", "b"),
        ("!refused A: no\nb\n", "refused", "b"),
        ("!timed-out A: slow\n", "timed-out", "not sent"),
        ("!unknown-command no\n", "unknown-command", "not sent"),
        ("!refused B: no\n", "may have run", "may have run"),
        ("a\n!refused A: no\n", "a", "refused"),
        ("a\n", "a", "may have run"),
        ("", "may have run", "may have run"),
    ] {
        let script: &[_] = vec![TWO, Say(answer), Close].leak();
        assert_eq!(two_calls(vec![script].leak()), [one, two], "{answer:?}");
    }
}

#[test]
fn an_unasked_line_is_told_to_the_listener_and_disturbs_no_later_call() {
    const GOOD: &[bellwire_tests::script::Step] = &[Hear("A\nx\n"), Say("1\n"), Stall];
    for (line, cause) in [
        (
            "!busy later\n",
            "Remote(RemoteError { command: None, code: Busy",
        ),
        ("hello\n", "Protocol(UnexpectedReply)"),
    ] {
        let first: &[_] = vec![Say(line), Stall].leak();
        let server = Scripted::start(vec![first, GOOD].leak());
        runtime().block_on(async {
            let told = Told::default();
            let builder = Client::builder().on_disconnect(told.listener());
            let client = builder.connect(&server.address.to_string()).await.unwrap();
            let first = told.wait().await;
            assert!(first.starts_with(cause), "{first}");
            assert_eq!(client.call(A, "x").await.unwrap(), "1");
        });
    }
}

#[test]
fn a_rejected_send_reaches_the_listener_and_finish() {
    let rejects: &[&[_]] = &[&[Hear("NOTE\nn\n"), Say("!refused NOTE: no\n"), Close]];
    runtime().block_on(async {
        let server = Scripted::start(rejects);
        let told = Told::default();
        let builder = Client::builder().on_disconnect(told.listener());
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        client.send(NOTE, "n").await.unwrap();
        let first = told.wait().await;
        assert!(
            first.contains("command: Some(\"NOTE\"), code: Refused"),
            "{first}"
        );
        let error = client.finish().await.unwrap_err();
        assert!(matches!(error, CallError::Remote(_)), "{error:?}");

        let server = Scripted::start(rejects);
        let client = Client::connect(&server.address.to_string()).await.unwrap();
        client.send(NOTE, "n").await.unwrap();
        let Err(CallError::Remote(error)) = client.finish().await else {
            panic!("the rejection is lost");
        };
        assert_eq!((error.command, error.code), (Some("NOTE"), Code::Refused));
    });
}

#[test]
fn finish_succeeds_after_every_request_and_fails_the_calls_of_other_handles() {
    let server = serve(Kind::Threads, |_| {});
    runtime().block_on(async {
        let client = Client::connect(&server.address.to_string()).await.unwrap();
        let other = client.clone();
        assert_eq!(client.call(STRING, "a").await.unwrap(), "Thank you.");
        client.finish().await.unwrap();
        let error = other.call(STRING, "b").await.unwrap_err();
        assert!(
            matches!(error, CallError::NotSent(Cause::Closed)),
            "{error}"
        );
    });
    assert_eq!(*server.texts.lock().unwrap(), ["a"]);
}

#[test]
fn a_thousand_tasks_get_their_own_replies_while_calls_are_dropped_at_random() {
    for threads in [1, 2] {
        let (address, stop) = serve_echo();
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .unwrap();
        let answered = runtime.block_on(async {
            let client = Client::connect(&address.to_string()).await.unwrap();
            let mut tasks = JoinSet::new();
            for task in 0..1000 {
                let client = client.clone();
                tasks.spawn(async move {
                    let mut random = fastrand::Rng::with_seed(task);
                    let mut answered = 0;
                    for call in 0..20 {
                        let text = format!("{task}/{call}");
                        let limit = Duration::from_micros(random.u64(0..20_000));
                        match timeout(limit, client.call(ECHO, &text)).await {
                            Ok(reply) => {
                                assert_eq!(reply.unwrap(), text);
                                answered += 1;
                            }
                            Err(_) => tokio::task::yield_now().await,
                        }
                    }
                    answered
                });
            }
            let mut answered = 0;
            while let Some(one) = tasks.join_next().await {
                answered += one.unwrap();
            }
            assert_eq!(client.call(ECHO, "end").await.unwrap(), "end");
            answered
        });
        println!("{answered} of 20000 calls were answered");
        assert!((1..20_000).contains(&answered), "{answered}");
        stop.stop();
    }
}

#[test]
fn a_full_queue_refuses_one_more_call_and_a_dropped_call_makes_room() {
    let stalls: &[&[_]] = &[&[Hear("A\n1\n"), Stall]];
    runtime().block_on(async {
        let server = Scripted::start(stalls);
        let builder = Client::builder().max_waiting(2);
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let one = tokio::spawn({
            let client = client.clone();
            async move { client.call(A, "1").await }
        });
        sleep(Duration::from_millis(20)).await;
        {
            let two = client.call(A, "2");
            tokio::pin!(two);
            assert!(timeout(Duration::from_millis(20), &mut two).await.is_err());
            let error = client.call(A, "3").await.unwrap_err();
            assert!(matches!(error, CallError::NotSent(Cause::Busy)), "{error}");
        }
        one.abort();
    });
}

#[test]
fn dropped_calls_keep_no_place_in_the_queue() {
    let (address, stop) = serve_echo();
    runtime().block_on(async {
        let builder = Client::builder().max_waiting(2);
        let client = builder.connect(&address.to_string()).await.unwrap();
        for round in 0..1000 {
            // Dropped before it is sent, after it, or after its reply has arrived.
            let pause = Duration::from_micros(round % 200);
            let dropped = timeout(pause, client.call(ECHO, "dropped")).await;
            drop(dropped);
            assert_eq!(client.call(ECHO, "kept").await.unwrap(), "kept");
        }
    });
    stop.stop();
}

#[test]
fn a_deadline_in_the_past_is_an_error_without_a_sent_byte() {
    let server = serve(Kind::Threads, |_| {});
    runtime().block_on(async {
        let builder = Client::builder().timeout(Some(Duration::ZERO));
        let client = builder.connect(&server.address.to_string()).await.unwrap();
        let error = client.call(STRING, "a").await.unwrap_err();
        assert!(
            matches!(error, CallError::NotSent(Cause::TimedOut)),
            "{error}"
        );
    });
    assert!(server.texts.lock().unwrap().is_empty());
}

#[test]
fn the_connection_closes_with_the_last_handle() {
    let (near, far) = tokio::io::duplex(64);
    runtime().block_on(async {
        let client = Client::builder().stream(near);
        let other = client.clone();
        drop(client);
        let far = tokio::spawn(async move {
            let mut far = far;
            tokio::io::copy(&mut far, &mut tokio::io::sink()).await
        });
        sleep(Duration::from_millis(20)).await;
        assert!(!far.is_finished());
        drop(other);
        assert_eq!(timeout(PATIENCE, far).await.unwrap().unwrap().unwrap(), 0);
    });
}

#[test]
fn calls_fail_when_the_runtime_of_the_connection_ends() {
    let first = runtime();
    let server = Scripted::start(&[&[Hear("A\nx\n"), Stall]]);
    let client = first
        .block_on(Client::connect(&server.address.to_string()))
        .unwrap();
    let waiting = std::thread::spawn({
        let client = client.clone();
        move || runtime().block_on(client.call(A, "x"))
    });
    first.block_on(async { sleep(Duration::from_millis(50)).await });
    drop(first);
    let error = waiting.join().unwrap().unwrap_err();
    assert!(
        matches!(error, CallError::MayHaveRun(Cause::Closed)),
        "{error}"
    );
    let error = runtime().block_on(client.call(A, "x")).unwrap_err();
    assert!(
        matches!(error, CallError::NotSent(Cause::Closed)),
        "{error}"
    );
}

#[test]
fn tls_carries_calls_and_a_certificate_of_another_name_is_refused() {
    let authority = Authority::new();
    let server = serve_over_tls(Kind::Threads, &authority.acceptor(None), |_| {});
    runtime().block_on(async {
        let connect = |name: &'static str| {
            let builder = Client::builder().tls(authority.connector(None), name);
            let address = server.address.to_string();
            async move { builder.connect(&address).await }
        };
        let client = connect("localhost").await.unwrap();
        let long = "x".repeat(900);
        let calls = (0..100).map(|_| client.call(STRING, &long));
        let mut tasks = Vec::new();
        for call in calls {
            tasks.push(call.await);
        }
        assert!(
            tasks
                .iter()
                .all(|reply| reply.as_deref().unwrap() == "Thank you.")
        );
        client.finish().await.unwrap();
        let error = connect("bell.example").await.unwrap_err().to_string();
        assert!(error.contains("not for \"bell.example\""), "{error}");
    });
}

#[test]
fn a_unix_socket_carries_calls_and_is_opened_again() {
    let path = std::env::temp_dir().join(format!("bellwire-async-{}", std::process::id()));
    let text = path.to_str().unwrap();
    let listener = bellwire_std::Listener::bind(Network::Unix, text).unwrap();
    let server = Server::from_listener(listener, Endpoint::<()>::new());
    let stop = server.shutdown_handle();
    let running = std::thread::spawn(move || server.run());
    runtime().block_on(async {
        let builder = Client::builder().network(Network::Unix);
        let client = builder.connect(text).await.unwrap();
        for _ in 0..2 {
            // An unknown command ends the conversation.
            let error = client.call(A, "x").await.unwrap_err().to_string();
            assert_eq!(
                error,
                "server error (unknown-command): no command is named \"A\""
            );
        }
    });
    stop.stop();
    running.join().unwrap().unwrap();
}
