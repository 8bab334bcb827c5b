//! What is made from the program stands in the repository as it would be made now.
//!
//! `PL_UPDATE=1 cargo test --test generated` writes the files anew.

#![expect(clippy::disallowed_methods, reason = "reads and renews the files that it is about")]

use std::path::{Path, PathBuf};

/// Everything that is made: path below the repository's root, and what it holds.
fn generated() -> Vec<(PathBuf, String)> {
    let schemas = pl::report::schema::schemas().into_iter().map(|(name, text)| (Path::new("schema").join(name), text));
    schemas.chain([(PathBuf::from("docs/cli.md"), pl::cli::help::reference())]).collect()
}

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("PL_UPDATE").is_some_and(|value| value == "1");
    let mut stale = Vec::new();
    for (path, text) in generated() {
        let file = root.join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|written| written == text) {
            continue;
        }
        if update {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(&file, text).expect("written");
        } else {
            stale.push(path.display().to_string());
        }
    }
    assert!(stale.is_empty(), "stale: {}; renew with: PL_UPDATE=1 cargo test --test generated", stale.join(" "));
}
