//! `pl watch` vouches for files to whoever looks at the kept plan meanwhile: a question and an answer by way of a socket.
//!
//! Who is told of every change in a folder knows that nothing changed there since he looked, and need not look again. The
//! question is a digest of the plan file's stat, a line; the answer `no`, or the places of the folders that must still be
//! looked at, a line of numbers. A wrong or late answer costs time, never truth: what is vouched for is what events tell.
//! What no event tells (files with several names, folders that are not watched, variables, programs, the database) is left
//! to who asks. Files written through memory are told of when they are closed. Knows no steps.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::digest::Digest;
use crate::cli::engine::Project;
use crate::cli::engine::kept;
use crate::kept::Kept;
use crate::observe::world::{project_id, state_dir};
use crate::project::find_root;
use crate::system::changes::{Changes, Ledger};
use crate::system::{OsSystem, Stat, System};

/// The folder of the socket and of the ledger's marks, in the state folder.
const FOLDER: &str = "watch";
const SOCKET: &str = "socket";

/// Below so many files looking is as quick as asking.
const FILES_MIN: usize = 2_000;

/// Who does not answer within this is not asked any longer.
const PATIENCE: Duration = Duration::from_millis(200);

/// Bytes of a question or an answer.
const TEXT_MAX: u64 = 16 << 20;

/// Longest path of a socket that every machine takes; a longer one goes by way of its folder's descriptor.
const SOCKET_PATH_MAX: usize = 100;

const NO: &str = "no";
const RENEW: &str = "renew";
const END: &str = "end";

/// The folder in which a project's watcher is found; `None` where there is no state folder.
pub fn folder(project: &Project) -> Option<PathBuf> {
    let directory = project.directory.canonicalize().ok()?;
    let root = find_root(&OsSystem, &directory);
    Some(folder_in(&state_dir(&project_id(&root), |name| OsSystem.variable(name))?))
}

fn folder_in(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// Asks who watches for the folders of a plan that must be looked at; `None`: all of them.
pub fn ask(kept: &Kept, state: &Path) -> Option<Vec<u32>> {
    if kept.file_count() < FILES_MIN {
        return None;
    }
    let answer = said(&folder_in(state), &identity(&kept.stat()?)).ok()?;
    let places = answer.strip_prefix("yes")?;
    let known = |place: &u32| (*place as usize) < kept.folder_count();
    places.split_ascii_whitespace().map(|place| place.parse().ok().filter(known)).collect()
}

fn identity(stat: &Stat) -> String {
    Digest::of(format!("{stat:?}").as_bytes()).hex()
}

/// Says something to who listens there.
fn say(folder: &Path, words: &str) -> io::Result<UnixStream> {
    let mut stream = at_socket(folder, |path| UnixStream::connect(path))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    writeln!(stream, "{words}")?;
    Ok(stream)
}

fn said(folder: &Path, question: &str) -> io::Result<String> {
    let stream = say(folder, question)?;
    let mut answer = String::new();
    stream.take(TEXT_MAX).read_to_string(&mut answer)?;
    let whole = answer.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(whole.to_owned())
}

/// Does something with the socket's path, however long that is.
fn at_socket<T>(folder: &Path, act: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return act(&path);
    }
    let open = File::open(folder)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&open);
    act(&Path::new("/proc/self/fd").join(number.to_string()).join(SOCKET))
}

/// What the loop knows while it waits: all events up to a number are heeded, and these folders are watched.
#[derive(Debug, Clone)]
struct Idle {
    events: u64,
    folders: Arc<HashSet<PathBuf>>,
}

/// Since when nothing moved that a plan names.
#[derive(Debug)]
struct Vouch {
    events: u64,
    /// Of the plan file.
    plan: String,
    /// Folders that are for others to look at.
    own: Vec<u32>,
}

/// Answers questions while it lives.
#[derive(Debug)]
pub struct Vouching {
    folder: PathBuf,
    idle: Arc<Mutex<Option<Idle>>>,
    answering: Option<JoinHandle<()>>,
}

