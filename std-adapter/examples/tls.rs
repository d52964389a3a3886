//! A server and a client over TLS: `cargo run -p bellwire-std --features tls --example tls`

use bellwire::{Command, Line};
use bellwire_std::tls::{Acceptor, Connector, Identity, RootCerts};
use bellwire_std::{Client, Endpoint, Server};
use rcgen::generate_simple_self_signed;
use std::error::Error;
use std::thread;

const STRING: Command<Line, Line> = Command::new("STRING");

fn main() -> Result<(), Box<dyn Error>> {
    // A program of your own reads PEM files: `Identity::from_files`, `RootCerts::from_file`.
    let made = generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = made.cert.pem();
    let key = made.signing_key.serialize_pem();
    let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes())?;
    let roots = RootCerts::from_pem(certificate.as_bytes())?;

    let endpoint = Endpoint::new();
    endpoint.handle(STRING, |(), _text, reply| reply.send("Thank you."))?;
    let mut server = Server::bind("127.0.0.1:0", endpoint)?;
    // With roots in place of `None`, each client must show a certificate too.
    server.tls = Some(Acceptor::new(identity, None)?);
    let address = server.local_addr().to_string();
    let shutdown = server.shutdown_handle();
    let serving = thread::spawn(move || server.run());

    let connector = Connector::new(&roots, None)?;
    let connect = |name| {
        let builder = Client::builder().tls(connector.clone(), name);
        builder.connect(&address)
    };
    let mut client = connect("localhost")?;
    println!("{}", client.call(STRING, "a secret")?);
    // The certificate is for another name.
    println!("{}", connect("oven.example").unwrap_err());
    shutdown.stop();
    serving.join().expect("the server does not panic")?;
    Ok(())
}
