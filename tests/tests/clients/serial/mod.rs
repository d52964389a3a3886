//! The clients over serial ports: two pseudo-terminals, and a process between them that damages bytes.

mod cut;
mod ends;
#[cfg(target_os = "linux")]
mod idle;

use bellwire_std::tokio::Client as AsyncClient;
use bellwire_std::{CallError, Cause, Client, ClientBuilder, Network};
use bellwire_tests::device::Device;
use bellwire_tests::noise::{self, Noise};
use bellwire_tests::pty::Port;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};
use thermostat::{READ, Thermostat};
use tokio::runtime::Builder;

/// The stated bound of a link at 115 200 baud.
const DEAD: Duration = Duration::from_secs(8);

/// The line between a port and its device.
#[test]
#[ignore = "a port runs it in a process of its own"]
fn line() {
    noise::line();
}

/// A device that is plugged into a port.
struct Bench {
    port: Port,
    device: Device,
    noise: Noise,
}

impl Bench {
    fn new(name: &str, noise: Noise) -> Self {
        let mut bench = Self {
            port: Port::new(name),
            device: Device::start(1),
            noise,
        };
        bench.plug();
        bench
    }

    fn quiet(name: &str) -> Self {
        Self::new(name, Noise::NONE)
    }

    fn plug(&mut self) {
        self.port.plug(self.device.cable(), self.noise);
    }

    fn address(&self) -> String {
        format!("serial:{}", self.port.path().display())
    }

    fn connect(&self) -> Client {
        connect(&self.address())
    }
}

fn builder() -> ClientBuilder {
    Client::builder().network(Network::Serial)
}

fn connect(address: &str) -> Client {
    builder().connect(address).unwrap()
}

/// Reads the temperature and compares it with a thermostat that has got the same calls.
fn read(client: &mut Client, twin: &mut Thermostat) {
    assert_eq!(client.call(READ, ()).unwrap(), twin.read());
}

#[test]
fn calls_over_a_line_that_flips_bits_are_all_answered_right() {
    let bench = Bench::new("flips", Noise::flips(1000));
    let (mut client, mut twin) = (bench.connect(), Thermostat::new());
    for _ in 0..300 {
        read(&mut client, &mut twin);
    }
    let damaged = bench.port.damaged();
    assert!(damaged > 10, "{damaged} flips");
    client.finish().unwrap();
}

#[test]
fn a_pulled_plug_is_an_error_at_once_and_calls_go_on_after_it_is_back() {
    let mut bench = Bench::quiet("pulled");
    let (mut client, mut twin) = (bench.connect(), Thermostat::new());
    read(&mut client, &mut twin);

    let begin = Instant::now();
    bench.port.pull();
    let error = client.call(READ, ()).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(!matches!(error, CallError::Remote(_)), "{error}");
    let error = client.call(READ, ()).unwrap_err();
    let what = format!(
        "request not sent: cannot connect to {}: No such file or directory (os error 2)",
        bench.address()
    );
    assert_eq!(error.to_string(), what);

    bench.plug();
    read(&mut client, &mut twin);
}

#[test]
fn a_device_that_falls_silent_is_an_error_within_the_bound() {
    const ERROR: &str = "request sent, reply lost: peer does not answer";
    let asynchronous = thread::spawn(|| {
        let mut bench = Bench::quiet("silent-async");
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let builder = AsyncClient::builder()
                .network(Network::Serial)
                .timeout(None);
            let client = builder.connect(&bench.address()).await.unwrap();
            client.call(READ, ()).await.unwrap();
            bench.device.stop();
            let error = client.call(READ, ()).await.unwrap_err();
            assert_eq!(error.to_string(), ERROR);
        });
    });
    let mut bench = Bench::quiet("silent");
    let mut client = builder().timeout(None).connect(&bench.address()).unwrap();
    let mut twin = Thermostat::new();
    read(&mut client, &mut twin);
    bench.device.stop();
    let begin = Instant::now();
    let error = client.call(READ, ()).unwrap_err();
    assert!(begin.elapsed() < DEAD);
    assert_eq!(error.to_string(), ERROR);
    bench.device.restart(2);
    read(&mut client, &mut Thermostat::new());
    asynchronous.join().unwrap();
}

