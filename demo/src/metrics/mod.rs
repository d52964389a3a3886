//! `bellwire serve --metrics`: the server's metrics in Prometheus' text form, over HTTP.

mod http;

use bellwire_std::{Network, resolve};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::error::Error;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::interval;

/// The upper bounds, in seconds, of the buckets that count answers by their time.
const BUCKETS: [f64; 7] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// How often recorded times move to their buckets; until then each takes 8 bytes.
const UPKEEP: Duration = Duration::from_secs(1);

/// Installs the recorder of the `metrics` crate, and shows it at `address` on a thread of its own
/// until the process ends.
///
/// # Errors
/// When it cannot listen on `address`, or there is a recorder already.
pub fn show(address: &str) -> Result<(), Box<dyn Error>> {
    let addresses = resolve(Network::Tcp, address)?;
    let listener =
        TcpListener::bind(&addresses[..]).map_err(|error| format!("{address}: {error}"))?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    if !bound.ip().is_loopback() {
        tracing::warn!("anyone who can reach {bound} may read the metrics");
    }
    let handle = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .install_recorder()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let work = move || {
        runtime.block_on(async {
            tokio::spawn(keep_up(handle.clone()));
            if let Err(error) = http::serve(listener, move || handle.render()).await {
                tracing::error!("metrics are no longer shown: {error}");
            }
        });
    };
    thread::Builder::new().name("metrics".into()).spawn(work)?;
    Ok(())
}

async fn keep_up(handle: PrometheusHandle) {
    let mut interval = interval(UPKEEP);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}
