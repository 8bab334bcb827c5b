//! A child process that executes a program, in a session of its own: the most of what is `unsafe` here.
//!
//! On Linux the child shares our memory until it executes (clone(2) with `CLONE_VM` and `CLONE_VFORK`), so that the cost
//! of a start does not grow with our heap as that of a fork does. It dies with the thread that started it. Does not wait
//! for it, and does not know what it is for.

use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::process::Pid;

#[cfg(target_os = "linux")]
use super::jobserver::DESCRIPTORS;

/// What a child begins with.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// Program and arguments, at least the program; a name without `/` is looked up in the `PATH` of `environment`.
    pub(super) argv: &'a [OsString],
    /// The file to execute; nothing is looked up then.
    pub(super) file: Option<&'a Path>,
    /// Its current folder; relative programs are relative to it.
    pub(super) dir: &'a Path,
    /// All variables but the marker.
    pub(super) environment: &'a [(OsString, OsString)],
    /// The variable by which it is found, and its value.
    pub(super) marker: (&'a str, &'a str),
    /// Standard input, output and error.
    pub(super) streams: [BorrowedFd<'a>; 3],
    /// What it finds under the numbers of [`DESCRIPTORS`].
    pub(super) ends: Option<[BorrowedFd<'a>; 2]>,
}

impl Launch<'_> {
    /// Starts it. Fails with what execve(2) said of the last candidate, or with `InvalidInput` where a text holds a NUL.
    pub(super) fn start(&self) -> io::Result<Pid> {
        system::start(self)
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "clone and what must happen in the child have no safe form")]
mod system {
    use std::ffi::{CString, OsStr, c_char, c_int, c_void};
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;

    use rustix::process::{Pid, getpid};

    use super::{DESCRIPTORS, Launch};

    /// Bytes of the child's stack; it calls a dozen functions of the C library, none of them deep.
    const STACK_BYTES: usize = 64 * 1024;

    /// Where programs are looked for if the environment has no `PATH` (execvp(3)).
    const PATH_DEFAULT: &[u8] = b"/bin:/usr/bin";

    /// Runs a script that has no first line of its own (execvp(3)).
    const SHELL: &[u8] = b"/bin/sh";

    /// All that the child needs, made before it is born: it must not allocate, lock, or panic.
    struct Prepared {
        candidates: Vec<CString>,
        argv: Vec<*const c_char>,
        environment: Vec<*const c_char>,
        /// `argv` for [`SHELL`]: the script stands at 1.
        script: Vec<*const c_char>,
        shell: CString,
        dir: CString,
        streams: [c_int; 3],
        ends: Option<[c_int; 2]>,
        parent: c_int,
        /// Why it did not execute; 0 as long as nothing failed.
        error: c_int,
    }

    pub(super) fn start(launch: &Launch<'_>) -> io::Result<Pid> {
        let texts = texts(launch.argv.iter().map(|word| word.as_bytes().to_vec()))?;
        let variables = texts_of_variables(launch)?;
        let argv = pointers(&texts);
        let mut script = vec![std::ptr::null(); 2];
        script.extend_from_slice(&argv[1..]);
        let mut prepared = Prepared {
            candidates: candidates(launch)?,
            environment: pointers(&variables),
            script,
            argv,
            shell: CString::new(SHELL)?,
            dir: CString::new(launch.dir.as_os_str().as_bytes())?,
            streams: launch.streams.map(|stream| stream.as_raw_fd()),
            ends: launch.ends.map(|ends| ends.map(|end| end.as_raw_fd())),
            parent: getpid().as_raw_nonzero().get(),
            error: 0,
        };
        let born = give_birth(&mut prepared)?;
        if prepared.error == 0 {
            return Ok(born);
        }
        // It ended on its own; nobody else waits for it.
        let _ = rustix::process::waitpid(Some(born), rustix::process::WaitOptions::empty());
        Err(io::Error::from_raw_os_error(prepared.error))
    }

    /// Clones. Returns once the child has executed or ended.
    fn give_birth(prepared: &mut Prepared) -> io::Result<Pid> {
        let mut stack: Vec<MaybeUninit<u128>> = Vec::with_capacity(STACK_BYTES / size_of::<u128>());
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let argument = std::ptr::from_mut(prepared).cast::<c_void>();
        // SAFETY: the stack grows down from its end, is aligned to 16 bytes, and lives until the child no longer uses it, as
        // does `prepared`: CLONE_VFORK holds this thread until then. All signals are blocked meanwhile, so that none of our
        // handlers runs in the child, which shares our memory; it restores what it must before it executes. `child` makes
        // only calls that are safe after a fork.
        let (pid, error) = unsafe {
            let top = stack.as_mut_ptr().add(stack.capacity()).cast::<c_void>();
            let mut all = MaybeUninit::<libc::sigset_t>::uninit();
            let mut before = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            let pid = libc::clone(child, top, flags, argument);
            let error = io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
            (pid, error)
        };
        Pid::from_raw(pid.max(0)).ok_or(error)
    }

    /// The child: never returns but by failing.
    extern "C" fn child(argument: *mut c_void) -> c_int {
        // SAFETY: the argument is the `Prepared` of `give_birth`, which nobody else touches until the child is gone; all its
        // pointers lead to texts with a NUL at their end, and its lists end with a null pointer.
        unsafe {
            let prepared = &mut *argument.cast::<Prepared>();
            prepared.error = if begin(prepared) { execute(prepared) } else { *libc::__errno_location() };
            libc::_exit(127)
        }
    }