#[test]
fn a_device_that_restarts_begins_a_new_conversation() {
    let mut bench = Bench::quiet("restarts");
    let (mut client, mut twin) = (bench.connect(), Thermostat::new());
    for boots in 2..5 {
        read(&mut client, &mut twin);
        bench.device.restart(boots);
        bench.device.say(b"boot 1.2\r\nOK\n");
        let mut again = Thermostat::new();
        let error = match client.call(READ, ()) {
            // The restart was noticed before the call.
            Ok(reply) => {
                assert_eq!(reply, again.read());
                twin = again;
                continue;
            }
            Err(error) => error,
        };
        let reset = matches!(&error, CallError::MayHaveRun(Cause::Transport(error))
            if error.kind() == ErrorKind::ConnectionReset);
        assert!(reset, "{error:?}");
        twin = again;
    }
}

#[test]
fn a_banner_is_never_taken_for_a_reply() {
    for mode in ["", "?plain"] {
        let mut bench = Bench::quiet("banner");
        bench.device.say(b"boot 1.2\r\nOK\n\x00\x01garbage");
        let mut client = connect(&(bench.address() + mode));
        read(&mut client, &mut Thermostat::new());
    }
}

#[test]
fn plain_text_begins_after_a_banner_that_pauses_has_ended() {
    let mut bench = Bench::quiet("pauses");
    let address = bench.address() + "?plain";
    let device = &mut bench.device;
    thread::scope(|scope| {
        device.say(b"boot 1.2\r\n");
        scope.spawn(move || {
            for _ in 0..25 {
                thread::sleep(Duration::from_millis(20));
                device.say(b"OK\n");
            }
        });
        read(&mut connect(&address), &mut Thermostat::new());
    });
}

#[test]
fn a_person_in_plain_text_and_a_program_by_link_share_a_port() {
    let bench = Bench::quiet("auto");
    let mut twin = Thermostat::new();
    for mode in ["?plain", "", "?plain&baud=9600", "?baud=1000000"] {
        let mut client = connect(&(bench.address() + mode));
        for _ in 0..3 {
            read(&mut client, &mut twin);
        }
    }
}

#[test]
fn a_port_is_for_one_client_at_a_time() {
    let bench = Bench::quiet("taken");
    let first = bench.connect();
    let error = builder().connect(&bench.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    let what = format!(
        "cannot connect to {}: another program uses the port",
        bench.address()
    );
    assert_eq!(error.to_string(), what);
    drop(first);
    read(&mut bench.connect(), &mut Thermostat::new());
}

#[test]
fn a_port_that_cannot_be_opened_is_an_error() {
    for (address, what) in [
        ("/no/port", "No such file or directory (os error 2)"),
        ("/dev/null", "Inappropriate ioctl for device (os error 25)"),
        (
            "/no/port?baud=0",
            r#"invalid baud rate "0"; expected a number from 1"#,
        ),
    ] {
        let error = builder().connect(address).unwrap_err();
        let what = format!("cannot connect to {address}: {what}");
        assert_eq!(error.to_string(), what);
    }
}

#[test]
fn connecting_to_a_line_without_a_device_ends_at_the_time_limit() {
    let mut bench = Bench::quiet("nobody");
    bench.device.stop();
    let limit = Duration::from_millis(300);
    let begin = Instant::now();
    let error = builder()
        .connect_timeout(limit)
        .connect(&bench.address())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= limit && begin.elapsed() < 10 * limit);
}

#[test]
fn tasks_share_a_port_and_go_on_after_the_plug_is_back() {
    let mut bench = Bench::new("tasks", Noise::all(1000));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = AsyncClient::builder().network(Network::Serial);
        let client = client.connect(&bench.address()).await.unwrap();
        let mut twin = Thermostat::new();
        for _ in 0..50 {
            let (one, two) = tokio::join!(client.call(READ, ()), client.call(READ, ()));
            assert_eq!((one.unwrap(), two.unwrap()), (twin.read(), twin.read()));
        }
        bench.port.pull();
        let (lost, ()) = tokio::join!(client.call(READ, ()), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            bench.plug();
        });
        match lost {
            Ok(reply) => assert_eq!(reply, twin.read()),
            Err(error) => assert!(matches!(error, CallError::MayHaveRun(_)), "{error}"),
        }
        assert_eq!(client.call(READ, ()).await.unwrap(), twin.read());
        client.finish().await.unwrap();
    });
}
