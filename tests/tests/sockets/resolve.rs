//! Resolving written addresses to socket addresses, with the rules of Go's package net.

use bellwire_std::{Dialer, Listener, Network, resolve};
use bellwire_tests::go::Go;
use std::io::ErrorKind;
use std::net::SocketAddr;

/// Addresses and Go's results: "no" for an error.
const ADDRESSES: &[(&str, &str)] = &[
    ("127.0.0.1:80", "127.0.0.1:80"),
    ("[127.0.0.1]:80", "127.0.0.1:80"),
    ("0.0.0.0:80", "0.0.0.0:80"),
    ("255.255.255.255:80", "255.255.255.255:80"),
    // The forms of C's `inet_aton`: octal, hexadecimal, and fewer than four numbers.
    ("010.0.0.1:80", "no"),
    ("[010.0.0.1]:80", "no"),
    ("0177.0.0.1:80", "no"),
    ("127.0.0.01:80", "no"),
    ("08.1:80", "no"),
    ("0x7f.1:80", "no"),
    ("0X7F.1:80", "no"),
    ("0x7f.0.0.0x1:80", "no"),
    ("0x7f000001:80", "no"),
    ("0x:80", "no"),
    ("2130706433:80", "no"),
    ("0:80", "no"),
    ("127.1:80", "no"),
    ("[127.1]:80", "no"),
    ("1.2.3:80", "no"),
    ("1.2.3.4.5:80", "no"),
    ("256.0.0.1:80", "no"),
    ("127.0.0.1.:80", "no"),
    ("1..2:80", "no"),
    ("127.0.0.1 :80", "no"),
    (" 127.0.0.1:80", "no"),
    // IPv6, and IPv4 mapped to it.
    ("[::]:80", "[::]:80"),
    ("[::1]:80", "[::1]:80"),
    ("[1:2:3:4:5:6:7::]:80", "[1:2:3:4:5:6:7:0]:80"),
    ("[::127.0.0.1]:80", "[::7f00:1]:80"),
    ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
    ("[::FFFF:7F00:1]:80", "127.0.0.1:80"),
    ("[::ffff:010.0.0.1]:80", "no"),
    ("[::ffff:127.1]:80", "no"),
    ("[::0x1]:80", "no"),
    ("[::1::2]:80", "no"),
    ("[:::1]:80", "no"),
    ("[1:2:3:4:5:6:7:8:9]:80", "no"),
    ("[12345::1]:80", "no"),
    ("[g::1]:80", "no"),
    // Zones, which any IPv6 address may have, and no other.
    ("[fe80::1%lo]:80", "[fe80::1%lo]:80"),
    ("[ff02::1%lo]:80", "[ff02::1%lo]:80"),
    ("[::1%lo]:80", "[::1%lo]:80"),
    ("[::%lo]:80", "[::%lo]:80"),
    ("[2001:db8::1%lo]:80", "[2001:db8::1%lo]:80"),
    ("[fe80::1%1]:80", "[fe80::1%1]:80"),
    ("[::1%1]:80", "[::1%1]:80"),
    ("[fe80::1%25lo]:80", "[fe80::1%25lo]:80"),
    ("[fe80::1%nosuch]:80", "[fe80::1%nosuch]:80"),
    ("[::1%nosuch]:80", "[::1%nosuch]:80"),
    ("[::1%lo%lo]:80", "[::1%lo%lo]:80"),
    ("[::1%5abc]:80", "[::1%5abc]:80"),
    ("[::1%-1]:80", "[::1%-1]:80"),
    ("[::1%4294967296]:80", "[::1%4294967296]:80"),
    ("[fe80::1%]:80", "no"),
    ("[::1%]:80", "no"),
    ("127.0.0.1%lo:80", "no"),
    ("[127.0.0.1%lo]:80", "no"),
    ("[127.0.0.1%1]:80", "no"),
    ("[localhost%lo]:80", "no"),
    ("[%lo]:80", "no"),
    // Colons and brackets.
    ("[localhost]:80", "127.0.0.1:80"),
    ("localhost:80", "127.0.0.1:80"),
    ("localhost", "no"),
    ("[::1]", "no"),
    ("[::1", "no"),
    ("[::1]80", "no"),
    ("::1", "no"),
    ("::1:80", "no"),
    ("a:b:80", "no"),
    ("[::1]:80:90", "no"),
    ("[::1]]:80", "no"),
    ("[[::1]]:80", "no"),
    ("localhost]:80", "no"),
    ("[localhost:80", "no"),
    ("lo[calhost:80", "no"),
    ("[lo[cal]:80", "no"),
    ("[local]host]:80", "no"),
    ("localhost:[80]", "no"),
    // Ports.
    ("127.0.0.1:0", "127.0.0.1:0"),
    ("127.0.0.1:00080", "127.0.0.1:80"),
    ("127.0.0.1:65535", "127.0.0.1:65535"),
    ("127.0.0.1:65536", "no"),
    ("127.0.0.1:99999999999999999999", "no"),
    ("127.0.0.1:-80", "no"),
    ("127.0.0.1:0x50", "no"),
    ("127.0.0.1:8_0", "no"),
    ("127.0.0.1: 80", "no"),
    ("127.0.0.1:80 ", "no"),
    ("127.0.0.1:80a", "no"),
    ("127.0.0.1:\u{663}", "no"),
    ("127.0.0.1:http", "127.0.0.1:80"),
    ("127.0.0.1:Https", "127.0.0.1:443"),
    ("127.0.0.1:http ", "no"),
    ("127.0.0.1:http/tcp", "no"),
    ("127.0.0.1:no-such-service", "no"),
    ("127.0.0.1:+80", "127.0.0.1:80"),
    ("127.0.0.1:-0", "127.0.0.1:0"),
    ("127.0.0.1:4294967376", "127.0.0.1:80"),
    ("localhost:", "127.0.0.1:0"),
    (":", ":0"),
    ("", ":0"),
];

