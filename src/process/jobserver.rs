//! Places for programs that are shared with make, cargo, ninja: a GNU make jobserver, joined or opened.
//!
//! A jobserver is a pipe with a byte for each program more than one that may run; whoever starts one takes a byte and puts it
//! back. One program may always run: the one for which we were started. Its byte lies in a pipe of our own, so that nobody
//! ever waits for others alone. Does not know what the programs are. (The protocol: "POSIX Jobserver Interaction" in the manual of GNU make.)

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cancel::Cancel;

/// Variables by which programs find a jobserver, in the order in which they are asked.
pub const VARIABLES: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// The descriptors that programs get, whoever opened the jobserver: high enough to be in nobody's way, and always the same, so
/// that a program that prints its environment prints the same. Below 64, where a process's first table of descriptors ends: a larger
/// one makes a process of several threads wait for all processors of the machine (`synchronize_rcu` in Linux, some 10 ms).
pub(super) const DESCRIPTORS: [i32; 2] = [50, 51];

/// Ours lie above theirs, so that none of them is overwritten in a child.
const OURS_FROM: i32 = 52;

/// The flag of a cancel that cannot wake us is asked this often.
const WAIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Bytes that are put in at once.
const BYTES: [u8; 64] = [b'+'; 64];

/// How a program is told of the jobserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// By descriptors that it inherits: what every make, and cargo, understands.
    Descriptors,
    /// By the path of a fifo: what ninja understands, and make from 4.4 on.
    Path,
}

/// Two ends of a jobserver, for a program that is started.
#[derive(Debug, Clone)]
pub struct Ends(pub(super) Arc<[OwnedFd; 2]>);

/// A jobserver; or none, where every place is had for the asking.
#[derive(Debug)]
pub struct Jobserver {
    shared: Option<Shared>,
    /// The byte for the one program that may always run.
    own: Option<(PipeReader, PipeWriter)>,
}

#[derive(Debug)]
struct Shared {
    /// Never blocks.
    take: File,
    give: File,
    ends: Option<Ends>,
    fifo: Option<PathBuf>,
    /// How many bytes there are, where it is ours.
    opened: Option<usize>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// Bytes that we hold.
    held: usize,
    /// Programs that run and may hold some.
    sharing: usize,
}

/// A place for one program; given back when dropped.
#[derive(Debug)]
pub struct Place<'a> {
    jobserver: &'a Jobserver,
    from: From,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Nowhere,
    Own,
    Shared(u8),
}

/// A program that is told of the jobserver; what it leaves in disorder is put right when dropped.
#[derive(Debug)]
pub struct Sharing<'a> {
    shared: &'a Shared,
    /// What makes it find the jobserver.
    pub flags: String,
    /// What it inherits.
    pub ends: Option<Ends>,
}

impl Jobserver {
    /// The jobserver that we were started under, or one of our own for so many programs at once, as a fifo that is made at a
    /// path; without a path there is none of our own. Says what is wrong with the one that we were told of, if that cannot be used.
    pub fn of(programs: u32, fifo: Option<&Path>) -> (Self, Option<String>) {
        let own = own().ok();
        let (joined, wrong) = match joined(|name| std::env::var(name).ok()) {
            Ok(joined) => (joined, None),
            Err(wrong) => (None, Some(wrong)),
        };
        let shared = joined.or_else(|| opened(programs, fifo?).ok()).filter(|_| own.is_some());
        (Self { shared, own }, wrong)
    }

