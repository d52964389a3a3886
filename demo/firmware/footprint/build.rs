//! The linker script, as for the firmware, whose build script knows the memory.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
