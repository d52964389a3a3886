//! `bellwire serve` and `bellwire connect` with certificates, as a user runs them.

use crate::process::{PATIENCE, Server, bellwire, run, text};
use bellwire_std::{dial, tls};
use bellwire_tests::certificates::{Authority, Folder, HOST};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::time::{Duration, Instant};

/// The files of an authority, a server and a client.
fn files(test: &str) -> Folder {
    let authority = Authority::new();
    let server = authority.sign(&[HOST, "127.0.0.1", "::1"]);
    let client = authority.sign(&["client"]);
    Folder::new(
        test,
        &authority,
        &[("server", &server), ("client", &client)],
    )
}

fn serve(folder: &Folder, more: &[&str]) -> Server {
    let pem = folder.file("server.pem");
    let tls = [
        "serve",
        "--listen",
        "localhost:0",
        "--tls-cert",
        &pem,
        "--tls-key",
        &pem,
    ];
    Server::spawn(bellwire(&tls).args(more))
}

fn connect(server: &Server, arguments: &[&str]) -> Output {
    bellwire(&["connect", &server.address])
        .args(arguments)
        .output()
        .unwrap()
}

/// Returns the single line of standard error of a run whose connection failed.
fn failure(output: &Output) -> &str {
    fails_with(3, output)
}

/// Returns the single line of standard error of a run that failed with this exit code.
fn fails_with(code: i32, output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    text(&output.stderr)
}

#[test]
fn connect_succeeds_with_certificates_on_both_sides() {
    let folder = files("cli-tls-both");
    let (ca, client) = (folder.file("ca.pem"), folder.file("client.pem"));
    for threads in [&[][..], &["--threads"]] {
        let server = serve(&folder, &[&["--client-ca", &ca], threads].concat());
        let output = connect(
            &server,
            &["--tls", "--ca", &ca, "--cert", &client, "--key", &client],
        );
        assert_eq!(text(&output.stdout), "Thank you.\n", "{output:?}");
        assert!(output.status.success());
        let (code, log) = server.stop("TERM");
        assert_eq!(code, Some(0));
        assert!(log.contains("received outer N=23"), "{log}");
        assert!(!log.contains("WARN"), "{log}");
    }
}

#[test]
fn a_missing_client_certificate_is_explained_to_the_client_and_in_the_log() {
    let folder = files("cli-tls-none");
    let ca = folder.file("ca.pem");
    let server = serve(&folder, &["--client-ca", &ca]);
    let output = connect(&server, &["--tls", "--ca", &ca]);
    // The alert may arrive before or after the request is sent.
    let error = failure(&output);
    let reason = ": the TLS connection failed: the peer requires a certificate\n";
    assert!(error.ends_with(reason), "{error}");
    let (_, log) = server.stop("TERM");
    let line = "the TLS handshake failed: the peer sent no certificate, but one is required";
    assert!(log.contains(line), "{log}");
}

#[test]
fn an_untrusted_server_is_a_clear_error_of_connect() {
    let folder = files("cli-tls-trust");
    let server = serve(&folder, &[]);
    let stranger = files("cli-tls-stranger");
    let output = connect(&server, &["--tls", "--ca", &stranger.file("ca.pem")]);
    assert_eq!(
        failure(&output),
        "bellwire: the TLS handshake failed: the peer's certificate is not signed by a trusted \
         authority\n"
    );
}

#[test]
fn without_ca_option_the_machines_authorities_are_trusted() {
    let folder = files("cli-tls-machine");
    let server = serve(&folder, &[]);
    let mut connect = bellwire(&["connect", &server.address, "--tls"]);
    let output = connect.env("SSL_CERT_FILE", folder.file("ca.pem")).output();
    assert_eq!(text(&output.unwrap().stdout), "Thank you.\n");
}

#[test]
fn a_plain_client_at_a_tls_port_is_explained_to_the_client_and_in_the_log() {
    let folder = files("cli-tls-plain-client");
    let server = serve(&folder, &[]);
    assert_eq!(
        fails_with(1, &connect(&server, &[])),
        "bellwire: server error (refused): this port speaks TLS only; connect with TLS\n"
    );
    let (_, log) = server.stop("TERM");
    let line = "the TLS handshake failed: the client does not speak TLS, which this port requires";
    assert!(log.contains(line), "{log}");
}

#[test]
fn a_tls_client_at_a_plain_port_gets_a_clear_error() {
    let folder = files("cli-tls-plain-server");
    let server = Server::start("127.0.0.1:0");
    assert_eq!(
        failure(&connect(
            &server,
            &["--tls", "--ca", &folder.file("ca.pem")]
        )),
        "bellwire: the TLS handshake failed: the peer does not speak TLS; connect without TLS\n"
    );
}

