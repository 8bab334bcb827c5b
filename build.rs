//! Which files of `rules/` the program carries, and how it is linked: at a fixed place, where that is understood.
//!
//! A program that can be loaded anywhere is put right in thirty thousand places at each start, half a millisecond of the two
//! that a build with nothing to do takes.

#![expect(clippy::disallowed_methods, reason = "cargo tells by variables what it builds, and the files are its own")]

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(name).unwrap_or_default();
    let is_known = target("CARGO_CFG_TARGET_OS") == "linux" && target("CARGO_CFG_TARGET_ENV") == "gnu";
    if is_known && target("PROFILE") == "release" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
    println!("cargo:rerun-if-changed=rules");
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let made = std::env::var_os("OUT_DIR").expect("cargo sets it");
    let text = shipped(&Path::new(&folder).join("rules"));
    std::fs::write(Path::new(&made).join("shipped.rs"), text).expect("cargo's folder can be written to");
}

/// Two lists of names and texts: files that are always read, and those whose rules are `optional`.
fn shipped(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("rules/ can be listed");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("rules/ can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "kdl"));
    paths.sort();
    let (mut always, mut library) = (String::new(), String::new());
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a rule is UTF-8");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a rule's name is UTF-8");
        let list = if text.lines().any(|line| line.trim() == "optional") { &mut library } else { &mut always };
        writeln!(list, "    (\"<built-in>/rules/{name}\", include_str!({path:?})),").expect("a text takes text");
    }
    format!(
        "/// Name and text of each file that is always read.\npub const FILES: &[(&str, &str)] = &[\n{always}];\n\n\
         /// Name and text of each file of optional rules.\npub const LIBRARY: &[(&str, &str)] = &[\n{library}];\n"
    )
}
