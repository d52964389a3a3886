//! A server of the thermostat's commands, or of others, in this process.

use crate::process::{bellwire, fed, text};
use bellwire_std::{Endpoint, Listener, Network, Peer, Server, tls};
use bellwire_tests::certificates::{Authority, Folder, HOST};
use bellwire_tests::running::Kind;
use std::fs;
use std::process::{Output, Stdio};
use std::thread::{self, JoinHandle};
use thermostat::host::{Shared, endpoint};

/// A server in this process, stopped when dropped.
pub(crate) struct Thermo {
    /// The address and the options that reach it.
    pub(crate) target: Vec<String>,
    pub(crate) stop: Option<(bellwire_std::ShutdownHandle, JoinHandle<()>)>,
    /// The files of its certificate, while it runs.
    pub(crate) folder: Option<Folder>,
}

impl Thermo {
    pub(crate) fn start() -> Self {
        Self::serve(endpoint().unwrap())
    }

    pub(crate) fn serve(endpoint: Endpoint<Shared>) -> Self {
        Self::over_tcp(Kind::Threads, endpoint)
    }

    pub(crate) fn over_tcp(kind: Kind, endpoint: Endpoint<Shared>) -> Self {
        let listener = Listener::bind(Network::Tcp, "127.0.0.1:0").unwrap();
        Self::run(kind, listener, None, endpoint)
    }

    pub(crate) fn over_unix(kind: Kind, test: &str, endpoint: Endpoint<Shared>) -> Self {
        let name = format!("bellwire-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = Listener::bind(Network::Unix, path.to_str().unwrap()).unwrap();
        Self::run(kind, listener, None, endpoint)
    }

    pub(crate) fn over_tls(kind: Kind, test: &str, endpoint: Endpoint<Shared>) -> Self {
        let authority = Authority::new();
        let folder = Folder::new(&format!("cli-{test}-tls"), &authority, &[]);
        let signed = authority.sign(&[HOST]);
        fs::write(folder.file("server.pem"), &signed.chain).unwrap();
        fs::write(folder.file("server.key"), &signed.key).unwrap();
        let [chain, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| folder.file(name));
        let identity = tls::Identity::from_files(chain, key).unwrap();
        let acceptor = tls::Acceptor::new(identity, None).unwrap();
        let listener = Listener::bind(Network::Tcp, "localhost:0").unwrap();
        let port = listener.local_addr().tcp().unwrap().port();
        let mut server = Self::run(kind, listener, Some(acceptor), endpoint);
        server.target = [&format!("{HOST}:{port}"), "--tls", "--ca", &ca]
            .map(str::to_owned)
            .to_vec();
        server.folder = Some(folder);
        server
    }

    fn run(
        kind: Kind,
        listener: Listener,
        acceptor: Option<tls::Acceptor>,
        endpoint: Endpoint<Shared>,
    ) -> Self {
        let address = listener.local_addr();
        let scheme = if address.tcp().is_some() { "" } else { "unix:" };
        let target = vec![format!("{scheme}{address}")];
        let shared = Shared::default();
        let app = move |_: &Peer| shared.clone();
        let stop = if kind == Kind::Threads {
            let mut server = Server::from_listener(listener, endpoint);
            server.tls = acceptor;
            let handle = server.shutdown_handle();
            (handle, thread::spawn(move || server.run_with(app).unwrap()))
        } else {
            let mut server = bellwire_std::tokio::Server::from_listener(listener, endpoint);
            server.tls = acceptor;
            let handle = server.shutdown_handle();
            let serve = move || server.run_on_threads_with(1, app).unwrap();
            (handle, thread::spawn(serve))
        };
        Self {
            target,
            stop: Some(stop),
            folder: None,
        }
    }

    pub(crate) fn run_bellwire(&self, command: &str, arguments: &[&str]) -> Output {
        let mut run = bellwire(&[command]);
        run.args(&self.target).args(arguments).output().unwrap()
    }

    /// Runs `call`, which must succeed, and returns its output.
    #[track_caller]
    pub(crate) fn call(&self, arguments: &[&str]) -> String {
        let output = self.run_bellwire("call", arguments);
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout).to_owned()
    }

    /// Runs `call`, which must fail with this exit code and line.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], code: i32, line: &str) {
        let output = self.run_bellwire("call", arguments);
        let shown = text(&output.stderr);
        assert_eq!(shown, format!("bellwire: {line}\n"));
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(code), ""),
            "{shown}"
        );
    }

    pub(crate) fn script(&self, lines: &str, arguments: &[&str]) -> Output {
        let mut shell = bellwire(&["shell"]);
        shell
            .args(&self.target)
            .args(arguments)
            .stdout(Stdio::piped());
        fed(&mut shell, lines.as_bytes())
    }
}

impl Drop for Thermo {
    fn drop(&mut self) {
        if let Some((handle, serving)) = self.stop.take() {
            handle.stop();
            let _ = serving.join();
        }
    }
}