    /// Session, death signal, folder, streams, signals.
    unsafe fn begin(prepared: &Prepared) -> bool {
        // SAFETY: system calls on what `Prepared` promises.
        unsafe {
            if libc::setsid() < 0 || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0 {
                return false;
            }
            // It may have died before the line above.
            if libc::getppid() != prepared.parent {
                *libc::__errno_location() = libc::ESRCH;
                return false;
            }
            for (number, stream) in (0..).zip(prepared.streams) {
                if libc::dup2(stream, number) < 0 {
                    return false;
                }
            }
            for (number, end) in DESCRIPTORS.into_iter().zip(prepared.ends.into_iter().flatten()) {
                if libc::dup2(end, number) < 0 {
                    return false;
                }
            }
            if libc::chdir(prepared.dir.as_ptr()) < 0 {
                return false;
            }
            forget_handlers();
            let mut none = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut()) == 0
        }
    }

    /// What we handle gets its default, before the mask is lifted; what was ignored stays ignored, but for SIGPIPE, which
    /// the runtime ignores for us alone.
    unsafe fn forget_handlers() {
        for signal in 1..32 {
            // SAFETY: asks for, and sets, dispositions of this process alone; KILL and STOP are refused without effect.
            unsafe {
                let mut now = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                if libc::sigaction(signal, std::ptr::null(), &raw mut now) < 0 {
                    continue;
                }
                let handled = now.sa_sigaction != libc::SIG_DFL && now.sa_sigaction != libc::SIG_IGN;
                if handled || (signal == libc::SIGPIPE && now.sa_sigaction == libc::SIG_IGN) {
                    now.sa_sigaction = libc::SIG_DFL;
                    now.sa_flags = 0;
                    libc::sigaction(signal, &raw const now, std::ptr::null_mut());
                }
            }
        }
    }

    /// Tries the candidates as execvp(3) does; says what went wrong.
    unsafe fn execute(prepared: &mut Prepared) -> c_int {
        let mut worst = libc::ENOENT;
        for candidate in &prepared.candidates {
            // SAFETY: see `child`.
            let error = unsafe {
                libc::execve(candidate.as_ptr(), prepared.argv.as_ptr(), prepared.environment.as_ptr());
                *libc::__errno_location()
            };
            match error {
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                libc::EACCES => worst = error,
                libc::ENOEXEC => {
                    prepared.script[0] = prepared.shell.as_ptr();
                    prepared.script[1] = candidate.as_ptr();
                    // SAFETY: see `child`.
                    unsafe {
                        libc::execve(prepared.shell.as_ptr(), prepared.script.as_ptr(), prepared.environment.as_ptr());
                    }
                    return error;
                }
                _ => return error,
            }
        }
        worst
    }

    /// The files that a program's name may stand for.
    fn candidates(launch: &Launch<'_>) -> io::Result<Vec<CString>> {
        if let Some(file) = launch.file {
            return texts([file.as_os_str().as_bytes().to_vec()]);
        }
        let program = launch.argv[0].as_bytes();
        if program.is_empty() || program.contains(&b'/') {
            return texts([program.to_vec()]);
        }
        let path = launch.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
        let folders = path.map_or(PATH_DEFAULT, OsStr::as_bytes).split(|byte| *byte == b':');
        texts(folders.map(|folder| match folder {
            b"" => program.to_vec(),
            folder => [folder, b"/", program].concat(),
        }))
    }

    fn texts_of_variables(launch: &Launch<'_>) -> io::Result<Vec<CString>> {
        let (marker, its_value) = launch.marker;
        let others = launch.environment.iter().filter(|(name, _)| name != marker);
        let others = others.map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
        texts(others.chain([format!("{marker}={its_value}").into_bytes()]))
    }

    fn texts(all: impl IntoIterator<Item = Vec<u8>>) -> io::Result<Vec<CString>> {
        Ok(all.into_iter().map(CString::new).collect::<Result<_, _>>()?)
    }

    fn pointers(texts: &[CString]) -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use rustix::process::Pid;

    use super::Launch;

    pub(super) fn start(launch: &Launch<'_>) -> io::Result<Pid> {
        let mut command = Command::new(launch.file.map_or(launch.argv[0].as_os_str(), Path::as_os_str));
        command.arg0(&launch.argv[0]).args(&launch.argv[1..]).current_dir(launch.dir);
        let (marker, its_value) = launch.marker;
        command.env_clear().envs(launch.environment.iter().cloned()).env(marker, its_value);
        let [stdin, stdout, stderr] = &launch.streams;
        command.stdin(Stdio::from(stdin.try_clone_to_owned()?));
        command.stdout(Stdio::from(stdout.try_clone_to_owned()?));
        command.stderr(Stdio::from(stderr.try_clone_to_owned()?));
        #[expect(unsafe_code, reason = "pre_exec is unsafe; what it runs is one system call that is safe after fork")]
        // SAFETY: the closure allocates nothing, takes no lock and makes nothing but a system call.
        unsafe {
            command.pre_exec(|| rustix::process::setsid().map(drop).map_err(io::Error::from));
        }
        let child = command.spawn()?;
        Pid::from_raw(child.id().cast_signed()).ok_or_else(|| io::Error::other("a process without an id"))
    }
}
