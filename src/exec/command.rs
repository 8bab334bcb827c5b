//! A command of the pipeline made into a process: places filled, environment built, output kept.
//!
//! Knows no step kinds; says what went wrong in words, with the line that reproduces it.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::analysis::pipeline::program::Patience;
use crate::analysis::pipeline::template::{Property, Template, TemplatePart};
use crate::analysis::pipeline::{Command, Environment, quote};
use crate::base::failure::Failure;
use crate::exec::admission::Admitted;
use crate::exec::session::Session;
use crate::exec::shell::{self, Direct};
use crate::exec::slots::Places;
use crate::graph::StepKind;
use crate::observe::memory::Program;
use crate::observe::program::{self, search_path};
use crate::process::cancel::Cancel;
use crate::process::jobserver::{Sharing, Style};
use crate::process::{Ended, Finished, OUTPUT_BYTES_MAX, Request, StartFailure};
use crate::system::environment as variables;
use crate::system::profile::Category;

/// What the places of a template stand for.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    /// `{files}`.
    pub files: Vec<String>,
    /// `{scope-files}`.
    pub scope_files: Vec<String>,
    /// `{prompt}`.
    pub prompt: Option<PathBuf>,
    /// `{out}`.
    pub out: Option<PathBuf>,
    /// `{worktree}`.
    pub worktree: Option<PathBuf>,
    /// `{workstream}`.
    pub workstream: String,
    /// `{args}`.
    pub arguments: Vec<String>,
}

impl Properties {
    /// The words that a place stands for.
    fn words(&self, property: Property) -> Vec<String> {
        let one = |path: &Option<PathBuf>| path.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        match property {
            Property::Files => self.files.clone(),
            Property::ScopeFiles => self.scope_files.clone(),
            Property::Args => self.arguments.clone(),
            Property::Prompt => one(&self.prompt),
            Property::Out => one(&self.out),
            Property::Worktree => one(&self.worktree),
            Property::Workstream => vec![self.workstream.clone()],
        }
    }

    /// A template as words: a place alone gives a word each, inside text it is joined by blanks.
    fn fill(&self, template: &Template) -> Vec<String> {
        let mut parts = template.parts();
        if let (Some(TemplatePart::Property(property)), None) = (parts.next(), parts.next()) {
            return self.words(property);
        }
        vec![self.join(template, |word| word.to_owned())]
    }

    fn join(&self, template: &Template, quoted: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                TemplatePart::Text(literal) => text.push_str(literal),
                TemplatePart::Property(property) => {
                    let words: Vec<String> = self.words(property).iter().map(|word| quoted(word)).collect();
                    text.push_str(&words.join(" "));
                }
            }
        }
        text
    }

    /// The argv of a command; shell text gets its places quoted.
    pub fn argv(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Argv(words) => words.iter().flat_map(|word| self.fill(word)).collect(),
            Command::Shell(text) => vec!["sh".to_owned(), "-c".to_owned(), self.join(text, quote)],
        }
    }
}

/// What is to be started, for one step.
pub struct Launch<'a> {
    /// The step that it is for.
    pub kind: &'a StepKind,
    /// The words.
    pub argv: Vec<String>,
    /// Where.
    pub dir: &'a Path,
    /// Asked for by the definition.
    pub environment: &'a Environment,
    /// Folders in front of PATH.
    pub bins: &'a [PathBuf],
    /// Set over everything, in no key: an own HOME, an own TMPDIR.
    pub own: &'a [(&'a str, &'a Path)],
    /// Names of secrets that are passed.
    pub secrets: &'a [String],
    /// Pool.
    pub pool: Option<&'a str>,
    /// Whether it shares places with us; none: as its program suggests.
    pub jobserver: Option<bool>,
    /// Wall time in milliseconds.
    pub timeout_ms: u64,
    /// Silence in milliseconds after which it is taken for hung.
    pub idle_ms: Option<u64>,
    /// Where the whole output is kept.
    pub log: PathBuf,
}

