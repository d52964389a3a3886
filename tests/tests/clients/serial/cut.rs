//! Requests in plain text that lose their end.

use super::{Bench, DEAD, builder, connect, read};
use bellwire::{Command, Line, NoReply};
use bellwire_std::tokio::Client as AsyncClient;
use bellwire_std::{CallError, Client, Network};
use std::thread;
use std::time::{Duration, Instant};
use thermostat::{HISTORY, READ, Thermostat};
use tokio::runtime::Builder;

/// A request without the number that the device waits for.
const CUT: Command<(), Line> = Command::new("HISTORY");
/// The time limit of a call with a cut request.
const GIVE_UP: Duration = Duration::from_millis(300);

/// Checks that the next client on a port in plain text waits until the device has given up the request that `cut` has
/// begun, and that the one after it does not wait.
fn next_client_waits_after(name: &str, cut: fn(Client)) {
    let bench = Bench::quiet(name);
    let address = bench.address() + "?plain";
    let begin = Instant::now();
    let hasty = builder().timeout(Some(GIVE_UP));
    cut(hasty.connect(&address).unwrap());
    let patient = builder().connect_timeout(2 * DEAD);
    let mut twin = Thermostat::new();
    read(&mut patient.connect(&address).unwrap(), &mut twin);
    assert_waited(begin);
    let begin = Instant::now();
    read(&mut connect(&address), &mut twin);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

fn assert_waited(begin: Instant) {
    let seconds = begin.elapsed().as_secs();
    assert!((9..15).contains(&seconds), "{seconds} s");
}

fn cut_alone(mut client: Client) {
    let error = client.call(CUT, ()).unwrap_err();
    assert!(matches!(error, CallError::MayHaveRun(_)), "{error}");
}

/// The reply to the first request says nothing about the second one.
fn cut_after_another(mut client: Client) {
    let mut batch = client.batch();
    let log = batch.queue(HISTORY, &8).unwrap();
    let cut = batch.queue(CUT, ()).unwrap();
    let mut replies = batch.send().unwrap();
    assert!(replies.take(log).unwrap().is_empty());
    let error = replies.take(cut).unwrap_err();
    assert!(matches!(error, CallError::MayHaveRun(_)), "{error}");
}

fn cut_and_dropped(mut client: Client) {
    let mut batch = client.batch();
    let log = batch.queue(HISTORY, &8).unwrap();
    let _cut = batch.queue(CUT, ()).unwrap();
    batch.send().unwrap().take(log).unwrap();
}

/// Nobody waits for the reply to such a request.
fn cut_without_reply(mut client: Client) {
    let sent: Command<(), NoReply> = Command::new("HISTORY");
    client.send(sent, ()).unwrap();
    // Let the bytes reach the line.
    thread::sleep(GIVE_UP);
}

fn the_async_client_waits_after_a_cut_request() {
    let bench = Bench::quiet("cut-async");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = AsyncClient::builder().network(Network::Serial);
        let client = client.timeout(Some(GIVE_UP));
        let client = client.connect(&(bench.address() + "?plain")).await.unwrap();
        let begin = Instant::now();
        let (log, cut) = tokio::join!(client.call(HISTORY, &8), client.call(CUT, ()));
        assert!(log.unwrap().is_empty());
        assert!(matches!(cut, Err(CallError::MayHaveRun(_))), "{cut:?}");
        let reply = loop {
            match client.call(READ, ()).await {
                Err(CallError::NotSent(_)) => {}
                reply => break reply.unwrap(),
            }
        };
        assert_eq!(reply, Thermostat::new().read());
        assert_waited(begin);
    });
}

/// Each case waits for ten seconds.
#[test]
fn a_cut_request_in_plain_text_does_not_swallow_the_next_one() {
    thread::scope(|scope| {
        scope.spawn(|| next_client_waits_after("cut-alone", cut_alone));
        scope.spawn(|| next_client_waits_after("cut-after", cut_after_another));
        scope.spawn(|| next_client_waits_after("cut-dropped", cut_and_dropped));
        scope.spawn(|| next_client_waits_after("cut-sent", cut_without_reply));
        scope.spawn(the_async_client_waits_after_a_cut_request);
    });
}
