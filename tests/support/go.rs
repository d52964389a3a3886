//! The program in `go/`, for the tests that need a peer in Go.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::OnceLock;

/// The Go program, built once into this directory; `None` where there is no Go.
pub fn program(directory: &str) -> Option<&'static PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let go = std::env::var("GO").unwrap_or_else(|_| "go".into());
        let program = Path::new(directory).join("gob_go");
        let built = process::Command::new(go)
            .args(["build", "-o"])
            .arg(&program)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/go"))
            .status();
        match built {
            Ok(status) => {
                assert!(status.success(), "the Go program does not build");
                Some(program)
            }
            Err(_) => None,
        }
    });
    if program.is_none() {
        eprintln!("NOT TESTED against Go: there is no program `go`; set GO to one");
    }
    program.as_ref()
}
