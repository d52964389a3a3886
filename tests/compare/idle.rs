//! Measures the memory of idle clients: `idle ADDRESS blocking|async COUNT`. It needs Linux.
//!
//! Each client makes one call and keeps its connection. The figure is the growth of resident memory for each
//! client, without the kernel's part.

use bellwire_std::Client;
use bellwire_std::tokio::Client as AsyncClient;
use commands::{STRING, TEXT};
use std::error::Error;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Returns the resident memory of this process, without mapped files, in bytes.
fn resident() -> Outcome<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(size.ok_or("no RssAnon in the status")?.parse::<usize>()? * 1024)
}

fn blocking(address: &str) -> Outcome<Client> {
    let mut client = Client::connect(address, Duration::from_secs(10))?;
    client.call(STRING, TEXT)?;
    Ok(client)
}

async fn shared(address: &str) -> Outcome<AsyncClient> {
    let client = AsyncClient::connect(address).await?;
    client.call(STRING, TEXT).await?;
    Ok(client)
}

fn main() -> Outcome<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, kind, count] = &arguments[..] else {
        return Err("usage: idle ADDRESS blocking|async COUNT".into());
    };
    let count: usize = count.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut own, mut handles) = (Vec::new(), Vec::new());
    // The first client pays for the code and the tables that all share.
    let mut before = 0;
    for client in 0..=count {
        if client == 1 {
            before = resident()?;
        }
        match kind.as_str() {
            "blocking" => own.push(blocking(address)?),
            "async" => handles.push(runtime.block_on(shared(address))?),
            _ => return Err("the kind is neither blocking nor async".into()),
        }
    }
    let growth = resident()?.saturating_sub(before) / count.max(1);
    println!("{kind}: {growth} bytes for each of {count} idle clients");
    Ok(())
}
