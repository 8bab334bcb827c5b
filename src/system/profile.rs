//! Where the time of one command goes: spans and counters, written as a trace that Perfetto and chrome://tracing open.
//!
//! A handle that is off takes no note and costs a comparison. Spans end on the thread on which they began, so that those of a
//! thread nest. Does not know what is being done: names are given. The format is the Trace Event Format, JSON object form.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Events that are kept; what comes after is counted, and the trace says so.
const EVENTS_MAX: usize = 4_000_000;

/// What a span is about; viewers colour and filter by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// The command itself: opening, planning, running.
    Command,
    /// A step, from its start to its end.
    Step,
    /// A program that runs.
    Program,
    /// A look at what a step observes.
    Judge,
    /// A file that is read for its digest.
    Hash,
    /// Worktrees, snapshots, merges, the fence.
    Git,
    /// Changes that are committed, records that are read.
    Database,
    /// Waiting for a place in which a program may run.
    Wait,
}

/// Takes notes where it is on; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Profile(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    begun: Instant,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    threads: HashMap<ThreadId, u32>,
    names: Vec<String>,
    counters: HashMap<&'static str, i64>,
    events: Vec<Event>,
    dropped: u64,
}

#[derive(Debug)]
struct Event {
    thread: u32,
    at_ns: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Span { category: Category, name: String, duration_ns: u64, arguments: Map<String, Value> },
    Count { name: &'static str, value: i64 },
}

/// Something that goes on in this thread; noted when dropped.
#[derive(Debug)]
pub struct Span<'a> {
    open: Option<Open<'a>>,
    /// It stays on its thread.
    here: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Open<'a> {
    recorder: &'a Recorder,
    category: Category,
    name: String,
    begun: Instant,
    arguments: Map<String, Value>,
}

/// A counter that is one higher; one lower when dropped.
#[derive(Debug)]
pub struct Counted<'a>(&'a Profile, &'static str);

impl Profile {
    /// One that takes notes, from now on.
    pub fn begin() -> Self {
        Self(Some(Arc::new(Recorder { begun: Instant::now(), books: Mutex::default() })))
    }

    /// Whether notes are taken.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span of this thread.
    pub fn span<N: Into<String>>(&self, category: Category, name: impl FnOnce() -> N) -> Span<'_> {
        let open = self.0.as_deref().map(|recorder| Open {
            recorder,
            category,
            name: name().into(),
            begun: Instant::now(),
            arguments: Map::new(),
        });
        Span { open, here: PhantomData }
    }

    /// Notes a span of this thread that began then and ends now.
    pub fn since(&self, begun: Instant, category: Category, name: String, arguments: impl FnOnce() -> Value) {
        if let Some(recorder) = &self.0 {
            let arguments = arguments().as_object().cloned().unwrap_or_default();
            recorder.note(begun, |duration_ns| What::Span { category, name, duration_ns, arguments });
        }
    }

    /// Counts one more of something, as long as what it gives is held.
    pub fn count(&self, name: &'static str) -> Counted<'_> {
        self.change(name, 1);
        Counted(self, name)
    }

    fn change(&self, name: &'static str, by: i64) {
        if let Some(recorder) = &self.0 {
            let mut books = recorder.lock();
            let counter = books.counters.entry(name).or_default();
            *counter += by;
            let value = *counter;
            books.push(recorder.since_begin(Instant::now()), What::Count { name, value });
        }
    }

    /// Whether a trace can be written there: a new file, or in place of a regular one.
    pub fn check(path: &Path) -> io::Result<()> {
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is no regular file")),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        beside(path).map(drop)
    }

    /// Writes what was noted so far, whole or not at all; nothing where it is off.
    pub fn write(&self, path: &Path, command: &str) -> io::Result<()> {
        let Some(recorder) = &self.0 else { return Ok(()) };
        let mut file = beside(path)?;
        recorder.lock().write(BufWriter::new(file.as_file_mut()), command)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}

/// A file that is not there under its name before it is whole.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".pl-profile-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since_begin(&self, time: Instant) -> u64 {
        nanoseconds(time.saturating_duration_since(self.begun))
    }

    fn note(&self, begun: Instant, what: impl FnOnce(u64) -> What) {
        let what = what(nanoseconds(begun.elapsed()));
        self.lock().push(self.since_begin(begun), what);
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Span<'_> {
    /// Adds what became known meanwhile.
    pub fn tell(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if let Some(open) = &mut self.open {
            open.arguments.insert(name.to_owned(), value());
        }
    }
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        if let Some(Open { recorder, category, name, begun, arguments }) = self.open.take() {
            recorder.note(begun, |duration_ns| What::Span { category, name, duration_ns, arguments });
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.change(self.1, -1);
    }
}

impl Books {
    fn push(&mut self, at_ns: u64, what: What) {
        if self.events.len() >= EVENTS_MAX {
            self.dropped += 1;
            return;
        }
        let thread = self.thread();
        self.events.push(Event { thread, at_ns, what });
    }

