//! TLS with independent implementations: Go's and OpenSSL's clients.

use bellwire::{Command, Gob, HeapComplexData, NoReply};
use bellwire_tests::certificates::{Authority, Folder, HOST};
use bellwire_tests::go::Go;
use bellwire_tests::not_tested;
use bellwire_tests::running::{each, serve_over_tls};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command as Process, Stdio};
use std::sync::{Arc, Mutex};

const GOB: Command<Gob<HeapComplexData>, NoReply> = Command::new("GOB");

#[test]
fn a_go_client_with_a_certificate_is_served() {
    let Some(go) = Go::find() else { return };
    let authority = Authority::new();
    let client = authority.sign(&["client"]);
    let folder = Folder::new("tls-go", &authority, &[("client", &client)]);
    each(|kind| {
        let server = serve_over_tls(kind, &authority.acceptor(Some(&authority)), |_| {});
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&numbers);
        let keep =
            move |(): &mut (), data: HeapComplexData, reply: bellwire::Reply<'_, NoReply>| {
                received.lock().unwrap().push(data.n);
                reply.none()
            };
        server.endpoint.handle(GOB, keep).unwrap();
        let (ca, cert) = (folder.file("ca.pem"), folder.file("client.pem"));
        let address = server.address.to_string();
        go.run(
            &[
                "client", "-rounds", "50", "-ca", &ca, "-cert", &cert, &address,
            ],
            b"",
        )
        .end();
        assert_eq!(server.texts.lock().unwrap().len(), 51);
        assert_eq!(*numbers.lock().unwrap(), (23..73).collect::<Vec<_>>());
    });
}

#[test]
fn an_openssl_client_with_a_certificate_is_served() {
    if Process::new("openssl").arg("version").output().is_err() {
        not_tested("against OpenSSL", "there is no program `openssl`");
        return;
    }
    let authority = Authority::new();
    let client = authority.sign(&["client"]);
    let folder = Folder::new("tls-openssl", &authority, &[("client", &client)]);
    each(|kind| {
        let server = serve_over_tls(kind, &authority.acceptor(Some(&authority)), |_| {});
        let mut openssl = Process::new("openssl")
            .args(["s_client", "-quiet", "-verify_return_error"])
            .args(["-connect", &server.address.to_string()])
            .args(["-verify_hostname", HOST])
            .args(["-CAfile", &folder.file("ca.pem")])
            .args(["-cert", &folder.file("client.pem")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut requests = openssl.stdin.take().unwrap();
        requests.write_all(b"STRING\nby hand\nNOPE\n").unwrap();
        // The server ends the connection after this error line, so openssl exits.
        let replies = BufReader::new(openssl.stdout.take().unwrap()).lines();
        let replies: Vec<_> = replies.map(Result::unwrap).collect();
        drop(requests);
        assert_eq!(
            replies,
            [
                "Thank you.",
                "!unknown-command no command is named \"NOPE\""
            ]
        );
        openssl.wait().unwrap();
        assert_eq!(*server.texts.lock().unwrap(), ["by hand"]);
    });
}
