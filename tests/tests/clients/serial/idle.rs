//! The processor time of idle ports.

use super::{Bench, connect, read};
use bellwire_tests::process::passes_alone;
use std::fs::{read_dir, read_to_string};
use std::thread;
use std::time::Duration;
use thermostat::{LOG, Thermostat};

/// Returns the nanoseconds that the threads of all ports have run.
fn busy() -> u64 {
    let tasks = read_dir("/proc/self/task").unwrap();
    let nanoseconds = tasks.map(|task| {
        let task = task.unwrap().path();
        // A thread may end meanwhile.
        let name = read_to_string(task.join("comm")).unwrap_or_default();
        if name.trim_end() != "bellwire-serial" {
            return 0;
        }
        let times = read_to_string(task.join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse().unwrap()
    });
    nanoseconds.sum()
}

fn assert_idle(state: &str) {
    let before = busy();
    thread::sleep(Duration::from_millis(500));
    let busy = Duration::from_nanos(busy() - before);
    assert!(busy < Duration::from_millis(25), "{state}: {busy:?}");
}

#[test]
fn a_port_without_traffic_needs_no_processor() {
    passes_alone("serial::idle::measures");
}

#[test]
#[ignore = "runs in a process of its own, because other tests use ports meanwhile"]
fn measures() {
    for mode in ["", "?plain"] {
        let mut bench = Bench::quiet("idle");
        let mut client = connect(&(bench.address() + mode));
        read(&mut client, &mut Thermostat::new());
        assert!(busy() > 0);
        assert_idle("no requests");
        bench.device.stop();
        // More than a link keeps.
        for _ in 0..200 {
            client.send(LOG, &"x".repeat(32)).unwrap();
        }
        assert_idle("a silent device");
    }
}