/// Addresses that Go accepts and Bellwire rejects, because they are probably mistakes.
const REFUSED: &[&str] = &[
    // No such interface.
    "[fe80::1%25lo]:80",
    "[fe80::1%nosuch]:80",
    "[::1%nosuch]:80",
    "[::1%lo%lo]:80",
    "[::1%5abc]:80",
    "[::1%-1]:80",
    "[::1%4294967296]:80",
    // No port.
    "localhost:",
    ":",
    "",
    // A sign, or a number that Go reduces modulo 2³².
    "127.0.0.1:+80",
    "127.0.0.1:-0",
    "127.0.0.1:4294967376",
];

#[test]
fn addresses_resolve_as_in_go() {
    for (address, go) in ADDRESSES {
        let ours = resolve(Network::Tcp, address);
        if *go == "no" || REFUSED.contains(address) {
            let error = ours.expect_err(address);
            let sentence = format!("cannot resolve {address}: ");
            assert!(error.to_string().starts_with(&sentence), "{error}");
        } else {
            // The interface `lo` has number 1 on every Linux.
            let go: SocketAddr = go.replace("%lo", "%1").parse().unwrap();
            assert!(ours.expect(address).contains(&go), "{address}");
        }
    }
}

#[test]
fn the_table_matches_the_go_runtime() {
    let Some(go) = Go::find() else { return };
    let lines: Vec<_> = ADDRESSES.iter().map(|(address, _)| *address).collect();
    let answers = go.run(&["resolve"], (lines.join("\n") + "\n").as_bytes());
    let mut answers = answers.end().into_iter();
    for (address, expected) in ADDRESSES {
        assert_eq!(answers.next().as_deref(), Some(*expected), "{address}");
    }
}

