//! Which program a name stands for, and whether it is still the same one.
//!
//! Starts nothing: the version text that goes with an identity is asked for and kept by others.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Kind, Stat};
use crate::base::digest::Digest;

/// What a program's name led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name as written.
    pub program: String,
    /// Folders of the PATH that were looked into before, and do not have it.
    pub absent: Vec<PathBuf>,
    /// Where it was found; links in it are not resolved.
    pub path: PathBuf,
    /// The stat of `path` itself.
    pub stat: Stat,
    /// Where `path` is a link: what it leads to in the end.
    pub target: Option<(PathBuf, Stat)>,
}

impl Identity {
    /// The file that is executed, links resolved.
    pub fn file(&self) -> &Path {
        self.target.as_ref().map_or(&self.path, |(path, _)| path)
    }

    /// Whether the name would lead to the same file again, where only folders below `changing` get new programs.
    pub fn is_still_there(&self, changing: &[&Path]) -> bool {
        let may_change = |folder: &&PathBuf| changing.iter().any(|root| folder.starts_with(root));
        let absent = || {
            let mut folders = self.absent.iter().filter(may_change);
            folders.all(|folder| std::fs::symlink_metadata(folder.join(&self.program)).is_err())
        };
        let is = |now: std::io::Result<std::fs::Metadata>, stat: &Stat| now.is_ok_and(|now| Stat::of(&now) == *stat);
        is(std::fs::symlink_metadata(&self.path), &self.stat)
            && self.target.as_ref().is_none_or(|(_, stat)| is(std::fs::metadata(&self.path), stat))
            && absent()
    }

    /// Equal for equal identities.
    pub fn digest(&self) -> Digest {
        let mut fields: Vec<Vec<u8>> = vec![self.program.clone().into_bytes()];
        fields.push((self.absent.len() as u64).to_le_bytes().to_vec());
        fields.extend(self.absent.iter().map(|folder| folder.as_os_str().as_bytes().to_vec()));
        for (path, stat) in
            std::iter::once((&self.path, &self.stat)).chain(self.target.iter().map(|(path, stat)| (path, stat)))
        {
            fields.push(path.as_os_str().as_bytes().to_vec());
            fields.push(stat_bytes(stat));
        }
        Digest::of_fields(fields.iter().map(Vec::as_slice))
    }
}

fn stat_bytes(stat: &Stat) -> Vec<u8> {
    let numbers = [stat.size, stat.inode, stat.device, u64::from(stat.mode), stat.kind as u64];
    let times = [stat.mtime_ns, stat.ctime_ns];
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    numbers.chain(times.iter().flat_map(|time| time.to_le_bytes())).collect()
}

/// Finds a program as the kernel would: `path` is a PATH, `cwd` the folder in which the step starts.
pub fn identify(program: &str, path: &OsStr, cwd: &Path) -> Option<Identity> {
    if program.is_empty() {
        return None;
    }
    if program.contains('/') {
        return found(program, &cwd.join(program), Vec::new());
    }
    let mut absent = Vec::new();
    for folder in std::env::split_paths(path) {
        let folder = cwd.join(folder);
        if let Some(identity) = found(program, &folder.join(program), absent.clone()) {
            return Some(identity);
        }
        absent.push(folder);
    }
    None
}

fn found(program: &str, path: &Path, absent: Vec<PathBuf>) -> Option<Identity> {
    let stat = Stat::of(&std::fs::symlink_metadata(path).ok()?);
    let target = if stat.kind == Kind::Link {
        let target = std::fs::canonicalize(path).ok()?;
        let target_stat = Stat::of(&std::fs::metadata(&target).ok()?);
        Some((target, target_stat))
    } else {
        None
    };
    let end = target.as_ref().map_or(&stat, |(_, stat)| stat);
    let runs = end.kind == Kind::File && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    runs.then(|| Identity { program: program.to_owned(), absent, path: path.to_owned(), stat, target })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::identify;

    fn program(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
        std::fs::write(path, text).expect("file");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    }

    #[test]
    fn a_program_that_appears_earlier_is_another_identity() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        program(&root.join("late/tool"), "#!/bin/sh\n");
        let path = std::env::join_paths([root.join("early"), root.join("late")]).expect("PATH");
        let before = identify("tool", &path, root).expect("found");
        assert_eq!(before.path, root.join("late/tool"));
        assert_eq!(before.absent, [root.join("early")]);
        assert_eq!(identify("tool", &path, root).expect("found").digest(), before.digest());
        program(&root.join("early/tool"), "#!/bin/sh\n");
        let after = identify("tool", &path, root).expect("found");
        assert_eq!(after.path, root.join("early/tool"));
        assert_ne!(after.digest(), before.digest());
    }

    #[test]
    fn what_changed_where_programs_change_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        program(&root.join("v1"), "#!/bin/sh\n");
        program(&root.join("v2"), "#!/bin/sh\n");
        symlink("v1", root.join("link")).expect("link");
        std::fs::create_dir_all(root.join("late")).expect("folder");
        symlink("../link", root.join("late/tool")).expect("link");
        let path = std::env::join_paths([root.join("early"), root.join("late")]).expect("PATH");
        let identity = identify("tool", &path, root).expect("found");
        assert!(identity.is_still_there(&[root]));
        // The link in between leads elsewhere now.
        std::fs::remove_file(root.join("link")).expect("removed");
        symlink("v2", root.join("link")).expect("link");
        assert!(!identity.is_still_there(&[root]));
        let identity = identify("tool", &path, root).expect("found");
        assert_eq!(identity.file().file_name(), Some("v2".as_ref()));
        program(&root.join("early/tool"), "#!/bin/sh\n");
        assert!(!identity.is_still_there(&[root]));
        assert!(identity.is_still_there(&[&root.join("late")]), "nothing is put into `early`, it was said");
        std::fs::remove_dir_all(root.join("late")).expect("removed");
        assert!(!identity.is_still_there(&[]));
    }

    #[test]
    fn what_a_link_leads_to_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        program(&root.join("v1"), "#!/bin/sh\n# 1\n");
        symlink("v1", root.join("tool")).expect("link");
        let before = identify("./tool", "".as_ref(), root).expect("found");
        assert!(before.target.as_ref().is_some_and(|(path, _)| path.ends_with("v1")));
        program(&root.join("v1"), "#!/bin/sh\n# one\n");
        assert_ne!(identify("./tool", "".as_ref(), root).expect("found").digest(), before.digest());
    }

    #[test]
    fn what_cannot_be_run_is_not_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        std::fs::write(root.join("text"), "").expect("file");
        std::fs::create_dir(root.join("tool")).expect("folder");
        symlink("nowhere", root.join("dangling")).expect("link");
        for name in ["text", "tool", "dangling", "missing", ""] {
            assert_eq!(identify(name, root.as_os_str(), root), None, "{name}");
        }
    }
}
