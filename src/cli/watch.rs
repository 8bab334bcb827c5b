//! `pl watch`: builds, and builds again whenever something that the targets observe has moved.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::base::duration::parse_duration_ms;
use crate::cli::completions::targets;
use crate::cli::engine::building::heard;
use crate::cli::engine::kept::Moved;
use crate::cli::engine::vouching::{self, Vouching};
use crate::cli::engine::watching::{Places, Seen, Sight, WRONG, see, see_all, see_failure};
use crate::cli::engine::{BuildRequest, Built, Project, Watch};
use crate::cli::exit::{self, Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::cli::{DefinitionArguments, build};
use crate::exec::touch::Touch;
use crate::process::cancel::Cancel;
use crate::report::Tone;
use crate::report::console::Verbosity;
use crate::summary::StepStatus;
use crate::system::changes::{Batch, Changes, Waker};

/// Build, and build again when something moves
///
/// Builds the targets, then waits for changes of definitions, inputs and the base, and builds again. What a build itself
/// writes is no change: what counts is content that a step observes. A task that runs while its inputs change is ended
/// and begins anew; all others go on. Ends with Ctrl-C.
#[derive(Debug, Args)]
#[command(before_help = "  pl watch test               test again after every save
  pl watch 'ws-*' -j 2        workstreams, too: also when the base moves
  pl watch --poll 2s          look every two seconds, where files change without events")]
pub struct Arguments {
    /// What to keep up to date; without one the default, or every task
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(targets))]
    targets: Vec<String>,
    /// Steps at a time [default: the machine's processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// How long nothing may change before a build begins
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    debounce: Duration,
    /// Look at this interval, without waiting for events
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "1s", value_parser = duration)]
    poll: Option<Duration>,
    #[command(flatten)]
    definitions: DefinitionArguments,
}

/// Between two looks where the machine gives no events.
const INTERVAL: Duration = Duration::from_secs(1);

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration_ms(text).map(Duration::from_millis)
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments { targets, jobs, debounce, poll, definitions } = arguments;
    let project = definitions.apply(project);
    let cancel = heard()?;
    // Without a folder for marks it watches all the same, and answers nobody.
    let marks = vouching::folder(&project).unwrap_or_default();
    let _ = std::fs::create_dir_all(&marks);
    let mut changes = Changes::new(debounce, poll.unwrap_or(INTERVAL), poll.is_some(), marks);
    let waker = changes.waker();
    let wish = cancel.clone();
    std::thread::Builder::new().name("pl-wish".to_owned()).spawn(move || {
        wish.wait();
        waker.wake();
    })?;
    let touch = Arc::<Touch>::default();
    let request = BuildRequest {
        targets,
        args: Vec::new(),
        jobs,
        fail_fast: false,
        force: false,
        again: false,
        all_steps: false,
        watch: Some(Watch { cancel: cancel.clone(), touch: Arc::clone(&touch) }),
    };
    let mut watching =
        Watching { project: &project, request: &request, terminal, cancel: &cancel, touch: &touch, last: None };
    watching.run(&mut changes)
}

/// What came of a look, and of a build if there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brought {
    /// All is as it was after the last build, definitions and folders included.
    AsKept,
    /// What was to be done is done, or cannot be.
    Nothing,
    /// Something moved meanwhile that is not known to be our own doing.
    Moved,
}

/// What a build tells.
struct Told {
    /// Something moved meanwhile that is not an output.
    moved: bool,
    /// Steps that did not end well.
    unfinished: BTreeSet<String>,
    /// What steps observed before.
    seen: Option<Seen>,
}

struct Watching<'a> {
    project: &'a Project,
    request: &'a BuildRequest,
    terminal: &'a Terminal,
    cancel: &'a Cancel,
    touch: &'a Touch,
    /// What was seen after the last build.
    last: Option<Seen>,
}

