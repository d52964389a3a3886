//! Unusable TLS files: the error names the file and the reason.

use crate::process::{Server, bellwire, run, text};
use bellwire_tests::certificates::{Authority, Folder, HOST, Signed};
use bellwire_tests::not_tested;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, date_time_ymd};
use std::fs;
use std::io;
use std::process::{Command, Output};

/// A folder with an authority, and separate files for a server's certificate and key.
fn files(test: &str) -> Folder {
    let authority = Authority::new();
    let server = authority.sign(&[HOST]);
    let folder = Folder::new(test, &authority, &[]);
    write(&folder, "server", &server);
    folder
}

/// Writes `NAME.pem` and `NAME.key`.
fn write(folder: &Folder, name: &str, signed: &Signed) {
    fs::write(folder.file(&format!("{name}.pem")), &signed.chain).unwrap();
    fs::write(folder.file(&format!("{name}.key")), &signed.key).unwrap();
}

/// Checks that a server and a client with these files fail, with an error that names `culprit`.
#[track_caller]
fn are_refused(folder: &Folder, cert: &str, key: &str, culprit: &str, reason: &str) {
    let [cert, key, culprit, ca] = [cert, key, culprit, "ca.pem"].map(|name| folder.file(name));
    let listen = ["serve", "--listen", "localhost:0"];
    let serve = refused(&[&listen[..], &["--tls-cert", &cert, "--tls-key", &key]].concat());
    // Nobody listens on this port: the files are read first.
    let to = ["connect", "127.0.0.1:1", "--tls", "--ca", &ca];
    let connect = run(&[&to[..], &["--cert", &cert, "--key", &key]].concat());
    // A client's wrong file is a wrong argument.
    for (output, code) in [(serve, 1), (connect, 2)] {
        let shown = text(&output.stderr);
        let start = format!("bellwire: {culprit}: {reason}");
        assert!(
            shown.lines().any(|line| line.starts_with(&start)),
            "{start}\n{shown}"
        );
        assert_eq!(shown.matches("bellwire: ").count(), 1, "{shown}");
        assert_eq!(output.status.code(), Some(code));
    }
}

/// Runs a server that should fail. If it serves instead, its announcement fails because standard
/// output is closed.
fn refused(arguments: &[&str]) -> Output {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    bellwire(arguments).stdout(writer).output().unwrap()
}

#[test]
fn unusable_certificate_and_key_files_are_clear_errors() {
    let folder = files("cli-tls-absent");
    fs::write(folder.file("empty"), "\n").unwrap();
    fs::write(folder.file("text"), "Hello\n").unwrap();
    fs::create_dir(folder.file("folder")).unwrap();
    let chain = fs::read_to_string(folder.file("server.pem")).unwrap();
    let key = fs::read_to_string(folder.file("server.key")).unwrap();
    fs::write(folder.file("cut.pem"), &chain[..chain.len() / 2]).unwrap();
    fs::write(folder.file("cut.key"), &key[..key.len() / 2]).unwrap();
    fs::write(folder.file("bad.pem"), chain.replacen("MII", "M!!", 1)).unwrap();
    fs::write(folder.file("bad.key"), key.replacen("\nM", "\n!", 1)).unwrap();
    for (file, of_cert, of_key) in [
        (
            "missing",
            "No such file or directory",
            "No such file or directory",
        ),
        ("folder", "Is a directory", "Is a directory"),
        ("empty", "it is empty", "it is empty"),
        (
            "text",
            "it holds no certificate in PEM\n",
            "it holds no private key in PEM\n",
        ),
        ("server.key", "it holds no certificate in PEM\n", ""),
        ("server.pem", "", "it holds no private key in PEM\n"),
        ("cut.pem", "it is truncated: a section has no END line", ""),
        ("cut.key", "", "it is truncated: a section has no END line"),
        ("bad.pem", "the base64 of its certificate is malformed", ""),
        ("bad.key", "", "the base64 of its private key is malformed"),
    ] {
        if !of_cert.is_empty() {
            are_refused(&folder, file, "server.key", file, of_cert.trim_end());
        }
        if !of_key.is_empty() {
            are_refused(&folder, "server.pem", file, file, of_key.trim_end());
        }
    }
}

#[test]
fn unusable_authority_files_are_clear_errors() {
    let folder = files("cli-tls-authority");
    fs::write(folder.file("empty"), "").unwrap();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(folder.file("garbage"), garbage).unwrap();
    let [cert, key] = ["server.pem", "server.key"].map(|name| folder.file(name));
    for (file, reason) in [
        ("missing", "No such file or directory"),
        ("empty", "it is empty"),
        ("server.key", "it holds no certificate in PEM"),
        ("garbage", "a certificate is malformed"),
    ] {
        let ca = folder.file(file);
        let listen = ["serve", "--listen", "localhost:0", "--client-ca", &ca];
        let serve = refused(&[&listen[..], &["--tls-cert", &cert, "--tls-key", &key]].concat());
        let connect = run(&["connect", "127.0.0.1:1", "--tls", "--ca", &ca]);
        for (output, code) in [(serve, 1), (connect, 2)] {
            let shown = text(&output.stderr);
            assert!(
                shown.starts_with(&format!("bellwire: {ca}: {reason}")),
                "{shown}"
            );
            assert_eq!(output.status.code(), Some(code));
        }
    }
    are_refused(
        &folder,
        "garbage",
        "server.key",
        "garbage",
        "its certificate is malformed",
    );
}

