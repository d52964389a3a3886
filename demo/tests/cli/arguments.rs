//! The demo's command line: bounds of numbers, and forms of addresses.

use crate::process::{Server, bellwire, run, text};
use std::process::Command;

/// Cause: unchecked numbers overflowed arithmetic or requested all memory.
#[test]
fn a_number_beyond_its_bounds_is_an_error() {
    let most = "18446744073709551615";
    for (option, numbers) in [
        (
            "--connections",
            &["0", "-1", "1000001", most, "1e3", ""][..],
        ),
        (
            "--pipeline",
            &["-1", "1000001", most, "18446744073709551616"],
        ),
        (
            "--duration",
            &["-1", "1e19", "1000001", "inf", "NaN", "x", ""],
        ),
        ("--timeout", &["0", "1e-4", "-1", "1e19", "inf", "NaN"]),
        ("--hold", &["-1", "1e19", "inf", "NaN"]),
        ("--threads", &["0", "257", most]),
        ("--server-pid", &["-1", most]),
    ] {
        for number in numbers {
            is_refused("bench", &["localhost"], option, number);
        }
    }
    for (option, numbers) in [
        ("--max-connections", &["0", "-1", most][..]),
        ("--max-connections-per-address", &["0", "-1", most]),
        ("--max-bytes-in-flight", &["-1", most]),
        ("--workers", &["0", "-1", "257", "100000", most]),
    ] {
        for number in numbers {
            is_refused("serve", &[], option, number);
        }
    }
}

#[track_caller]
fn is_refused(command: &str, arguments: &[&str], option: &str, number: &str) {
    let output = run(&[&[command], arguments, &[&format!("{option}={number}")]].concat());
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{option}={number}: {error}");
    let start = format!("error: invalid value '{number}' for '{option} <");
    let absent = format!("error: a value is required for '{option} <");
    assert!(
        error.starts_with(&start) || error.starts_with(&absent),
        "{error}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn numbers_at_their_bounds_are_accepted() {
    let server = Server::start("127.0.0.1:0");
    for numbers in [
        &["-c1", "-d0", "--timeout=0.5", "--threads=256"][..],
        &["-c1", "-d0", "--timeout=1000000", "--hold=0"],
        &["-c1", "-d1000000", "-p0"],
        &["-c300", "-d0", "--threads=256"],
    ] {
        let output = run(&[&["bench", &server.address], numbers].concat());
        assert!(output.status.success(), "{numbers:?}: {output:?}");
    }
    for numbers in [
        &["--max-connections=1073741824", "--workers=256"][..],
        &["--max-bytes-in-flight=1099511627776", "--workers=1"],
        &["--max-connections-per-address=1073741824"],
    ] {
        let server = Server::spawn(bellwire(&["serve", "--listen", "127.0.0.1:0"]).args(numbers));
        let output = run(&["connect", &server.address]);
        assert!(output.status.success(), "{numbers:?}: {output:?}");
    }
}

#[test]
fn a_pipeline_that_needs_too_much_memory_is_an_error() {
    let load = [
        "--request",
        r"STRING\nHello, this is a longer text than usual, over 64\n",
        "--reply",
        "a",
    ];
    let output = run(&[&["bench", "127.0.0.1:1", "-p1000000", "-c1"], &load[..2]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let long = format!(r"STRING\n{}\n", "x".repeat(100));
    let load = ["--request", &long, "--reply", "a"];
    let output = run(&[&["bench", "127.0.0.1:1", "-p1000000", "-c1"], &load[..]].concat());
    let error = "bellwire: the requests in flight exceed 64 MiB per connection\n";
    assert_eq!(text(&output.stderr), error);
}

/// Cause: with more threads than the system allowed, the server announced itself and then panicked.
#[test]
#[cfg(target_os = "linux")]
fn too_many_workers_for_the_file_limit_are_an_error_before_the_announcement() {
    let script = r#"ulimit -n 64; exec "$0" serve --listen 127.0.0.1:0 --workers 100"#;
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_bellwire")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(&output.stderr),
        "bellwire: 100 workers need 316 open files, but the limit is 64\n"
    );
}

/// Cause: the server panicked.
#[test]
#[cfg(target_os = "linux")]
fn a_failure_to_start_threads_is_a_clear_error() {
    // A few stacks of 64 MiB use up the address space. The rest is enough for everything else, so only a stack
    // can fail.
    let script = r#"ulimit -v 400000; exec "$0" -q serve --listen 127.0.0.1:0 --workers 256"#;
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_bellwire")])
        .env("RUST_MIN_STACK", (64 << 20).to_string())
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = text(&output.stderr);
    assert!(
        error.starts_with("bellwire: cannot start a thread: "),
        "{error}"
    );
}

#[test]
fn every_command_accepts_every_form_of_an_address() {
    let folder = std::env::temp_dir().join(format!("bellwire-forms-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let unix = format!("unix:{}", folder.join("bell").display());
    for listen in [":0", "localhost:0", "127.0.0.1:0", "[::1]:0", &unix] {
        let server = Server::start(listen);
        let forms = match listen {
            _ if listen == unix => vec![unix.clone()],
            ":0" => ["", "localhost", "127.0.0.1", "[::1]"]
                .map(|host| format!("{host}:{}", server.port()))
                .into(),
            _ => vec![server.address.clone()],
        };
        for address in forms {
            let output = run(&["connect", &address]);
            assert!(output.status.success(), "{listen}, {address}: {output:?}");
            let output = run(&["bench", &address, "-c1", "-d0"]);
            assert!(output.status.success(), "{listen}, {address}: {output:?}");
            let shown = text(&output.stdout);
            assert!(shown.starts_with(&format!("{address}: ")), "{shown}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    for address in ["", "unix:", ":"] {
        for command in [
            &["connect", address][..],
            &["bench", address, "-d0"],
            &["serve", "--listen", address],
        ] {
            let output = run(command);
            assert!(!output.status.success(), "{command:?}");
            assert!(!text(&output.stderr).contains("panicked"), "{output:?}");
        }
    }
}