impl Vouching {
    /// Begins; `None` where there are no events, or another watcher answers for this project.
    pub fn begin(project: &Project, changes: &Changes) -> Option<Self> {
        let folder = folder(project).filter(|_| changes.why_polling().is_none())?;
        let listener = listen(&folder).ok()?;
        let idle = Arc::<Mutex<Option<Idle>>>::default();
        let mut answerer =
            Answerer { project: project.clone(), ledger: changes.ledger(), idle: Arc::clone(&idle), vouch: None };
        let thread = std::thread::Builder::new().name("pl-vouch".to_owned());
        let answering = thread.spawn(move || answerer.run(&listener)).ok()?;
        Some(Self { folder, idle, answering: Some(answering) })
    }

    /// The loop waits: every event that was told is heeded.
    pub fn waits(&self, changes: &Changes) {
        let folders = Arc::new(changes.folders().clone());
        self.set(Some(Idle { events: changes.handed_on(), folders }));
        let _ = say(&self.folder, RENEW);
    }

    /// The loop works.
    pub fn works(&self) {
        self.set(None);
    }

    fn set(&self, idle: Option<Idle>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = idle;
    }
}

impl Drop for Vouching {
    fn drop(&mut self) {
        self.works();
        let ended = said(&self.folder, END).is_ok();
        let _ = std::fs::remove_file(self.folder.join(SOCKET));
        if let Some(answering) = self.answering.take().filter(|_| ended) {
            let _ = answering.join();
        }
    }
}

/// A socket of our own; an error where somebody else answers there.
fn listen(folder: &Path) -> io::Result<UnixListener> {
    let bind = || at_socket(folder, |path| UnixListener::bind(path));
    match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // Nobody listens on what a killed watcher left behind.
            if at_socket(folder, |path| UnixStream::connect(path)).is_ok() {
                return Err(error);
            }
            std::fs::remove_file(folder.join(SOCKET))?;
            bind()
        }
        bound => bound,
    }
}

struct Answerer {
    project: Project,
    ledger: Arc<Ledger>,
    idle: Arc<Mutex<Option<Idle>>>,
    vouch: Option<Vouch>,
}

impl Answerer {
    fn run(&mut self, listener: &UnixListener) {
        for stream in listener.incoming() {
            // Who asks and does not listen is none of our business.
            if stream.is_ok_and(|stream| self.answer(&stream).is_ok_and(|goes_on| !goes_on)) {
                return;
            }
        }
    }

    /// Whether to go on.
    fn answer(&mut self, mut stream: &UnixStream) -> io::Result<bool> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut question = String::new();
        BufReader::new(stream).take(TEXT_MAX).read_line(&mut question)?;
        match question.trim_end() {
            END => {
                writeln!(stream, "{END}")?;
                return Ok(false);
            }
            RENEW => self.vouch = self.look(),
            plan => match self.vouches(plan) {
                Some(own) => {
                    let places: Vec<String> = own.iter().map(u32::to_string).collect();
                    writeln!(stream, "yes {}", places.join(" "))?;
                }
                None => {
                    writeln!(stream, "{NO}")?;
                    // Who asked goes on before the look begins; the next one may have a better answer.
                    stream.shutdown(std::net::Shutdown::Both)?;
                    self.vouch = self.look();
                }
            },
        }
        Ok(true)
    }

    fn vouches(&self, plan: &str) -> Option<&[u32]> {
        let vouch = self.vouch.as_ref().filter(|vouch| vouch.plan == plan)?;
        (self.ledger.settled(PATIENCE / 2)? == vouch.events).then_some(&vouch.own)
    }

    /// Looks at all files of the plan; `None` where one moved, or where the loop has something to do first.
    fn look(&self) -> Option<Vouch> {
        let Idle { events, folders } = self.idle.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        if self.ledger.settled(PATIENCE)? != events {
            return None;
        }
        let kept = kept::open_plan(&self.project).filter(|kept| kept.file_count() >= FILES_MIN)?;
        let own = kept.look_at_unwatched(|folder| folders.contains(folder))?;
        Some(Vouch { events, plan: identity(&kept.stat()?), own })
    }
}
