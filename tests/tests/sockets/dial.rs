//! Opening connections, with the rules of Go's package net.

use bellwire_std::{Cancel, Conn, Dialer, Network, dial};
use bellwire_tests::net::Manner::{Answers, Ignores, Refuses};
use bellwire_tests::net::{Host, LONG, Manner, SHORT, host, while_waiting};
use bellwire_tests::running::PATIENCE;
use socket2::SockRef;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const V4: &str = "127.0.0.1";
const V6: &str = "::1";

/// A dialer whose resolver knows only `bell.example`, at the addresses of `host`.
fn dialer(host: &Host) -> Dialer {
    let addresses = host.addresses.clone();
    Dialer::new().resolver(move |name| {
        assert_eq!(name, "bell.example");
        Ok(addresses.clone())
    })
}

/// Dials `bell.example`.
fn ring(dialer: &Dialer, host: &Host) -> io::Result<Conn> {
    dialer.dial(Network::Tcp, &format!("bell.example:{}", host.port))
}

fn peer(conn: &Conn) -> IpAddr {
    conn.peer_addr().tcp().unwrap().ip()
}

/// Checks that a dialer with this setup connects to `expected` if a name has `addresses`. Returns the
/// time it took.
#[track_caller]
fn reaches(
    set_up: impl Fn(Dialer) -> Dialer,
    addresses: &[(&str, Manner)],
    expected: &str,
) -> Duration {
    let host = host(addresses);
    let begin = Instant::now();
    let conn = ring(&set_up(dialer(&host)), &host).unwrap();
    assert_eq!(peer(&conn).to_string(), expected);
    begin.elapsed()
}

/// A dialer without changes.
fn default(dialer: Dialer) -> Dialer {
    dialer
}

#[test]
fn dial_accepts_every_form_of_this_machines_address() {
    let host = host(&[(V4, Answers)]);
    for name in [
        "localhost",
        "127.0.0.1",
        "",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
    ] {
        let conn = dial(format!("{name}:{}", host.port), PATIENCE).unwrap();
        assert_eq!(
            conn.peer_addr().to_string(),
            format!("127.0.0.1:{}", host.port)
        );
    }
}

#[test]
fn the_network_selects_the_address_family() {
    let host = host(&[(V4, Answers), (V6, Answers)]);
    let address = format!("bell.example:{}", host.port);
    for (network, expected) in [(Network::Tcp4, V4), (Network::Tcp6, V6)] {
        let conn = dialer(&host).dial(network, &address).unwrap();
        assert_eq!(peer(&conn).to_string(), expected);
    }
}