#[test]
fn a_key_of_another_certificate_is_a_clear_error() {
    let folder = files("cli-tls-mismatch");
    write(&folder, "other", &Authority::new().sign(&[HOST]));
    let reason = "the private key does not belong to the certificate";
    are_refused(&folder, "server.pem", "other.key", "other.key", reason);
}

/// Cause: the certificate was accepted, and each client got an error of the TLS library.
#[test]
fn an_authoritys_certificate_cannot_identify_a_server_or_client() {
    let folder = files("cli-tls-leaf");
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "Lower authority");
    write(&folder, "lower", &Authority::new().sign_as(&params));
    let reason = "its first certificate is an authority's; it must be this end's own";
    are_refused(&folder, "lower.pem", "lower.key", "lower.pem", reason);
    are_refused(&folder, "ca.pem", "server.key", "ca.pem", reason);
}

/// Runs openssl in the folder, if it is installed.
fn openssl(folder: &Folder, arguments: &str) -> bool {
    let mut command = Command::new("openssl");
    command.current_dir(folder.file(""));
    let Ok(output) = command.args(arguments.split(' ')).output() else {
        not_tested("files of OpenSSL", "there is no program `openssl`");
        return false;
    };
    assert!(output.status.success(), "{output:?}");
    true
}

/// Cause: the first file's error was "no private key", and the second one's quoted a header character.
#[test]
fn an_encrypted_key_is_a_clear_error() {
    let folder = files("cli-tls-encrypted");
    let secret = "-passout pass:secret";
    let made = openssl(
        &folder,
        &format!("pkey -in server.key -aes256 {secret} -out pkcs8.key"),
    ) && openssl(
        &folder,
        &format!("pkey -in server.key -aes256 {secret} -traditional -out old.key"),
    );
    if !made {
        return;
    }
    for key in ["pkcs8.key", "old.key"] {
        let reason =
            "its private key is encrypted; decrypt it first, for instance with openssl pkey";
        are_refused(&folder, "server.pem", key, key, reason);
    }
}

#[test]
fn a_der_file_is_a_clear_error() {
    let folder = files("cli-tls-der");
    let made = openssl(&folder, "x509 -in server.pem -outform DER -out cert.der")
        && openssl(&folder, "pkey -in server.key -outform DER -out key.der");
    if !made {
        return;
    }
    let reason = "it holds no certificate in PEM; it seems to be DER, which openssl converts";
    are_refused(&folder, "cert.der", "server.key", "cert.der", reason);
    let reason = "it holds no private key in PEM; it seems to be DER, which openssl converts";
    are_refused(&folder, "server.pem", "key.der", "key.der", reason);
}

/// Cause: "invalid peer certificate: Other(OtherError(UnsupportedCertVersion))".
#[test]
fn a_certificate_of_version_1_is_a_clear_error() {
    let folder = files("cli-tls-version");
    if !openssl(&folder, "x509 -in server.pem -outform DER -out cert.der") {
        return;
    }
    let mut der = fs::read(folder.file("cert.der")).unwrap();
    // The version field; 2 stands for version 3.
    let mark = [0xa0, 3, 2, 1, 2];
    let place = der.windows(5).position(|bytes| bytes == mark).unwrap();
    der[place + 4] = 0;
    fs::write(folder.file("cert.der"), der).unwrap();
    // OpenSSL reads such a certificate, and writes it unchanged.
    openssl(&folder, "x509 -inform DER -in cert.der -out old.pem");
    let reason = "its certificate is not of version 3, which TLS requires";
    are_refused(&folder, "old.pem", "server.key", "old.pem", reason);
}

#[test]
fn expired_and_future_certificates_are_named_at_the_handshake() {
    for (from, until, client) in [
        (2000, 2001, "has expired"),
        (3000, 3001, "is not valid yet"),
    ] {
        let authority = Authority::new();
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let folder = Folder::new("cli-tls-time", &authority, &[]);
        write(&folder, "server", &authority.sign_as(&params));
        let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| folder.file(name));
        let tls = ["--tls-cert", &cert, "--tls-key", &key];
        let server = Server::spawn(bellwire(&["serve", "--listen", "localhost:0"]).args(tls));
        let output = run(&["connect", &server.address, "--tls", "--ca", &ca]);
        let error =
            format!("bellwire: the TLS handshake failed: the peer's certificate {client}\n");
        assert_eq!(text(&output.stderr), error);
        // A stop before the client's alert arrives would end the handshake without a word.
        server.wait_for_log("the peer rejected this end's certificate as expired or not valid yet");
    }
}