    /// The number of this thread, from 1 on.
    fn thread(&mut self) -> u32 {
        let current = std::thread::current();
        let names = &mut self.names;
        *self.threads.entry(current.id()).or_insert_with(|| {
            let number = u32::try_from(names.len() + 1).unwrap_or(u32::MAX);
            names.push(current.name().map_or_else(|| format!("thread {number}"), str::to_owned));
            number
        })
    }

    fn write(&self, mut out: impl Write, command: &str) -> io::Result<()> {
        let process = std::process::id();
        let mut meta = vec![("process_name", 0, json!({ "name": command }))];
        for (number, name) in (1..).zip(&self.names) {
            meta.push(("thread_name", number, json!({ "name": name })));
            meta.push(("thread_sort_index", number, json!({ "sort_index": number })));
        }
        out.write_all(b"{\"traceEvents\":[")?;
        for (place, (name, thread, arguments)) in meta.into_iter().enumerate() {
            out.write_all(if place == 0 { b"\n" } else { b",\n" })?;
            let event = json!({ "ph": "M", "pid": process, "tid": thread, "name": name, "args": arguments });
            serde_json::to_writer(&mut out, &event)?;
        }
        for event in &self.events {
            out.write_all(b",\n")?;
            serde_json::to_writer(&mut out, &event.line(process))?;
        }
        let about = json!({ "pl": env!("CARGO_PKG_VERSION"), "dropped": self.dropped });
        write!(out, "\n],\"displayTimeUnit\":\"ms\",\"otherData\":{about}}}\n")?;
        out.flush()
    }
}

/// An event as the format has it; times are microseconds.
#[derive(Serialize)]
struct Line<'a> {
    ph: &'static str,
    pid: u32,
    tid: u32,
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<Category>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<std::borrow::Cow<'a, Map<String, Value>>>,
}

impl Event {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a build is shorter than the months from which on a nanosecond is lost"
    )]
    fn line(&self, pid: u32) -> Line<'_> {
        let microseconds = |ns: u64| ns as f64 / 1000.0;
        let (tid, ts) = (self.thread, microseconds(self.at_ns));
        match &self.what {
            What::Span { category, name, duration_ns, arguments } => Line {
                ph: "X",
                pid,
                tid,
                ts,
                dur: Some(microseconds(*duration_ns)),
                cat: Some(*category),
                name,
                args: (!arguments.is_empty()).then_some(std::borrow::Cow::Borrowed(arguments)),
            },
            What::Count { name, value } => {
                let args = Map::from_iter([("now".to_owned(), Value::from(*value))]);
                Line { ph: "C", pid, tid, ts, dur: None, cat: None, name, args: Some(std::borrow::Cow::Owned(args)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Category, Profile};

    fn events(profile: &Profile) -> Vec<Value> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        profile.write(&path, "pl test").expect("written");
        let text = std::fs::read_to_string(&path).expect("a trace");
        let trace: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a list").count(), 1);
        trace["traceEvents"].as_array().expect("events").clone()
    }

    #[test]
    fn spans_end_inside_out_and_tell_what_they_learned() {
        let profile = Profile::begin();
        {
            let mut outer = profile.span(Category::Step, || "outer");
            let _running = profile.count("running programs");
            drop(profile.span(Category::Hash, || "inner"));
            outer.tell("exit", || json!(3));
        }
        let events = events(&profile);
        let named = |name: &str| events.iter().find(|event| event["name"] == name).expect("it is there").clone();
        let (outer, inner) = (named("outer"), named("inner"));
        let end = |event: &Value| event["ts"].as_f64().expect("ts") + event["dur"].as_f64().expect("dur");
        assert_eq!((&outer["ph"], &outer["cat"], &outer["args"]["exit"]), (&json!("X"), &json!("step"), &json!(3)));
        assert!(outer["ts"].as_f64() <= inner["ts"].as_f64() && end(&inner) <= end(&outer), "{outer} {inner}");
        let counts: Vec<&Value> = events.iter().filter(|event| event["ph"] == "C").collect();
        assert_eq!(counts.iter().map(|count| &count["args"]["now"]).collect::<Vec<_>>(), [&json!(1), &json!(0)]);
        let threads = events.iter().filter(|event| event["name"] == "thread_name").count();
        assert_eq!(threads, 1);
    }

    #[test]
    fn one_that_is_off_asks_for_nothing_and_writes_nothing() {
        let profile = Profile::default();
        let mut span = profile.span(Category::Git, || -> String { panic!("nobody asked") });
        span.tell("more", || panic!("nobody asked"));
        drop(span);
        let folder = tempfile::tempdir().expect("a folder");
        profile.write(&folder.path().join("trace.json"), "pl").expect("nothing to do");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a list").count(), 0);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Profile::check(&folder.path().join("trace.json")).is_ok());
        assert!(Profile::check(folder.path()).is_err());
        assert!(Profile::check(std::path::Path::new("/dev/null")).is_err());
        assert!(Profile::check(&folder.path().join("no/such/folder.json")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a list").count(), 0);
    }
}