#[test]
fn a_refused_connection_is_a_clear_error() {
    let host = host(&[(V4, Refuses)]);
    let error = dial(format!("127.0.0.1:{}", host.port), PATIENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let start = format!(
        "cannot connect to 127.0.0.1:{}: Connection refused",
        host.port
    );
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn of_several_failures_the_first_is_reported_with_its_address() {
    let host = host(&[("127.0.0.2", Refuses), ("127.0.0.3", Refuses)]);
    let error = ring(&dialer(&host), &host).unwrap_err().to_string();
    let (name, port) = ("bell.example", host.port);
    let start = format!("cannot connect to {name}:{port} (127.0.0.2:{port}): Connection refused");
    assert!(error.starts_with(&start), "{error}");
}

#[test]
fn the_timeout_ends_a_dial() {
    let host = host(&[(V4, Ignores)]);
    let begin = Instant::now();
    let error = dial(format!("127.0.0.1:{}", host.port), SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let port = host.port;
    let sentence = format!("cannot connect to 127.0.0.1:{port}: no answer in time");
    assert_eq!(error.to_string(), sentence);
    assert!(begin.elapsed() >= SHORT && begin.elapsed() < PATIENCE);
}

#[test]
fn the_earlier_of_timeout_and_deadline_ends_a_dial() {
    let host = host(&[(V4, Ignores)]);
    for (timeout, deadline) in [(SHORT, LONG), (LONG, SHORT)] {
        let begin = Instant::now();
        let dialer = dialer(&host).timeout(timeout).deadline(begin + deadline);
        let error = ring(&dialer, &host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= SHORT && begin.elapsed() < PATIENCE);
    }
}

#[test]
fn a_deadline_in_the_past_and_a_timeout_of_zero_fail_at_once() {
    let host = host(&[(V4, Answers)]);
    for dialer in [
        dialer(&host).deadline(Instant::now()),
        dialer(&host).timeout(Duration::ZERO),
    ] {
        let error = ring(&dialer, &host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}

#[test]
fn the_maximum_timeout_never_expires() {
    reaches(|dialer| dialer.timeout(Duration::MAX), &[(V4, Answers)], V4);
}

#[test]
fn the_timeout_ends_a_hanging_lookup() {
    let (hang, stop) = hanging_resolver();
    let begin = Instant::now();
    let dialed = hang.timeout(SHORT).dial(Network::Tcp, "bell.example:80");
    assert_eq!(dialed.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= SHORT && begin.elapsed() < PATIENCE);
    drop(stop);
}

/// A dialer whose resolver answers only after the sender is dropped.
fn hanging_resolver() -> (Dialer, mpsc::Sender<()>) {
    let (stop, stopped) = mpsc::channel();
    let stopped = std::sync::Mutex::new(stopped);
    let dialer = Dialer::new().resolver(move |_| {
        let _ = stopped.lock().unwrap().recv();
        Ok(Vec::new())
    });
    (dialer, stop)
}

/// Cancels a waiting dial, and returns its error.
fn cancelled(dialer: Dialer, address: &str) -> io::Error {
    let cancel = Cancel::new().unwrap();
    let dialer = dialer.cancelled_by(&cancel);
    let dialing = || dialer.dial(Network::Tcp, address);
    while_waiting(dialing, || cancel.cancel()).unwrap_err()
}

#[test]
fn another_thread_can_cancel_a_dial_while_connecting() {
    let host = host(&[(V4, Ignores)]);
    let address = format!("127.0.0.1:{}", host.port);
    let error = cancelled(Dialer::new(), &address);
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let sentence = format!("cannot connect to {address}: the dial was cancelled");
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn another_thread_can_cancel_a_dial_during_the_lookup() {
    let (dialer, _stop) = hanging_resolver();
    let error = cancelled(dialer, "bell.example:80");
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
}

#[test]
fn a_cancelled_dialer_fails_every_later_dial() {
    let host = host(&[(V4, Answers)]);
    let cancel = Cancel::new().unwrap();
    let dialer = dialer(&host).cancelled_by(&cancel);
    assert!(ring(&dialer, &host).is_ok());
    cancel.clone().cancel();
    for dialer in [&dialer, &dialer.clone()] {
        let error = ring(dialer, &host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    }
}

#[test]
fn after_300_ms_without_answer_the_other_family_is_tried() {
    let took = reaches(default, &[(V6, Ignores), (V4, Answers)], V4);
    assert!(took >= Duration::from_millis(300));
}

#[test]
fn the_fallback_delay_can_be_set() {
    let delay = Duration::from_millis(700);
    let later = |dialer: Dialer| dialer.fallback_delay(Some(delay));
    assert!(reaches(later, &[(V6, Ignores), (V4, Answers)], V4) >= delay);
}

#[test]
fn after_a_refusal_the_next_address_is_tried_at_once() {
    let patient = |dialer: Dialer| dialer.fallback_delay(Some(LONG));
    assert!(reaches(patient, &[(V6, Refuses), (V4, Answers)], V4) < PATIENCE);
}

#[test]
fn a_refusal_starts_the_next_address_while_another_is_pending() {
    let delay = Duration::from_secs(2);
    let later = |dialer: Dialer| dialer.fallback_delay(Some(delay));
    let addresses = [(V6, Ignores), (V4, Refuses), ("127.0.0.2", Answers)];
    let took = reaches(later, &addresses, "127.0.0.2");
    assert!(took >= delay && took < 2 * delay);
}

#[test]
fn the_preferred_address_is_used_if_it_answers() {
    let all = [(V6, Answers), (V4, Answers)];
    reaches(default, &all, V6);
    reaches(default, &[all[1], all[0]], V4);
}

#[test]
fn address_families_alternate() {
    let addresses = [
        ("127.0.0.2", Refuses),
        ("127.0.0.3", Answers),
        (V6, Answers),
    ];
    reaches(default, &addresses, V6);
    let in_order = |dialer: Dialer| dialer.fallback_delay(None);
    reaches(in_order, &addresses, "127.0.0.3");
}

#[test]
fn a_short_timeout_still_tries_all_addresses() {
    let set_up = |dialer: Dialer| {
        dialer
            .fallback_delay(Some(LONG))
            .timeout(Duration::from_secs(6))
    };
    let took = reaches(set_up, &[(V6, Ignores), (V4, Answers)], V4);
    assert!(took >= Duration::from_secs(3));
}

#[test]
fn without_fallback_each_address_gets_an_equal_share_of_the_time() {
    let set_up = |dialer: Dialer| dialer.fallback_delay(None).timeout(Duration::from_secs(6));
    let took = reaches(set_up, &[(V6, Ignores), (V4, Answers)], V4);
    assert!(took >= Duration::from_secs(3));
}

#[test]
fn without_fallback_each_address_gets_at_least_two_seconds() {
    let set_up = |dialer: Dialer| dialer.fallback_delay(None).timeout(Duration::from_secs(3));
    let took = reaches(set_up, &[(V6, Ignores), (V4, Answers)], V4);
    assert!(took >= Duration::from_secs(2));
}

#[test]
fn the_resolver_is_not_asked_about_ip_addresses() {
    let host = host(&[(V4, Answers)]);
    let dialer = Dialer::new().resolver(|name| panic!("asked about {name}"));
    let address = format!("127.0.0.1:{}", host.port);
    assert!(dialer.dial(Network::Tcp, &address).is_ok());
}

#[test]
fn a_failed_lookup_is_a_clear_error() {
    let dialer = Dialer::new().resolver(|_| Err(io::Error::other("the book is lost")));
    let error = dialer.dial(Network::Tcp, "bell.example:80").unwrap_err();
    let sentence = "cannot connect to bell.example:80: the book is lost";
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn a_lookup_without_addresses_is_a_clear_error() {
    let dialer = Dialer::new().resolver(|_| Ok(Vec::new()));
    let error = dialer.dial(Network::Tcp, "bell.example:80").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let sentence = "cannot connect to bell.example:80: bell.example has no address for tcp";
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn a_panicking_resolver_fails_only_the_dial() {
    let dialer = Dialer::new().resolver(|_| panic!("this resolver panics"));
    let error = dialer.dial(Network::Tcp, "bell.example:80").unwrap_err();
    let sentence = "cannot connect to bell.example:80: the resolver panicked";
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn the_local_address_can_be_set() {
    let host = host(&[(V4, Answers)]);
    let dialer = dialer(&host).local_addr("127.0.0.9:0".parse().unwrap());
    let conn = ring(&dialer, &host).unwrap();
    let local = conn.local_addr().unwrap().tcp().unwrap();
    assert_eq!(local.ip().to_string(), "127.0.0.9");
}

#[test]
fn only_addresses_of_the_local_address_family_are_dialed() {
    let from_v4 = |dialer: Dialer| dialer.local_addr("127.0.0.1:0".parse().unwrap());
    reaches(from_v4, &[(V6, Answers), (V4, Answers)], V4);
    let error = from_v4(Dialer::new())
        .dial(Network::Tcp, "[::1]:80")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect to [::1]:80: no address of the same family as 127.0.0.1:0"
    );
}

/// Cause: if nobody listens on the port that a socket dials from, the socket connects to itself.
#[test]
fn a_connection_to_itself_is_reported_as_refused() {
    let host = host(&[(V4, Refuses)]);
    let address = SocketAddr::new(host.addresses[0], host.port);
    drop(host);
    let dialer = Dialer::new().local_addr(address);
    let error = dialer.dial(Network::Tcp, &address.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn keep_alive_defaults_to_15_seconds_and_can_be_set_or_disabled() {
    let host = host(&[(V4, Answers)]);
    let keep_alive = |dialer: Dialer| {
        let conn = ring(&dialer, &host).unwrap();
        let socket = SockRef::from(&conn);
        let on = socket.keepalive().unwrap();
        on.then(|| {
            let (first, next) = (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval());
            (first.unwrap().as_secs(), next.unwrap().as_secs())
        })
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(keep_alive(dialer(&host)), Some((15, 15)));
    assert_eq!(
        keep_alive(dialer(&host).keep_alive(seconds(60))),
        Some((60, 60))
    );
    assert_eq!(
        keep_alive(dialer(&host).keep_alive(seconds(0))),
        Some((1, 1))
    );
    assert_eq!(keep_alive(dialer(&host).keep_alive(None)), None);
}

#[test]
fn a_connection_sends_without_nagles_delay() {
    let host = host(&[(V4, Answers)]);
    let conn = ring(&dialer(&host), &host).unwrap();
    assert!(SockRef::from(&conn).tcp_nodelay().unwrap());
}