/// What came of a launch.
#[derive(Debug)]
pub struct Ran {
    /// What the process room says.
    pub finished: Finished,
    /// How to stand where it stood.
    pub reproduce: String,
    /// Where the whole output is.
    pub log: PathBuf,
    /// Variables of ours that it did not see.
    pub withheld: Vec<String>,
    /// The first word.
    pub program: String,
    /// The wall time it was given.
    pub timeout_ms: u64,
    /// How long it was allowed to be silent.
    pub idle_ms: Option<u64>,
}

/// Runs a program and waits for it; it is ended with the run.
pub fn launch(session: &Session<'_>, launch: Launch<'_>) -> Ran {
    launch_until(session, launch, &session.cancel)
}

/// The same; it is ended with something that may be ended before.
pub fn launch_until(session: &Session<'_>, launch: Launch<'_>, cancel: &Cancel) -> Ran {
    let mut environment = session.world.environment_of(launch.environment).as_ref().clone();
    let search = search_path(session.world, launch.environment, launch.bins);
    environment.put("PATH", &search.to_string_lossy());
    for (name, path) in launch.own {
        environment.put(name, &path.to_string_lossy());
    }
    for name in launch.secrets {
        if let Some(value) = session.world.system.variable(name) {
            environment.put(name, &value);
        }
    }
    let reproduce = reproduce(&launch);
    let sharing = share(&session.places, &launch, &mut environment);
    let find = |word: &str| program::find(session.world, word, &search, launch.dir);
    let mut request = Request {
        argv: launch.argv.iter().map(OsString::from).collect(),
        file: None,
        dir: launch.dir.to_path_buf(),
        environment: environment.pairs(),
        timeout: Some(Duration::from_millis(launch.timeout_ms)),
        idle: launch.idle_ms.map(Duration::from_millis),
        log: launch.log.clone(),
        limit: OUTPUT_BYTES_MAX,
        ends: sharing.as_ref().and_then(|sharing| sharing.ends.clone()),
        marker: session.world.project.clone(),
    };
    let profile = &session.world.profile;
    let step = launch.kind.name();
    let waiting = profile.span(Category::Wait, || "wait for a place");
    let _pool = session.places.of_pool(launch.pool);
    let _admitted = admitted(session, &step);
    let _places = session.places.take(cancel);
    drop(waiting);
    let _running = session.programs.enter();
    let finished = {
        let mut span = profile.span(Category::Program, || launch.argv.first().cloned().unwrap_or_default());
        let _one = profile.count("running programs");
        let finished = run(&mut request, &launch.argv, cancel, &find);
        span.tell("step", || step.clone().into());
        span.tell("argv", || launch.argv.clone().into());
        span.tell("ended", || format!("{:?}", finished.ended).into());
        span.tell("peak memory (MiB)", || finished.peak_bytes.map(|bytes| bytes / (1024 * 1024)).into());
        finished
    };
    session.admission.learn(&step, finished.peak_bytes);
    Ran {
        finished,
        reproduce,
        log: launch.log,
        withheld: environment.withheld,
        program: launch.argv.first().cloned().unwrap_or_default(),
        timeout_ms: launch.timeout_ms,
        idle_ms: launch.idle_ms,
    }
}

/// Runs a program; a shell whose text is a program's words is left out. What could not be started so the shell tells in its
/// own words, and with its own exit code. `find` says what a name stands for: that very file is executed.
fn run(
    request: &mut Request,
    argv: &[String],
    cancel: &Cancel,
    find: &dyn Fn(&str) -> Option<Arc<Program>>,
) -> Finished {
    let file = |word: Option<&OsString>| {
        let name = word?.to_str().filter(|word| !word.contains('/'))?;
        find(name).map(|program| program.path().clone())
    };
    let shell = |_: &OsStr| find("sh").map(|program| program.identity.file().to_owned());
    if let Some(Direct { argv, environment }) = shell::direct(argv, &request.dir, &request.environment, shell) {
        request.file = file(argv.first());
        let argv = std::mem::replace(&mut request.argv, argv);
        let environment = std::mem::replace(&mut request.environment, environment);
        let finished = crate::process::run(request, cancel);
        match finished.ended {
            Ended::NotStarted(_) => {}
            Ended::Signalled(signal) => return as_told(finished, signal, &request.log),
            _ => return finished,
        }
        (request.argv, request.environment) = (argv, environment);
    }
    request.file = file(request.argv.first());
    crate::process::run(request, cancel)
}

