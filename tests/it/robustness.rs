//! Bad luck: two builds, signals, power cuts, damage, full disks, missing things, programs that misbehave.

mod damage;
mod interrupted;
mod killed;
mod misbehaving;
mod missing;

use std::path::PathBuf;

use crate::incremental::lab::{TOOLS, raw};
use crate::running::until;
use crate::support::Project;

/// A project in which every step passes a gate: it leaves a line in `passed`, and waits while its name is held.
pub struct Gated {
    /// The project.
    pub project: Project,
}

impl Gated {
    /// Two workstreams with a setup, a rule and two tests each, and two tasks.
    pub fn new() -> Self {
        let files = [("rules/lab.kdl", TOOLS), ("a.txt", "0\n"), ("b.txt", "0\n"), ("in", "1\n")];
        let gated = Self { project: Project::new(&files) };
        let around = gated.project.around();
        let here = around.display();
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> {here}/passed\n: > {here}/at-$1\nwhile [ -e {here}/hold-$1 ]; do sleep 0.01; done\n"
        );
        std::fs::write(around.join("gate"), script).expect("a script");
        let gate = |name: &str| format!("sh {here}/gate {name}");
        let workstream = |id: &str, needs: &str, name: &str, file: &str| {
            let sh = |line: String| raw(&format!("sh: {line}"));
            format!(
                "workstream \"{id}\" {{\n    {needs}\n    files-scope \"{file}\"\n    tasks {{\n        - {}\n        - {}\n    }}\n    \
                 acceptance-tests {{\n        shell {}\n        shell {}\n    }}\n}}\n",
                sh(format!("{}; echo 1 >> {file}", gate(&format!("{name}-edit1")))),
                sh(format!("{}; echo 2 >> {file}", gate(&format!("{name}-edit2")))),
                raw(&format!("{}; grep -q 1 {file}", gate(&format!("{name}-test1")))),
                raw(&format!("{}; grep -q 2 {file}", gate(&format!("{name}-test2")))),
            )
        };
        let text = format!(
            "defaults {{ tool \"edit\" }}\n\
             setup \"kit\" {{ shell {}; inputs \"in\" }}\n\
             rule \"gate\" {{\n    files \"**/*.txt\" in=\"changed\"\n    shell {}\n    exit {{ clean 0; findings 1 }}\n    \
             parse \"regex\" {{ pattern #\"^(?P<path>.+?): (?P<message>.*)$\"# }}\n}}\n\
             task \"make\" {{ shell {}; inputs \"in\"; outputs \"out\" }}\n\
             task \"use\" {{ run \"cat\" \"out\"; inputs \"out\" }}\n{}{}",
            raw(&format!("{}; echo kit > {{out}}/kit", gate("setup"))),
            raw(&gate("lint")),
            raw(&format!("{}; cat in > out", gate("task"))),
            workstream("ws-1-one", "", "one", "a.txt"),
            workstream("ws-2-two", "depends-on \"ws-1-one\"", "two", "b.txt"),
        );
        gated.project.write("Pipelinefile.kdl", text);
        gated.project.commit("definitions");
        gated
    }

    fn mark(&self, kind: &str, name: &str) -> PathBuf {
        self.project.around().join(format!("{kind}-{name}"))
    }

    /// Whoever comes to this gate waits there.
    pub fn hold(&self, name: &str) {
        let _ = std::fs::remove_file(self.mark("at", name));
        std::fs::write(self.mark("hold", name), "").expect("a file");
    }

    /// Waits until somebody stands at the gate.
    pub fn reached(&self, name: &str) {
        until(&format!("the gate {name} is reached"), || self.mark("at", name).exists());
    }

    /// Opens the gate.
    pub fn open(&self, name: &str) {
        let _ = std::fs::remove_file(self.mark("hold", name));
    }

    /// How often a gate was passed.
    pub fn passed(&self, name: &str) -> usize {
        let text = std::fs::read_to_string(self.project.around().join("passed")).unwrap_or_default();
        text.lines().filter(|line| *line == name).count()
    }

    /// All refs that builds made, and what they name.
    pub fn refs(&self) -> String {
        self.project.git(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/pl/ws", "refs/heads/ws"])
    }

    /// As if there had never been a build.
    pub fn forget(&self) {
        for folder in [self.project.path(".pl"), self.project.around().join("state"), self.project.path(".worktrees")] {
            let _ = std::fs::remove_dir_all(folder);
        }
        std::fs::create_dir(self.project.around().join("state")).expect("a folder");
        for name in self.project.git(&["for-each-ref", "--format=%(refname)", "refs/pl", "refs/heads/ws"]).lines() {
            self.project.git(&["update-ref", "-d", name]);
        }
        self.project.git(&["worktree", "prune"]);
        let _ = std::fs::remove_file(self.project.path("out"));
        let _ = std::fs::remove_file(self.project.around().join("passed"));
    }

    /// A build of everything, from nothing, that nobody disturbs: its refs.
    pub fn undisturbed(&self) -> String {
        self.project.build(&["*"], 0);
        let refs = self.refs();
        self.forget();
        refs
    }

    /// No worktree is left, in git's books or beside them; nothing runs; nothing is to be done.
    #[track_caller]
    pub fn is_tidy(&self) {
        self.project.pl(&["build", "*"]).expect(0).started_nothing();
        assert_eq!(self.project.git(&["worktree", "list"]).lines().count(), 1);
        let admin = std::fs::read_dir(self.project.path(".git/worktrees")).map_or(0, Iterator::count);
        assert_eq!(admin, 0, "worktrees are left in .git/worktrees");
        assert!(self.project.read(".git/HEAD").starts_with("ref: "));
        let left = crate::running::left_running(&self.project);
        assert!(left.is_empty(), "{left:#?}");
        assert!(!self.project.path(".pl/state.db-wal").exists(), "the database was not closed");
    }
}

/// The one value that a query of the database gives.
pub fn query(project: &Project, sql: &str) -> String {
    let database = rusqlite::Connection::open(project.path(".pl/state.db")).expect("a database");
    database.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// How the newest run ended.
pub fn newest_run(project: &Project) -> String {
    query(project, "SELECT status FROM runs ORDER BY created_at DESC, rowid DESC LIMIT 1")
}
