//! From what people write to the addresses of sockets, as Go's net does it.

use bellwire_std::{Network, resolve};
use std::io::ErrorKind;
use std::net::SocketAddr;

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
fn addresses_in_numbers() {
    resolves(Network::Tcp, "127.0.0.1:80", &["127.0.0.1:80"]);
    resolves(Network::Tcp4, "127.0.0.1:80", &["127.0.0.1:80"]);
    resolves(Network::Tcp, "[::1]:80", &["[::1]:80"]);
    resolves(Network::Tcp6, "[::1]:80", &["[::1]:80"]);
    resolves(Network::Tcp6, "[fe80::1%1]:80", &["[fe80::1%1]:80"]);
}

#[test]
fn an_ipv4_address_written_as_ipv6_is_one() {
    resolves(Network::Tcp4, "[::ffff:127.0.0.1]:80", &["127.0.0.1:80"]);
}

#[test]
fn no_host_means_all_interfaces() {
    resolves(Network::Tcp, ":80", &["[::]:80", "0.0.0.0:80"]);
    resolves(Network::Tcp4, ":80", &["0.0.0.0:80"]);
    resolves(Network::Tcp6, ":80", &["[::]:80"]);
}

#[test]
fn names_of_hosts_and_ports() {
    resolves(Network::Tcp4, "localhost:80", &["127.0.0.1:80"]);
    resolves(Network::Tcp4, "localhost:http", &["127.0.0.1:80"]);
    resolves(Network::Tcp6, "[::1]:HTTPS", &["[::1]:443"]);
}

#[test]
fn what_is_no_address_is_told_how_one_is_written() {
    let form = "an address is written HOST:PORT, or [HOST]:PORT for IPv6";
    for address in ["", "localhost", "[::1]", "[::1]80"] {
        does_not_resolve(Network::Tcp, address, ErrorKind::InvalidInput, form);
    }
    let brackets = "an IPv6 address stands in brackets, as in [::1]:80";
    does_not_resolve(Network::Tcp, "::1:80", ErrorKind::InvalidInput, brackets);
}

#[test]
fn what_is_no_port() {
    let invalid = |address, why| {
        does_not_resolve(Network::Tcp, address, ErrorKind::InvalidInput, why);
    };
    invalid("localhost:", "the port is missing");
    let range = "65536 is no port; ports go from 0 to 65535";
    invalid("localhost:65536", range);
    invalid("localhost:-1", r#"no TCP port is named "-1""#);
    invalid("localhost:bells", r#"no TCP port is named "bells""#);
}

#[test]
fn a_host_without_an_address_for_the_network() {
    let missing = |network, address, why| {
        does_not_resolve(network, address, ErrorKind::NotFound, why);
    };
    missing(Network::Tcp4, "[::1]:80", "::1 has no address for tcp4");
    let why = "127.0.0.1 has no address for tcp6";
    missing(Network::Tcp6, "127.0.0.1:80", why);
}

#[test]
fn networks_have_gos_names() {
    for network in [Network::Tcp, Network::Tcp4, Network::Tcp6, Network::Unix] {
        assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
    }
    let error = "udp".parse::<Network>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        r#"no network is named "udp"; there are tcp, tcp4, tcp6 and unix"#
    );
}