/// What a shell makes of a command that a signal ended: an exit code, and a line in its output.
fn as_told(mut finished: Finished, signal: i32, log: &Path) -> Finished {
    let (code, line) = shell::told(signal);
    finished.ended = Ended::Exited(code);
    finished.stderr.extend_from_slice(line.as_bytes());
    finished.output_tail.extend_from_slice(line.as_bytes());
    if !line.is_empty() {
        let made = log.parent().map_or(Ok(()), std::fs::create_dir_all);
        let file = made.and_then(|()| std::fs::File::options().create(true).append(true).open(log));
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        finished.log_error = finished.log_error.or_else(|| written.err().map(|error| error.to_string()));
    }
    finished
}

/// Waits until there is memory for a step's program, where it is known to need much.
fn admitted<'a>(session: &'a Session<'_>, step: &str) -> Admitted<'a> {
    let begun = Instant::now();
    let admitted = session.admission.enter(step);
    if admitted.waited() {
        session.world.profile.since(begun, Category::Wait, format!("wait for memory: {step}"), || Value::Null);
    }
    admitted
}

/// Tells a program of the jobserver where it could use it: it is named below, or its definition says so. One whose definition
/// gives it such variables itself is left alone.
fn share<'a>(places: &'a Places, launch: &Launch<'_>, environment: &mut variables::Environment) -> Option<Sharing<'a>> {
    let (names, style) = told_of(&launch.argv, launch.jobserver)?;
    if variables::JOBSERVER.iter().any(|name| environment.variables.contains_key(*name)) {
        return None;
    }
    let sharing = places.jobserver().share(style)?;
    names.iter().for_each(|name| environment.put(name, &sharing.flags));
    Some(sharing)
}

/// Whether a program could be told of a jobserver.
pub fn takes_part(argv: &[String], jobserver: Option<bool>) -> bool {
    told_of(argv, jobserver).is_some()
}

/// The variables by which a program is told of a jobserver, and how.
fn told_of(argv: &[String], jobserver: Option<bool>) -> Option<(&'static [&'static str], Style)> {
    let program = Path::new(argv.first()?).file_name()?.to_str()?;
    let known =
        SHARING.iter().find(|(programs, ..)| programs.contains(&program)).map(|(_, names, style)| (*names, *style));
    match jobserver {
        Some(false) => None,
        Some(true) => Some(known.unwrap_or((&["MAKEFLAGS", "CARGO_MAKEFLAGS"], Style::Descriptors))),
        None => known,
    }
}

/// A line for a shell: the folder, what the definition puts into the environment, the words.
fn reproduce(launch: &Launch<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    if !launch.bins.is_empty() {
        let bins: Vec<String> = launch.bins.iter().map(|bin| quote(&bin.to_string_lossy())).collect();
        words.push(format!("PATH={}:\"$PATH\"", bins.join(":")));
    }
    words.extend(launch.environment.set.iter().map(|(name, value)| format!("{name}={}", quote(value))));
    let shown = launch.own.iter().filter(|(name, _)| name.starts_with("PL_"));
    words.extend(shown.map(|(name, path)| format!("{name}={}", quote(&path.to_string_lossy()))));
    words.extend(launch.argv.iter().map(|word| quote(word)));
    format!("cd {} && {}", quote(&launch.dir.to_string_lossy()), words.join(" "))
}

/// Programs that take part in a jobserver: their names, the variables in which they look for it, how they want to be told.
const SHARING: [(&[&str], &[&str], Style); 3] = [
    (&["make", "gmake"], &["MAKEFLAGS"], Style::Descriptors),
    (&["cargo"], &["CARGO_MAKEFLAGS"], Style::Descriptors),
    (&["ninja", "samu"], &["MAKEFLAGS"], Style::Path),
];

/// The class of a program that may not be asked any more for now.
pub const QUOTA: &str = "quota";

/// The class of a program that was silent for too long.
pub const HANG: &str = "hang";

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}

/// Names of withheld variables that a failure lists.
const WITHHELD_SHOWN_MAX: usize = 6;

/// Exit code of a shell that did not find a command (POSIX, "Exit Status for Commands").
const SHELL_NOT_FOUND: i32 = 127;