#[test]
fn ip_addresses_that_only_c_accepts_are_errors_without_a_lookup() {
    let dialer = Dialer::new().resolver(|name| panic!("asked about {name}"));
    for host in [
        "127.1",
        "010.0.0.1",
        "0x7f000001",
        "127.0.0.1.",
        "127.0.0.1%lo",
    ] {
        let error = dialer
            .dial(Network::Tcp, &format!("{host}:80"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let sentence = format!("cannot connect to {host}:80: {host} is not an IP address");
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn names_that_resemble_ip_addresses_are_looked_up() {
    let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
    let port = listener.local_addr().tcp().unwrap().port();
    let dialer = Dialer::new().resolver(|_| Ok(vec!["127.0.0.1".parse().unwrap()]));
    for host in ["web.1", "0x7g.1", "x127.0.0.1", "1.2.3.4.example"] {
        let conn = dialer.dial(Network::Tcp, &format!("{host}:{port}"));
        assert!(conn.is_ok(), "{host}");
    }
}

#[test]
fn an_address_with_a_zone_connects() {
    let listener = Listener::bind(Network::Tcp, "[::1%lo]:0").unwrap();
    let port = listener.local_addr().tcp().unwrap().port();
    let conn = Dialer::new().dial(Network::Tcp, &format!("[::1%lo]:{port}"));
    assert!(conn.is_ok());
}

#[test]
fn an_unknown_zone_is_a_clear_error() {
    let why = r#"this machine has no interface "nosuch""#;
    for address in ["[fe80::1%nosuch]:80", "[::1%nosuch]:80"] {
        does_not_resolve(Network::Tcp, address, ErrorKind::NotFound, why);
    }
}

#[track_caller]
fn resolves(network: Network, address: &str, expected: &[&str]) {
    let expected: Vec<SocketAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(resolve(network, address).unwrap(), expected);
}

#[track_caller]
fn does_not_resolve(network: Network, address: &str, kind: ErrorKind, why: &str) {
    let error = resolve(network, address).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot resolve {address}: {why}")
    );
    assert_eq!(error.kind(), kind);
}

#[test]
fn numeric_addresses_resolve_to_themselves() {
    resolves(Network::Tcp, "127.0.0.1:80", &["127.0.0.1:80"]);
    resolves(Network::Tcp4, "127.0.0.1:80", &["127.0.0.1:80"]);
    resolves(Network::Tcp, "[::1]:80", &["[::1]:80"]);
    resolves(Network::Tcp6, "[::1]:80", &["[::1]:80"]);
    resolves(Network::Tcp6, "[fe80::1%1]:80", &["[fe80::1%1]:80"]);
}

#[test]
fn an_ipv4_mapped_address_resolves_to_ipv4() {
    resolves(Network::Tcp4, "[::ffff:127.0.0.1]:80", &["127.0.0.1:80"]);
}

#[test]
fn an_empty_host_means_all_interfaces() {
    resolves(Network::Tcp, ":80", &["[::]:80", "0.0.0.0:80"]);
    resolves(Network::Tcp4, ":80", &["0.0.0.0:80"]);
    resolves(Network::Tcp6, ":80", &["[::]:80"]);
}

#[test]
fn host_and_service_names_resolve() {
    resolves(Network::Tcp4, "localhost:80", &["127.0.0.1:80"]);
    resolves(Network::Tcp4, "localhost:http", &["127.0.0.1:80"]);
    resolves(Network::Tcp6, "[::1]:HTTPS", &["[::1]:443"]);
}

#[test]
fn the_error_for_an_invalid_address_shows_the_form() {
    let form = "an address is written HOST:PORT, or [HOST]:PORT for IPv6";
    for address in [
        "",
        "localhost",
        "[::1]",
        "[::1]80",
        "localhost]:80",
        "lo[calhost:80",
        "[lo[cal]:80",
    ] {
        does_not_resolve(Network::Tcp, address, ErrorKind::InvalidInput, form);
    }
    let brackets = "an IPv6 address must be in brackets, as in [::1]:80";
    does_not_resolve(Network::Tcp, "::1:80", ErrorKind::InvalidInput, brackets);
}

#[test]
fn invalid_ports_are_clear_errors() {
    let invalid = |address, why| {
        does_not_resolve(Network::Tcp, address, ErrorKind::InvalidInput, why);
    };
    invalid("localhost:", "the port is missing");
    let range = "65536 is not a port; ports are 0 to 65535";
    invalid("localhost:65536", range);
    invalid("localhost:-1", r#"unknown TCP port "-1""#);
    invalid("localhost:bells", r#"unknown TCP port "bells""#);
}

#[test]
fn a_host_without_an_address_for_the_network_is_a_clear_error() {
    let missing = |network, address, why| {
        does_not_resolve(network, address, ErrorKind::NotFound, why);
    };
    missing(Network::Tcp4, "[::1]:80", "::1 has no address for tcp4");
    let why = "127.0.0.1 has no address for tcp6";
    missing(Network::Tcp6, "127.0.0.1:80", why);
}

#[test]
fn networks_have_the_same_names_as_in_go() {
    use Network::{Serial, Tcp, Tcp4, Tcp6, Unix};
    for network in [Tcp, Tcp4, Tcp6, Unix, Serial] {
        assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
    }
    let error = "udp".parse::<Network>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        r#"unknown network "udp"; expected tcp, tcp4, tcp6, unix or serial"#
    );
}
