//! How the program is linked: at a fixed place, where that is understood.
//!
//! A program that can be loaded anywhere is put right in thirty thousand places at each start, half a millisecond of the two
//! that a build with nothing to do takes.

#![expect(clippy::disallowed_methods, reason = "cargo tells by variables what it builds")]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(name).unwrap_or_default();
    let is_known = target("CARGO_CFG_TARGET_OS") == "linux" && target("CARGO_CFG_TARGET_ENV") == "gnu";
    if is_known && target("PROFILE") == "release" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