    /// Waits for a place; `None` once it is cancelled.
    pub fn take(&self, cancel: &Cancel) -> Option<Place<'_>> {
        let (Some(shared), Some((own, _))) = (&self.shared, &self.own) else {
            return Some(Place { jobserver: self, from: From::Nowhere });
        };
        while !cancel.is_cancelled() {
            if read_one(own).is_some() {
                return Some(Place { jobserver: self, from: From::Own });
            }
            if let Some(byte) = shared.take() {
                return Some(Place { jobserver: self, from: From::Shared(byte) });
            }
            let watched = [own.as_fd(), shared.take.as_fd()].into_iter().chain(cancel.wakes());
            let mut slots: Vec<PollFd<'_>> = watched.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            let _ = poll(&mut slots, Some(&WAIT));
        }
        None
    }

    /// Lets a program share, where that can be told it in this style.
    pub fn share(&self, style: Style) -> Option<Sharing<'_>> {
        let shared = self.shared.as_ref()?;
        let (auth, ends) = match style {
            Style::Descriptors => {
                (format!("{},{}", DESCRIPTORS[0], DESCRIPTORS[1]), Some(shared.ends.as_ref()?.clone()))
            }
            Style::Path => (format!("fifo:{}", shared.fifo.as_ref()?.display()), None),
        };
        shared.lock().sharing += 1;
        // Older programs know the first spelling, newer ones the second; neither minds the other.
        let flags = match style {
            Style::Descriptors => format!("-j --jobserver-fds={auth} --jobserver-auth={auth}"),
            Style::Path => format!("-j --jobserver-auth={auth}"),
        };
        Some(Sharing { shared, flags, ends })
    }
}

impl Drop for Jobserver {
    fn drop(&mut self) {
        if let Some(Shared { opened: Some(_), fifo: Some(fifo), .. }) = &self.shared {
            let _ = std::fs::remove_file(fifo);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        match (self.from, &self.jobserver.shared, &self.jobserver.own) {
            (From::Own, _, Some((_, own))) => drop(rustix::io::write(own, b"+")),
            (From::Shared(byte), Some(shared), _) => shared.give(byte),
            _ => {}
        }
    }
}

impl Drop for Sharing<'_> {
    fn drop(&mut self) {
        let mut books = self.shared.lock();
        books.sharing -= 1;
        self.shared.mend(&books);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<u8> {
        let mut books = self.lock();
        let byte = read_one(&self.take)?;
        books.held += 1;
        Some(byte)
    }

    fn give(&self, byte: u8) {
        let mut books = self.lock();
        books.held -= 1;
        let _ = rustix::io::write(&self.give, &[byte]);
    }

    /// A program that was killed keeps what it held, and one that is wrong may put in more than it took. Where the jobserver is
    /// ours and nobody shares it now, what must be in it is known.
    fn mend(&self, books: &Books) {
        let Some(opened) = self.opened.filter(|_| books.sharing == 0) else { return };
        let Ok(there) = rustix::io::ioctl_fionread(&self.take) else { return };
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        let wanted = opened.saturating_sub(books.held);
        for _ in wanted..there {
            let _ = read_one(&self.take);
        }
        fill(&self.give, wanted.saturating_sub(there));
    }
}

/// A pipe of our own with one byte in it, which never blocks.
fn own() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    rustix::io::write(&writer, b"+")?;
    Ok((reader, writer))
}

fn read_one(from: impl AsFd) -> Option<u8> {
    let mut byte = [0_u8];
    loop {
        match rustix::io::read(&from, &mut byte) {
            Ok(1) => return Some(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            _ => return None,
        }
    }
}

/// Puts so many bytes in; gives how many had room.
fn fill(into: impl AsFd, count: usize) -> usize {
    let mut written = 0;
    while written < count {
        match rustix::io::write(&into, &BYTES[..BYTES.len().min(count - written)]) {
            Ok(some) if some > 0 => written += some,
            Err(rustix::io::Errno::INTR) => {}
            _ => break,
        }
    }
    written
}

/// Opens one of our own.
#[cfg(target_os = "linux")]
fn opened(programs: u32, fifo: &Path) -> io::Result<Shared> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    // One that a killed build left.
    let _ = std::fs::remove_file(fifo);
    mknodat(CWD, fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    let take = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(fifo)?;
    let give = take.try_clone()?;
    let ends = ends(fifo, fifo).ok();
    let opened = fill(&give, (programs as usize).saturating_sub(1));
    let fifo = Some(fifo.to_owned()).filter(|fifo| is_plain(fifo));
    Ok(Shared { take, give, ends, fifo, opened: Some(opened), books: Mutex::default() })
}

#[cfg(not(target_os = "linux"))]
fn opened(_programs: u32, _fifo: &Path) -> io::Result<Shared> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The flags are words with blanks between them.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !path.contains(char::is_whitespace))
}

