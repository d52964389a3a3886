//! Tests of the running program in processes of their own. They are ignored otherwise.

use std::env;
use std::process::Command;

/// Returns the command that runs the ignored test `name` of this program.
pub fn of_test(name: &str) -> Command {
    let mut process = Command::new(env::current_exe().unwrap());
    process.args([name, "--exact", "--ignored", "--nocapture"]);
    process
}

/// Runs the ignored test `name` of this program alone, because other tests would disturb its measurement.
///
/// # Panics
/// If it does not pass.
pub fn passes_alone(name: &str) {
    let measured = of_test(name).output().unwrap();
    let shown = String::from_utf8_lossy(&measured.stdout);
    assert!(measured.status.success(), "{measured:?}");
    assert!(shown.contains("test result: ok. 1 passed"), "{shown}");
}
