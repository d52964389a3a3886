//! The compared servers.

use super::Arguments;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The bare event loop.
    Bare,
    /// `bellwire serve --workers 1`: one thread, like the bare loop and Redis.
    Task,
    /// `bellwire serve`: one thread for each core.
    Tasks,
    /// `bellwire serve --threads`.
    Threads,
    /// Redis.
    Redis,
    /// The Go server in `go/`.
    Go,
}

impl Kind {
    /// Returns whether the server supports GOB.
    pub(crate) fn knows_gob(self) -> bool {
        !matches!(self, Self::Bare | Self::Redis)
    }

    pub(crate) const ALL: [Self; 6] = [
        Self::Bare,
        Self::Task,
        Self::Tasks,
        Self::Threads,
        Self::Redis,
        Self::Go,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare event loop",
            Self::Task => "bellwire serve --workers 1",
            Self::Tasks => "bellwire serve",
            Self::Threads => "bellwire serve --threads",
            Self::Redis => "Redis",
            Self::Go => "Go",
        }
    }

    /// Returns the options that tell `bellwire bench` which request to send.
    pub(crate) fn dialect(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &[r"--request=PING\r\n", r"--reply=+PONG\r\n"],
            _ => &["--command=string"],
        }
    }
}

/// A running server. Dropping it kills the process.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: String,
    child: Child,
}

impl Server {
    pub(crate) fn start(kind: Kind, arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let listen = "127.0.0.1:0";
        let serve = ["serve", "--quiet", "--max-connections=20000", "--listen"];
        let mut command = match kind {
            Kind::Redis => return Self::start_redis(),
            Kind::Bare => Command::new(&arguments.bare),
            Kind::Go => Command::new(&arguments.go),
            Kind::Task | Kind::Tasks | Kind::Threads => Command::new(&arguments.bellwire),
        };
        match kind {
            Kind::Task => command.args(serve).args([listen, "--workers=1"]),
            Kind::Tasks => command.args(serve).arg(listen),
            Kind::Threads => command.args(serve).args([listen, "--threads"]),
            _ => command.arg(listen),
        };
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = &mut child.stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim_end().strip_prefix("listening on ");
        Ok(Self {
            kind,
            address: address.ok_or("the server does not listen")?.to_owned(),
            child,
        })
    }

    /// Starts Redis on a free port and waits until it listens. Redis accepts no port 0 and does not print
    /// when it is ready.
    fn start_redis() -> Result<Self, Box<dyn Error>> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--maxclients", "20000"])
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self {
            kind: Kind::Redis,
            address: address.to_string(),
            child,
        };
        for _ in 0..100 {
            thread::sleep(Duration::from_millis(50));
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
        }
        Err("Redis does not listen".into())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the server has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