/// The jobserver that variables tell of, if any; else why it cannot be used.
fn joined(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Shared>, String> {
    let Some(auth) = VARIABLES.iter().find_map(|name| told(&variable(name)?)) else { return Ok(None) };
    let wrong = |why: String| format!("the jobserver `{auth}` cannot be used: {why}");
    let (take, give, fifo) = match auth.strip_prefix("fifo:") {
        Some(path) => (PathBuf::from(path), PathBuf::from(path), Some(PathBuf::from(path))),
        None => {
            let [take, give] = inherited(&auth).map_err(wrong)?;
            (take, give, None)
        }
    };
    for end in [&take, &give] {
        let metadata = std::fs::metadata(end).map_err(|error| wrong(error.to_string()))?;
        if !metadata.file_type().is_fifo() {
            return Err(wrong("it is no pipe".to_owned()));
        }
    }
    let open = || {
        let end = |read: bool, path: &Path| {
            // A fifo opened for both never waits for who opens its other end.
            let both = fifo.is_some();
            let mut options = OpenOptions::new();
            options.read(read || both).write(!read || both).custom_flags(libc::O_NONBLOCK).open(path)
        };
        let (its_take, its_give) = (end(true, &take)?, end(false, &give)?);
        let ends = ends(&take, &give).ok();
        Ok(Shared { take: its_take, give: its_give, ends, fifo: fifo.clone(), opened: None, books: Mutex::default() })
    };
    open().map(Some).map_err(|error: io::Error| wrong(error.to_string()))
}

/// What stands last in flags; none where the jobserver was switched off for us (a negative descriptor).
fn told(flags: &str) -> Option<String> {
    let words = flags.split_whitespace();
    let mut auths = words
        .filter_map(|word| word.strip_prefix("--jobserver-auth=").or_else(|| word.strip_prefix("--jobserver-fds=")));
    auths.next_back().filter(|auth| !auth.starts_with('-')).map(str::to_owned)
}

/// Descriptors that we were given, as paths to open them anew: with what we set on ours nobody else shall be troubled.
fn inherited(auth: &str) -> Result<[PathBuf; 2], String> {
    let numbers = auth.split_once(',').and_then(|(take, give)| Some([take.parse().ok()?, give.parse().ok()?]));
    let numbers: [u32; 2] = numbers.ok_or("it is neither `R,W` nor `fifo:PATH`")?;
    for number in numbers {
        // What we opened ourselves is closed on execution; a number that was closed for us may be one of those.
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
        if flags.is_none_or(|flags| flags & libc::O_CLOEXEC != 0) {
            return Err("its descriptors were closed; make wants a `+` before the line that starts pl".to_owned());
        }
    }
    Ok(numbers.map(|number| PathBuf::from(format!("/proc/self/fd/{number}"))))
}

/// Ends that block, for programs; none where programs cannot be given more than their streams.
fn ends(take: &Path, give: &Path) -> io::Result<Ends> {
    if !cfg!(target_os = "linux") {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let above = |file: File| Ok::<_, io::Error>(rustix::io::fcntl_dupfd_cloexec(file, OURS_FROM)?);
    let take = above(OpenOptions::new().read(true).open(take)?)?;
    let give = above(OpenOptions::new().write(true).open(give)?)?;
    Ok(Ends(Arc::new([take, give])))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{Jobserver, Style, fill, joined, opened, own, read_one, told};
    use crate::process::cancel::Cancel;

    fn server(programs: u32, folder: &std::path::Path) -> Jobserver {
        let shared = opened(programs, &folder.join("jobserver")).expect("a jobserver");
        Jobserver { shared: Some(shared), own: Some(own().expect("a pipe")) }
    }

    fn there(jobserver: &Jobserver) -> u64 {
        rustix::io::ioctl_fionread(&jobserver.shared.as_ref().expect("shared").take).expect("a count")
    }

    #[test]
    fn what_flags_tell() {
        for (flags, expected) in [
            ("", None),
            ("kw -j4", None),
            (" -j4 --jobserver-auth=3,4", Some("3,4")),
            ("-j --jobserver-fds=3,4 --jobserver-auth=5,6", Some("5,6")),
            (" -j --jobserver-auth=fifo:/tmp/x -- A=1", Some("fifo:/tmp/x")),
            (" -j4 --jobserver-auth=-2,-2", None),
        ] {
            assert_eq!(told(flags).as_deref(), expected, "{flags}");
        }
    }

    #[test]
    fn one_that_cannot_be_used_is_told() {
        let flags = |auth: &str| joined(|name| (name == "MAKEFLAGS").then(|| format!("-j2 --jobserver-auth={auth}")));
        assert!(joined(|_| None).expect("nothing wrong").is_none());
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "+++").expect("a file");
        for auth in ["1000,1001", "x", &format!("fifo:{}", file.display()), "fifo:/no/such/fifo"] {
            assert!(flags(auth).expect_err(auth).contains("cannot be used"), "{auth}");
        }
        // Our own pipes are never taken for it: they would be closed on execution.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let number = |fd: &dyn std::os::fd::AsRawFd| fd.as_raw_fd();
        let auth = format!("{},{}", number(&reader), number(&writer));
        assert!(flags(&auth).expect_err("ours").contains("closed"));
    }

    #[test]
    fn one_is_always_had_and_the_others_from_the_queue() {
        let folder = tempfile::tempdir().expect("a folder");
        let jobserver = server(3, folder.path());
        let cancel = Cancel::new();
        let places: Vec<_> = (0..3).map(|_| jobserver.take(&cancel).expect("a place")).collect();
        assert_eq!(there(&jobserver), 0);
        drop(places);
        assert_eq!(there(&jobserver), 2);
        let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _place = jobserver.take(&cancel).expect("a place");
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        let fifo = folder.path().join("jobserver");
        assert!(fifo.exists());
        drop(jobserver);
        assert!(!fifo.exists());
    }

    #[test]
    fn who_waits_can_be_cancelled() {
        let folder = tempfile::tempdir().expect("a folder");
        let jobserver = server(1, folder.path());
        let cancel = Cancel::new();
        let _held = jobserver.take(&cancel).expect("a place");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| jobserver.take(&cancel).is_none());
            cancel.cancel();
            assert!(waiting.join().expect("no panic"));
        });
    }

    #[test]
    fn what_a_killed_program_kept_is_put_back_and_what_one_made_up_is_taken_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let jobserver = server(4, folder.path());
        let shared = jobserver.shared.as_ref().expect("shared");
        let cancel = Cancel::new();
        let (one, other) = (jobserver.share(Style::Descriptors), jobserver.share(Style::Path));
        assert!(one.is_some() && other.is_some());
        let place = [jobserver.take(&cancel), jobserver.take(&cancel)];
        assert!(read_one(&shared.take).is_some() && read_one(&shared.take).is_some());
        drop(one);
        assert_eq!(there(&jobserver), 0, "somebody else may hold them");
        drop(other);
        assert_eq!(there(&jobserver), 2, "one of three is ours");
        drop(place);
        let sharing = jobserver.share(Style::Descriptors);
        fill(&shared.give, 5);
        drop(sharing);
        assert_eq!(there(&jobserver), 3);
    }
}
