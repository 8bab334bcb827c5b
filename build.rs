//! Which files of `rules/` the program carries, and how it is linked: at a fixed place and with all libraries in it, where that is
//! understood.
//!
//! A program that can be loaded anywhere is put right in thirty thousand places at each start, half a millisecond of the two
//! that a build with nothing to do takes; finding and loading three libraries takes another quarter of one.

#![expect(clippy::disallowed_methods, reason = "cargo tells by variables what it builds, and the files are its own")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Libraries that the compiler names when it links, and the archives that hold the same; the first is but a name for two others.
const LIBRARIES: [(&str, &[&str]); 3] =
    [("libgcc_s.so", &["libgcc_eh.a", "libgcc.a"]), ("libc.so", &["libc.a"]), ("libm.so", &["libm.a"])];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let made = std::env::var_os("OUT_DIR").expect("cargo sets it");
    let target = |name: &str| std::env::var(name).unwrap_or_default();
    let is_known = target("CARGO_CFG_TARGET_OS") == "linux" && target("CARGO_CFG_TARGET_ENV") == "gnu";
    if is_known && target("PROFILE") == "release" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        if target("HOST") == target("TARGET") && can_link_whole() {
            link_whole(Path::new(&made));
        }
    }
    println!("cargo:rerun-if-changed=rules");
    let text = shipped(&Path::new(&folder).join("rules"));
    std::fs::write(Path::new(&made).join("shipped.rs"), text).expect("cargo's folder can be written to");
}

/// Whether the C compiler has all of the archives; some distributions keep them in packages of their own.
fn can_link_whole() -> bool {
    let is_there = |archive: &&str| {
        let asked = Command::new("cc").arg(format!("-print-file-name={archive}")).output();
        asked.is_ok_and(|told| Path::new(String::from_utf8_lossy(&told.stdout).trim()).is_absolute())
    };
    LIBRARIES.iter().flat_map(|(_, archives)| archives.iter()).all(is_there)
}

/// Leads the names of libraries to archives. What libc cannot do without its shared half is to name users and hosts, which nobody
/// asks for. The target feature that is made for this, `crt-static`, can be given by neither a build
/// script nor a profile, and as a flag for everything it forbids macros that are programs.
fn link_whole(made: &Path) {
    for (library, archives) in LIBRARIES {
        let text = format!("GROUP({})\n", archives.join(" "));
        std::fs::write(made.join(library), text).expect("cargo's folder can be written to");
    }
    println!("cargo:rustc-link-arg-bins=-static");
    println!("cargo:rustc-link-arg-bins=-L{}", made.display());
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
