//! Measures the delivery of topics: `topics bellwire|redis ADDRESS PID SUBSCRIBERS VALUES WINDOW`, with the server's
//! process ID, or `topics serve ADDRESS` for Bellwire's server.
//!
//! One connection publishes values of 64 bytes, and all subscribers read them. At most WINDOW values are under way.
//! It prints the server's CPU time for a delivery, and deliveries a second. It needs Linux.

use bellwire::{Command, Line, Topic};
use bellwire_std::Endpoint;
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const NEWS: Topic<Line> = Topic::new("NEWS");
/// Publishes its line on [`NEWS`].
const PUBLISH: Command<Line, Line> = Command::new("PUBLISH");

/// The bytes of a value.
const VALUE: usize = 64;

/// Serves [`PUBLISH`] on one thread.
fn serve(address: &str) -> Outcome<()> {
    let endpoint = Endpoint::new();
    let news = endpoint.topic(NEWS)?;
    endpoint.handle(PUBLISH, move |(), text, reply| match news.publish(text) {
        Ok(_) => reply.send("published"),
        Err(_) => reply.refuse("too long"),
    })?;
    let server = bellwire_std::tokio::Server::bind(address, endpoint)?;
    println!("listening on {}", server.local_addr());
    Ok(server.run_on_threads(1)?)
}

/// The messages of one protocol.
struct Dialect {
    subscribe: &'static str,
    /// The length of the reply to `subscribe`.
    subscribed: usize,
    publish: String,
    /// The length of the reply to `publish`.
    published: usize,
    /// The length of a delivered message.
    message: usize,
}

impl Dialect {
    fn bellwire() -> Self {
        Self {
            subscribe: "SUBSCRIBE\nNEWS\n",
            subscribed: "OK\n".len(),
            publish: format!("PUBLISH\n{}\n", "x".repeat(VALUE)),
            published: "published\n".len(),
            message: ">NEWS\n\n".len() + VALUE,
        }
    }

    fn redis(subscribers: usize) -> Self {
        Self {
            subscribe: "SUBSCRIBE NEWS\r\n",
            subscribed: "*3\r\n$9\r\nsubscribe\r\n$4\r\nNEWS\r\n:1\r\n".len(),
            publish: format!("PUBLISH NEWS {}\r\n", "x".repeat(VALUE)),
            published: format!(":{subscribers}\r\n").len(),
            message: "*3\r\n$7\r\nmessage\r\n$4\r\nNEWS\r\n$64\r\n\r\n".len() + VALUE,
        }
    }
}

/// Returns the processor time of a process, in steps of 10 ms.
fn processor_time(pid: &str) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let times = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks = times.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(Duration::from_millis(10) * ticks)
}

/// Reads messages to the end, and tells how many have arrived.
async fn read(mut stream: TcpStream, message: usize, arrived: watch::Sender<usize>) {
    let mut bytes = 0;
    let mut piece = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut piece).await {
        bytes += n;
        arrived.send_replace(bytes / message);
    }
}

async fn measure(arguments: &[String]) -> Outcome<()> {
    let [dialect, address, pid, subscribers, values, window] = arguments else {
        return Err("usage: topics bellwire|redis ADDRESS PID SUBSCRIBERS VALUES WINDOW".into());
    };
    let (subscribers, values, window): (usize, usize, usize) =
        (subscribers.parse()?, values.parse()?, window.parse()?);
    let dialect = match dialect.as_str() {
        "redis" => Dialect::redis(subscribers),
        _ => Dialect::bellwire(),
    };
    let mut arrivals = Vec::new();
    for _ in 0..subscribers {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(dialect.subscribe.as_bytes()).await?;
        let mut reply = vec![0; dialect.subscribed];
        stream.read_exact(&mut reply).await?;
        let (sender, arrived) = watch::channel(0);
        tokio::spawn(read(stream, dialect.message, sender));
        arrivals.push(arrived);
    }
    let mut source = TcpStream::connect(address).await?;
    let mut reply = vec![0; dialect.published * window];
    let (begin, before) = (Instant::now(), processor_time(pid)?);
    let mut sent = 0;
    while sent < values {
        source
            .write_all(dialect.publish.repeat(window).as_bytes())
            .await?;
        source.read_exact(&mut reply).await?;
        sent += window;
        for arrived in &mut arrivals {
            arrived.wait_for(|count| *count >= sent).await?;
        }
    }
    let time = begin.elapsed();
    let cpu = processor_time(pid)?.saturating_sub(before);
    let deliveries = sent * subscribers;
    println!(
        "{} ns of CPU a delivery, {} deliveries a second",
        cpu.as_nanos() / deliveries as u128,
        deliveries as u128 * 1_000_000 / time.as_micros().max(1),
    );
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [serving, address] = &arguments[..]
        && serving == "serve"
    {
        return serve(address);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(&arguments))
}
