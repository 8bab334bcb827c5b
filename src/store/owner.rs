//! Which process something belongs to, and whether it still lives.
//!
//! A pid alone is not enough: it is given out again, and means nothing after a restart of the machine.

use serde::{Deserialize, Serialize};

/// A process, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its number.
    pub pid: i32,
    /// The machine's boot that it belongs to; empty where there is no such thing.
    pub boot_id: String,
    /// When it started, in the kernel's ticks since boot; 0 where that is not known.
    pub start_ticks: u64,
    /// What was typed.
    pub command: String,
    /// Since when it owns what it owns.
    pub since: String,
}

impl Owner {
    /// This process.
    pub fn current(command: &str) -> Self {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        Self {
            pid,
            boot_id: boot_id(),
            start_ticks: start_ticks(pid),
            command: command.to_owned(),
            since: super::now(),
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        let Some(pid) = rustix::process::Pid::from_raw(self.pid) else { return false };
        let there = !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH));
        there && self.boot_id == boot_id() && self.start_ticks == start_ticks(self.pid)
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn start_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Field 22 of proc(5); the second, in parentheses, may hold blanks.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_ascii_whitespace().nth(19).and_then(|field| field.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Owner;

    #[test]
    fn a_pid_given_out_again_is_another_owner() {
        let ours = Owner::current("pl build");
        assert!(ours.is_alive());
        assert!(!Owner { start_ticks: ours.start_ticks + 1, ..ours.clone() }.is_alive());
        assert!(!Owner { boot_id: "before".to_owned(), ..ours.clone() }.is_alive());
        assert!(!Owner { pid: i32::MAX, ..ours }.is_alive());
    }
}