impl Watching<'_> {
    fn run(&mut self, changes: &mut Changes) -> Result<Outcome, Failed> {
        let vouching = Vouching::begin(self.project, changes);
        let mut places = Places::of(self.project);
        changes.watch(places.folders.clone());
        if let Some(why) = changes.why_polling() {
            self.say(&format!("without events of changed files ({why}): looking at intervals"));
        }
        let mut hints = Vec::new();
        loop {
            let brought = self.bring_up(changes, &places, &hints);
            if self.cancel.is_cancelled() {
                return Ok(Outcome::Interrupted);
            }
            if brought != Brought::AsKept {
                // A build makes folders, and a changed definition names others.
                places = Places::of(self.project);
                changes.watch(places.folders.clone());
            }
            hints.clear();
            if brought == Brought::Moved {
                continue;
            }
            if let Some(vouching) = &vouching {
                vouching.waits(changes);
            }
            match self.wait(changes, &mut places) {
                Some(paths) => hints = paths,
                None => return Ok(Outcome::Interrupted),
            }
            if let Some(vouching) = &vouching {
                vouching.works();
            }
        }
    }

    /// Waits until something moves that may matter, and says what, as far as that is told; `None`: no more is wanted.
    fn wait(&self, changes: &mut Changes, places: &mut Places) -> Option<Vec<PathBuf>> {
        loop {
            let batch = changes.wait();
            if self.cancel.is_cancelled() {
                return None;
            }
            match batch {
                Batch::Woken => {}
                Batch::Anything => {
                    changes.forget_all();
                    changes.watch(places.folders.clone());
                    return Some(Vec::new());
                }
                Batch::Paths(paths) => {
                    // A folder may have come, or another one in its place.
                    self.follow(changes, places, &paths);
                    return Some(paths);
                }
            }
        }
    }

    fn follow(&self, changes: &mut Changes, places: &mut Places, paths: &[PathBuf]) {
        let (known, new) = places.folders_among(paths);
        if known.is_empty() && !new {
            return;
        }
        for folder in known {
            changes.forget(&folder);
        }
        *places = Places::of(self.project);
        changes.watch(places.folders.clone());
    }

    /// Builds if there is something new to do; `hints` are paths that are said to have moved.
    fn bring_up(&mut self, changes: &mut Changes, places: &Places, hints: &[PathBuf]) -> Brought {
        let first = self.last.is_none();
        let (now, moved) = match see(self.project, self.request, hints) {
            Ok(Sight::Moved(moved)) if self.last.as_ref().is_some_and(|last| last.is_green) => (None, Some(moved)),
            Ok(Sight::Whole { seen, as_kept: true }) if !first => {
                self.last = Some(seen);
                return Brought::AsKept;
            }
            Ok(Sight::Moved(_)) => (Some(self.see_all()), None),
            Ok(Sight::Whole { seen, .. }) => (Some(seen), None),
            Err(failed) => (Some(see_failure(&failed)), None),
        };
        if now.as_ref().zip(self.last.as_ref()).is_some_and(|(now, last)| last.is_like(now)) {
            return Brought::Nothing;
        }
        if let Some(now) = now.as_ref().filter(|now| now.is_green && !first) {
            self.last = Some(now.clone());
            return Brought::Nothing;
        }
        let Told { moved, unfinished, seen } = self.build(changes, places, moved);
        let after = self.see();
        let now = now.or(seen).unwrap_or_else(|| after.clone());
        let moved = moved && !after.is_green && !after.is_like(&now) || after.has_moved_since(&now, &unfinished);
        let again = moved && !self.cancel.is_cancelled();
        self.say(if after.is_green { "up to date; waiting for changes" } else { "waiting for changes" });
        // With something that moved meanwhile, what is seen now is not what was built.
        self.last = if again { Some(now) } else { Some(after) };
        if again { Brought::Moved } else { Brought::Nothing }
    }

    fn see(&self) -> Seen {
        match see(self.project, self.request, &[]) {
            Ok(Sight::Whole { seen, .. }) => seen,
            Ok(Sight::Moved(_)) => self.see_all(),
            Err(failed) => see_failure(&failed),
        }
    }

    fn see_all(&self) -> Seen {
        see_all(self.project, self.request).unwrap_or_else(|failed| see_failure(&failed))
    }

    /// Runs a build and hands it what moves.
    fn build(&self, changes: &mut Changes, places: &Places, hint: Option<Box<Moved>>) -> Told {
        let over = Arc::new(AtomicBool::new(false));
        let waker = changes.waker();
        let mut moved = false;
        std::thread::scope(|scope| {
            let flag = Arc::clone(&over);
            let building = scope.spawn(move || {
                let _over = Over(flag, waker);
                self.build_once(hint)
            });
            while !over.load(Ordering::Acquire) {
                let concerns = match changes.wait() {
                    Batch::Woken => false,
                    Batch::Anything => {
                        changes.forget_all();
                        true
                    }
                    Batch::Paths(paths) => {
                        // What was a folder may be another one now; all are watched again after the build.
                        places.folders_among(&paths).0.iter().for_each(|folder| changes.forget(folder));
                        places.concern(&paths)
                    }
                };
                if concerns {
                    moved = true;
                    self.touch.touch();
                }
            }
            let (unfinished, seen) = building.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Told { moved, unfinished, seen }
        })
    }

    fn build_once(&self, hint: Option<Box<Moved>>) -> (BTreeSet<String>, Option<Seen>) {
        let built = build::tell_while(self.project, self.request, hint, self.terminal, None, false);
        match built.and_then(|built| build::tell(&built, self.terminal, false).map(|_| built)) {
            Ok(built) => (unfinished(&built), built.seen),
            Err(failed) => {
                exit::tell(&failed, self.terminal);
                (BTreeSet::from([WRONG.to_owned()]), Some(see_failure(&failed)))
            }
        }
    }

    fn say(&self, sentence: &str) {
        if self.terminal.verbosity != Verbosity::Quiet && !self.cancel.is_cancelled() {
            let style = &self.terminal.err.style;
            self.terminal.tell(&format!("{}\n", style.paint(Tone::Dim, &format!("pl watch: {sentence}"))));
        }
    }
}

/// Says that a build is over, however it ended.
struct Over(Arc<AtomicBool>, Waker);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.wake();
    }
}

fn unfinished(built: &Built) -> BTreeSet<String> {
    let summary = &built.summary;
    let steps = summary.tasks.iter().chain(summary.workstreams.iter().flat_map(|workstream| &workstream.steps));
    steps.filter(|step| is_unfinished(step.status)).map(|step| step.name.clone()).collect()
}

/// It would run again by itself; one that was interrupted because its inputs moved is to.
fn is_unfinished(status: StepStatus) -> bool {
    !matches!(status, StepStatus::Done | StepStatus::Fresh | StepStatus::Interrupted)
}
