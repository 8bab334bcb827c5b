//! `pl lint`: which rules, which paths, and git's hook.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::analysis::names::suggest;
use crate::analysis::pipeline::{Pipeline, Rule, quote};
use crate::cli::engine::Project;
use crate::cli::engine::building::{folder, heard};
use crate::cli::engine::open::{FOLDER, Purpose, git_failed, open};
use crate::cli::exit::{Failed, Kind};
use crate::exec::working_copy::{self, Asked, Beginning, LintError};
use crate::git::repository::Repository;
use crate::project::{carried_rules, find_root};
use crate::store::lint::LintMemory;
use crate::summary::lint::LintSummary;
use crate::system::OsSystem;

/// The line by which a hook of ours is known.
const OURS: &str = "# written by `pl lint --install-hook`";

/// What `pl lint` asks for.
#[derive(Debug)]
pub struct LintRequest {
    /// As typed.
    pub paths: Vec<PathBuf>,
    /// A revision.
    pub since: Option<String>,
    /// Mend.
    pub fix: bool,
    /// Rules by name; without any, those in use.
    pub rules: Vec<String>,
    /// Judge all.
    pub force: bool,
    /// Agree to what is found.
    pub write_baseline: bool,
}

/// Looks rules over the working copy.
pub fn lint(project: &Project, request: LintRequest) -> Result<LintSummary, Failed> {
    let root = root_of(project);
    let folder = root.join(FOLDER);
    // What is known is held against the files while the definitions are read.
    let is_known = LintMemory::is_there(&folder);
    let look = |folder: Option<&Path>| Beginning::look(&root, folder, &project.profile).map_err(|error| failed(&error));
    let (opened, begun) = std::thread::scope(|scope| {
        let begun = is_known.then(|| scope.spawn(|| look(Some(&folder))));
        let opened = open(project, &[], Purpose::Planning);
        if let (Some(_), Ok(opened)) = (&begun, &opened) {
            working_copy::look_up(&opened.world);
        }
        (opened, begun.map(|begun| begun.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
    });
    let opened = opened?;
    let rules = rules(&opened.world.pipeline, &request.rules)?;
    let (paths, named) = paths(&project.directory, &opened.world.root, &request.paths)?;
    let cancel = heard()?;
    // A tree that cannot be written can be looked over all the same.
    let unwritable = if is_known { None } else { folder::prepare(&opened).err() };
    let begun = match begun {
        Some(begun) => begun?,
        None => look(unwritable.is_none().then_some(&folder))?,
    };
    let LintRequest { since, fix, force, write_baseline, .. } = request;
    let asked = Asked { paths, named, since, fix, force, write_baseline };
    let mut summary =
        working_copy::lint(&opened.world, begun, &rules, &asked, &cancel).map_err(|error| failed(&error))?;
    summary.notes.extend(unwritable.map(|why| format!("nothing is remembered: {}", why.message)));
    Ok(summary)
}

fn root_of(project: &Project) -> PathBuf {
    let directory = project.directory.canonicalize().unwrap_or_else(|_| project.directory.clone());
    find_root(&OsSystem, &directory)
}

fn failed(error: &LintError) -> Failed {
    match error {
        LintError::Interrupted => Failed::new(Kind::Interrupted, ""),
        LintError::Revision { .. } => {
            Failed::usage(error.to_string()).hint("`git rev-parse REV` says what a name stands for")
        }
        _ => Failed::missing(error.to_string()),
    }
}

/// The rules that workstreams are looked over with, or those that are named.
fn rules(pipeline: &Pipeline, names: &[String]) -> Result<Vec<Rule>, Failed> {
    if names.is_empty() {
        return Ok(pipeline.rules.iter().filter(|rule| rule.looked_over).cloned().collect());
    }
    // What pl brings along is read only where somebody asks for a rule that the project does not use.
    let is_there = |name: &String| pipeline.rules.iter().any(|rule| rule.name.as_str() == name);
    let carried = if names.iter().all(is_there) { Vec::new() } else { carried_rules() };
    let all: Vec<&Rule> = pipeline.rules.iter().chain(&carried).collect();
    let find = |name: &String| {
        all.iter().find(|rule| rule.name.as_str() == name).map(|rule| (*rule).clone()).ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|rule| rule.name.as_str()).collect();
            Failed::usage(format!("no rule `{name}`")).hint(suggest(name, &known, "docs/rules.md lists them"))
        })
    };
    let mut found: Vec<Rule> = names.iter().map(find).collect::<Result<_, _>>()?;
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found.dedup_by(|left, right| left.name == right.name);
    Ok(found)
}

