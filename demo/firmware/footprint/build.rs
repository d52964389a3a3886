//! Selects the linker script. The firmware's build script provides the memory map.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
