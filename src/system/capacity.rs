//! How much memory programs may still take: of the machine, and of the control groups that we run in.
//!
//! A look at one moment. Does not know who wants it.

#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems are not asked"))]

use std::path::{Path, PathBuf};

/// Bytes that could be had now without swapping; `None` where the system does not tell.
pub fn free_bytes() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    free_of(Path::new("/proc"), Path::new("/sys/fs/cgroup"), &read)
}

/// The least of what the machine and each control group from ours upwards has left (cgroups(7), version 2).
fn free_of(proc: &Path, groups: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let machine = field(&read(&proc.join("meminfo"))?, "MemAvailable:")?.saturating_mul(1024);
    let own = read(&proc.join("self/cgroup")).unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").trim_start_matches('/');
    let mut group: PathBuf = groups.join(own);
    let mut least = machine;
    while group.starts_with(groups) {
        least = least.min(free_of_group(&group, read).unwrap_or(u64::MAX));
        if !group.pop() {
            break;
        }
    }
    Some(least)
}

/// What is cached of files is given up when others want it.
fn free_of_group(group: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
    let limit = number("memory.max")?;
    let stat = read(&group.join("memory.stat")).unwrap_or_default();
    let cached = field(&stat, "inactive_file").unwrap_or(0).saturating_add(field(&stat, "active_file").unwrap_or(0));
    Some(limit.saturating_sub(number("memory.current")?.saturating_sub(cached)))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split_ascii_whitespace().next() == Some(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::{Path, PathBuf};

    use super::free_of;

    fn free(files: &[(&str, &str)]) -> Option<u64> {
        let files: HashMap<PathBuf, &str> = files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
        free_of(Path::new("/p"), Path::new("/g"), &|path| files.get(path).map(|text| (*text).to_owned()))
    }

    #[test]
    fn the_smallest_of_all_decides() {
        let machine = ("/p/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n");
        assert_eq!(free(&[]), None);
        assert_eq!(free(&[machine]), Some(4_096_000));
        let own = ("/p/self/cgroup", "0::/a/b\n");
        let unlimited = ("/g/a/b/memory.max", "max\n");
        assert_eq!(free(&[machine, own, unlimited]), Some(4_096_000));
        let above = [("/g/a/memory.max", "3000000\n"), ("/g/a/memory.current", "1000000\n")];
        assert_eq!(free(&[machine, own, unlimited, above[0], above[1]]), Some(2_000_000));
        let cached = ("/g/a/memory.stat", "anon 1\ninactive_file 300000\nactive_file 200000\n");
        assert_eq!(free(&[machine, own, above[0], above[1], cached]), Some(2_500_000));
        let root = [("/p/self/cgroup", "0::/\n"), ("/g/memory.max", "1000\n"), ("/g/memory.current", "5000\n")];
        assert_eq!(free(&[machine, root[0], root[1], root[2]]), Some(0));
    }
}
