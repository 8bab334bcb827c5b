//! The folders that a build needs before it begins: `.pl`, the state folder, and that git does not see them.
//!
//! Does not know what lies in them.

use std::path::Path;

use crate::cli::engine::open::Opened;
use crate::cli::exit::Failed;

/// `.pl` with its own `.gitignore`, and the excludes of the repository around the project.
pub fn prepare(opened: &Opened) -> Result<(), Failed> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            Failed::missing(format!("cannot write {path}: {error}"))
                .hint("pl keeps its state in .pl; the project's folder must be writable")
        }
    };
    std::fs::create_dir_all(&opened.folder).map_err(failed(&opened.folder))?;
    let ignore = opened.folder.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "*\n").map_err(failed(&ignore))?;
    }
    std::fs::create_dir_all(&opened.world.state).map_err(failed(&opened.world.state))?;
    exclude(&opened.world.root);
    Ok(())
}

/// Adds `.pl/` and `.worktrees/` to `info/exclude`; a repository that cannot be written stays as it is.
fn exclude(root: &Path) {
    let Ok(around) = crate::git::repository::Repository::open(root) else { return };
    let path = around.common_dir().join("info").join("exclude");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let missing: Vec<&str> =
        [".pl/", ".worktrees/"].into_iter().filter(|entry| !text.lines().any(|line| line == *entry)).collect();
    if missing.is_empty() {
        return;
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let _ = path.parent().map(std::fs::create_dir_all);
    let _ = std::fs::write(&path, format!("{text}{end}{}\n", missing.join("\n")));
}