/// Paths below the root, and those of them that are files. What is not there is never clean.
fn paths(directory: &Path, root: &Path, typed: &[PathBuf]) -> Result<(Vec<String>, Vec<String>), Failed> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let (mut paths, mut named) = (Vec::new(), Vec::new());
    for path in typed {
        let shown = path.display();
        let full = directory.join(path);
        let there = full.symlink_metadata().map_err(|_| Failed::usage(format!("{shown} is not there")))?;
        // A link is what it is called, a folder what it is.
        let real = match (there.is_dir(), full.parent(), full.file_name()) {
            (false, Some(folder), Some(name)) => folder.canonicalize().map(|folder| folder.join(name)),
            _ => full.canonicalize(),
        };
        let real = real.map_err(|error| Failed::usage(format!("{shown} cannot be reached: {error}")))?;
        let Some(inner) = real.strip_prefix(&root).ok().and_then(Path::to_str) else {
            let outside = format!("{shown} does not lie in {}", root.display());
            return Err(Failed::usage(outside).hint("-C names another project's folder"));
        };
        if there.is_file() {
            named.push(inner.to_owned());
        }
        paths.push(inner.to_owned());
    }
    Ok((paths, named))
}

/// Writes git's pre-commit hook; gives its path.
pub fn install_hook(project: &Project, force: bool) -> Result<PathBuf, Failed> {
    let root = root_of(project);
    let repository = Repository::open_in_memory(&root).map_err(git_failed)?;
    let top = repository.work_dir().and_then(|top| top.canonicalize().ok());
    let inner = top.and_then(|top| root.strip_prefix(top).ok().map(Path::to_path_buf));
    let inner = inner.ok_or_else(|| Failed::missing("the repository around this project has no checkout"))?;
    if let Some(elsewhere) = repository.setting("core.hooksPath") {
        let refused = format!("git looks for hooks in {elsewhere} (core.hooksPath), which others may share");
        return Err(Failed::usage(refused).hint("call `pl lint --since HEAD` from its pre-commit hook"));
    }
    let hooks = repository.common_dir().join("hooks");
    let path = hooks.join("pre-commit");
    let writing = |error: std::io::Error| Failed::missing(format!("cannot write {}: {error}", path.display()));
    if path.symlink_metadata().is_ok() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if !force && !text.lines().any(|line| line == OURS) {
            let refused = format!("{} is there, and pl did not write it", path.display());
            return Err(
                Failed::usage(refused).hint("call `pl lint --since HEAD` from it, or give --force to replace it")
            );
        }
    }
    let program = std::env::current_exe().map_err(writing)?;
    std::fs::create_dir_all(&hooks).map_err(writing)?;
    let mut file = tempfile::NamedTempFile::new_in(&hooks).map_err(writing)?;
    file.write_all(hook(&program, &inner).as_bytes()).map_err(writing)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o755)).map_err(writing)?;
    file.persist(&path).map_err(|error| writing(error.error))?;
    Ok(path)
}

/// The hook's text. It refuses files that are staged in part, because what lies in the folder is not what would be committed.
fn hook(program: &Path, inner: &Path) -> String {
    let program = quote(&program.to_string_lossy());
    let inner = match inner.to_string_lossy() {
        empty if empty.is_empty() => ".".to_owned(),
        inner => quote(&inner),
    };
    format!(
        r#"#!/bin/sh
{OURS}
cd {inner} || exit 3
pl={program}
[ -x "$pl" ] || pl=pl
staged() {{ git diff --cached --relative --no-renames --name-only --diff-filter=ACMT "$@" -- .; }}
[ -n "$(staged)" ] || exit 0
partly=$(staged -z | xargs -0 git diff --relative --name-only --)
if [ -n "$partly" ]; then
    echo "pl lint: staged in part, so that what would be committed cannot be looked at:" >&2
    printf '  %s\n' "$partly" >&2
    echo "stage the rest with git add, or put it aside with git stash --keep-index" >&2
    exit 1
fi
since=
git rev-parse --quiet --verify HEAD >/dev/null && since="--since HEAD"
staged -z | xargs -0 "$pl" lint $since -- || exit 1
"#
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{OURS, hook};

    #[test]
    fn a_hook_is_known_by_a_line_and_quotes_what_it_starts() {
        let text = hook(Path::new("/a b/pl"), Path::new("sub folder"));
        assert!(text.starts_with("#!/bin/sh\n") && text.lines().any(|line| line == OURS));
        assert!(text.contains("\ncd 'sub folder' ||") && text.contains("\npl='/a b/pl'\n"));
        assert!(hook(Path::new("/pl"), Path::new("")).contains("\ncd . ||"));
    }
}