impl Ran {
    /// Ended with this exit code.
    pub fn exit(&self) -> Option<i32> {
        match self.finished.ended {
            Ended::Exited(code) => Some(code),
            _ => None,
        }
    }

    /// It was ended because the run was interrupted.
    pub fn cancelled(&self) -> bool {
        matches!(self.finished.ended, Ended::Cancelled)
    }

    /// Wall time.
    pub fn duration_ms(&self) -> u64 {
        self.finished.duration_ms
    }

    /// Why there is no outcome at all: not started, timed out, killed, interrupted, a command not found.
    pub fn no_outcome(&self, shell: bool) -> Option<Failure> {
        let missing = |program: &str| {
            let help = format!("install `{program}`, or put it on PATH; `pl doctor` lists what is missing");
            ("environment", format!("`{program}` is not installed"), Some(help))
        };
        let (class, message, help) = match &self.finished.ended {
            Ended::Exited(SHELL_NOT_FOUND) if shell => (
                "environment",
                "a command in it was not found".to_owned(),
                Some("see the output for its name".to_owned()),
            ),
            Ended::Exited(_) => return None,
            Ended::Signalled(signal) => ("crash", format!("`{}` was ended by signal {signal}", self.program), None),
            Ended::TimedOut => {
                let help = "a `timeout` in the definition gives it more".to_owned();
                ("timeout", format!("`{}` did not end within {} s", self.program, self.timeout_ms / 1000), Some(help))
            }
            Ended::Idle => {
                let help = "an `idle` in the definition gives it more".to_owned();
                let silent = self.idle_ms.unwrap_or_default();
                let message = format!("`{}` said nothing for {}", self.program, seconds(silent));
                (HANG, message, Some(help))
            }
            Ended::Cancelled => ("infrastructure", "interrupted".to_owned(), None),
            Ended::NotStarted(StartFailure::Missing) => missing(&self.program),
            Ended::NotStarted(other) => {
                ("environment", format!("`{}` could not be started: {other:?}", self.program), None)
            }
        };
        Some(self.failure(class, message, help))
    }

    /// Why it may not be asked any more for now, if it says so. What ended with 0 is not asked, unless it is known to have done
    /// nothing.
    pub fn out_of_quota(&self, name: &str, patience: &Patience, did_nothing: bool) -> Option<Failure> {
        let exit = self.exit().filter(|exit| *exit != 0 || did_nothing)?;
        let said = patience.quota.said(exit, &self.output())?;
        let said = if said.is_empty() { format!("exit code {exit}") } else { said };
        let help = "nothing of its tries is used up; build again when it may be asked again, or with another `--tool`";
        Some(self.failure(QUOTA, format!("{name} has used up its quota: {said}"), Some(help.to_owned())))
    }

    /// A failure with this process's output and the line that reproduces it.
    pub fn failure(&self, class: &str, message: String, help: Option<String>) -> Failure {
        Failure {
            class: class.to_owned(),
            message,
            help,
            reproduce: Some(self.reproduce.clone()),
            log: (!self.finished.output_tail.is_empty()).then(|| self.log.display().to_string()),
            output: self.output(),
            findings: Vec::new(),
        }
    }

    /// Its output as text.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.finished.output_tail).into_owned()
    }

    /// One sentence on what it was not shown, as far as its output speaks of it: most failures have other causes.
    pub fn withheld_sentence(&self) -> Option<String> {
        let output = self.output();
        let words: std::collections::BTreeSet<&str> =
            output.split(|character: char| !character.is_alphanumeric() && character != '_').collect();
        let named: Vec<&str> = self.withheld.iter().map(String::as_str).filter(|name| words.contains(name)).collect();
        if named.is_empty() {
            return None;
        }
        let shown = &named[..named.len().min(WITHHELD_SHOWN_MAX)];
        let more = match named.len().saturating_sub(WITHHELD_SHOWN_MAX) {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Some(format!("it did not see {}{more}; `env {{ pass \"NAME\" }}` lets a variable through", shown.join(", ")))
    }
}

/// Adds what a program was not shown to a failure that may come from there.
pub fn with_withheld(mut failure: Failure, ran: &Ran) -> Failure {
    if failure.help.is_none() {
        failure.help = ran.withheld_sentence();
    }
    failure
}
