//! The processes of the soak, and the log of the server.

use bellwire_tests::process::of_test;
use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};

/// The variable that holds the server's address in the processes that the soak starts.
pub(super) const ADDRESS: &str = "BELLWIRE_SOAK_ADDRESS";
/// The variable that holds the path of the server's log in the server's process.
pub(super) const LOG: &str = "BELLWIRE_SOAK_LOG";
/// The variable that holds the number of the server's start in the server's process.
pub(super) const START: &str = "BELLWIRE_SOAK_START";

/// Returns the command that runs the test `name` of this program in a process of its own.
pub(super) fn process(name: &str, address: &str) -> Process {
    let mut process = of_test(name);
    process.env(ADDRESS, address);
    process
}

/// The process of the server. Dropping it kills the server.
pub(super) struct Killed(Child);

impl Killed {
    pub(super) fn start(address: &str, log: &Path, start: u64) -> Self {
        let mut process = process("soak::server", address);
        process
            .env(LOG, log)
            .env(START, start.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        Self(process.spawn().unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // The server may have ended itself, which the calls notice.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An empty file, removed when dropped.
pub(super) struct TemporaryFile(pub(super) PathBuf);

impl TemporaryFile {
    pub(super) fn new() -> Self {
        let path = env::temp_dir().join(format!("bellwire-soak-{}", std::process::id()));
        File::create(&path).unwrap();
        Self(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