#[test]
fn a_certificate_may_name_an_ipv6_address() {
    let folder = files("cli-tls-ipv6");
    let (ca, pem) = (folder.file("ca.pem"), folder.file("server.pem"));
    let tls = ["--tls-cert", &pem, "--tls-key", &pem];
    let server = Server::spawn(bellwire(&["serve", "--listen", ":0"]).args(tls));
    let address = format!("[::1]:{}", server.port());
    let output = run(&["connect", &address, "--tls", "--ca", &ca]);
    assert_eq!(text(&output.stdout), "Thank you.\n", "{output:?}");
}

#[test]
fn failed_handshakes_are_counted() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = free.local_addr().unwrap().to_string();
    drop(free);
    let folder = files("cli-tls-metrics");
    let server = serve(&folder, &["--metrics", &metrics]);
    show(&metrics, "bellwire_tls_handshake_failures_total 0");
    for _ in 0..3 {
        connect(&server, &[]);
    }
    show(&metrics, "bellwire_tls_handshake_failures_total 3");
}

/// Scrapes the metrics until they contain `line`. A client may get its reply before it is counted.
fn show(metrics: &str, line: &str) {
    let begin = Instant::now();
    loop {
        let mut page = TcpStream::connect(metrics).unwrap();
        page.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut shown = String::new();
        page.read_to_string(&mut shown).unwrap();
        if shown.lines().any(|shown| shown == line) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{shown}");
    }
}

/// Cause: each probe of a load balancer counted as a failure and logged a warning.
#[test]
fn a_probe_of_the_port_is_not_a_failure() {
    let folder = files("cli-tls-look");
    for threads in [&[][..], &["--threads"]] {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let metrics = free.local_addr().unwrap().to_string();
        drop(free);
        let server = serve(&folder, &[&["--metrics", &metrics], threads].concat());
        for reset in [false, true] {
            let stream = TcpStream::connect(&server.address).unwrap();
            if reset {
                let now = Some(Duration::ZERO);
                socket2::SockRef::from(&stream).set_linger(now).unwrap();
            }
        }
        show(&metrics, "bellwire_connections_total 2");
        show(&metrics, "bellwire_connections 0");
        show(&metrics, "bellwire_tls_handshake_failures_total 0");
        let (_, log) = server.stop("TERM");
        assert!(!log.contains("WARN"), "{log}");
    }
}

#[test]
fn a_connection_cut_between_requests_logs_no_warning() {
    let folder = files("cli-tls-cut");
    let authorities = tls::RootCerts::from_file(folder.file("ca.pem")).unwrap();
    let connector = tls::Connector::new(&authorities, None).unwrap();
    for threads in [&[][..], &["--threads"]] {
        let server = serve(&folder, threads);
        for request in ["", "STRI"] {
            let conn = dial(&server.address, PATIENCE).unwrap();
            let mut conn = connector.connect(conn, HOST).unwrap();
            conn.write_all(request.as_bytes()).unwrap();
            conn.get_ref().close_write().unwrap();
            let _ = conn.read(&mut [0]);
        }
        let (_, log) = server.stop("TERM");
        assert_eq!(log.matches("was cut").count(), 1, "{log}");
    }
}

#[test]
fn serving_without_tls_beyond_this_machine_logs_a_warning() {
    let folder = files("cli-tls-warning");
    let pem = folder.file("server.pem");
    let tls = ["--tls-cert", &pem, "--tls-key", &pem];
    for (listen, more, warned) in [
        (":0", &[][..], true),
        ("127.0.0.1:0", &[], false),
        ("[::1]:0", &[], false),
        (":0", &tls, false),
    ] {
        let server = Server::spawn(bellwire(&["serve", "--listen", listen]).args(more));
        let (_, log) = server.stop("TERM");
        assert_eq!(
            log.matches("in clear; see --tls-cert").count(),
            usize::from(warned),
            "{log}"
        );
    }
}

#[test]
fn tls_options_without_their_companions_are_errors() {
    for arguments in [
        &["serve", "--tls-cert", "x"][..],
        &["serve", "--tls-key", "x"],
        &["serve", "--client-ca", "x"],
        &["connect", "localhost", "--ca", "x"],
        &["connect", "localhost", "--tls", "--cert", "x"],
        &["connect", "localhost", "--cert", "x", "--key", "x"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
