//! Both servers answer the table of bad input.

use bellwire_std::{Endpoint, Server};
use bellwire_tests::arrived::Arrived;
use bellwire_tests::bad_input::{BUFFER, cases, topic_cases};
use bellwire_tests::running::answer;
use commands::{GOB, POSTCARD, STRING, TICK};
use std::net::SocketAddr;
use std::thread;

fn endpoint() -> Endpoint<Arrived> {
    let endpoint = Endpoint::default();
    endpoint.handle(STRING, commands::string).unwrap();
    endpoint.handle(POSTCARD, commands::postcard).unwrap();
    endpoint.handle(GOB, commands::gob).unwrap();
    endpoint.topic(TICK).unwrap();
    endpoint
}

fn check(address: SocketAddr, arrived: &Arrived) {
    for case in cases().into_iter().chain(topic_cases()) {
        case.check_replies(&answer(address, &case.input));
        case.check_arrived(arrived);
    }
}

#[test]
fn the_server_with_threads_answers_every_bad_input() {
    let mut server = Server::bind("127.0.0.1:0", endpoint()).unwrap();
    (server.limits.receive_buffer, server.limits.transmit_buffer) = (BUFFER, BUFFER);
    let (address, shutdown) = (server.local_addr().tcp().unwrap(), server.shutdown_handle());
    let arrived = Arrived::default();
    let app = arrived.clone();
    let running = thread::spawn(move || server.run_with(move |_peer| app.clone()));
    check(address, &arrived);
    shutdown.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn the_server_with_tasks_answers_every_bad_input() {
    let mut server = bellwire_std::tokio::Server::bind("127.0.0.1:0", endpoint()).unwrap();
    (server.limits.receive_buffer, server.limits.transmit_buffer) = (BUFFER, BUFFER);
    let (address, shutdown) = (server.local_addr().tcp().unwrap(), server.shutdown_handle());
    let arrived = Arrived::default();
    let app = arrived.clone();
    let running = thread::spawn(move || server.run_on_threads_with(1, move |_peer| app.clone()));
    check(address, &arrived);
    shutdown.stop();
    running.join().unwrap().unwrap();
}
