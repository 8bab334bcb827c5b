//! Shell texts that say no more than the words of one program: it is started without a shell that would only start it.
//!
//! What comes of it is what `sh -c` makes of the text, or the shell is asked: for any character that it looks at, any word
//! that it takes for its own, any variable that it reads, a program that it would not find, and where it is not the one whose
//! ways these are. Starts nothing, and makes no key: that is made of the text.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The shell that is known (version 0.5): it hands on the environment as it is, with `PWD`, and tells how its command ended.
/// Others add variables of their own, and have builtins of their own.
const KNOWN: &str = "dash";

/// First words that are not, or not always, the names of programs: keywords and builtins of any of its builds; and the one
/// program of which it matters that it leads a session (it does not wait for its own command then).
const ITS_OWN: [&str; 63] = [
    ".", ":", "alias", "bg", "bind", "break", "builtin", "case", "cd", "chdir", "command", "continue", "do", "done",
    "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "function",
    "getopts", "hash", "histedit", "if", "in", "inputrc", "jobid", "jobs", "kill", "let", "local", "printf", "pwd",
    "read", "readonly", "return", "select", "set", "setsid", "setvar", "shift", "source", "test", "then", "time",
    "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait",
];

/// Variables that it gives a meaning or another value.
const ITS_VARIABLES: [&str; 16] = [
    "ATTY", "ENV", "FUNCNAME", "HISTSIZE", "IFS", "LINENO", "MAIL", "MAILPATH", "OLDPWD", "OPTARG", "OPTIND", "PPID",
    "PS1", "PS2", "PS4", "PWD",
];

/// What it says of a command that a signal ended, by the signal's number (signal(7)); of one by INT or PIPE it says nothing.
const SIGNALS: [(i32, &str); 15] = [
    (1, "Hangup"),
    (3, "Quit"),
    (4, "Illegal instruction"),
    (5, "Trace/breakpoint trap"),
    (6, "Aborted"),
    (7, "Bus error"),
    (8, "Floating point exception"),
    (9, "Killed"),
    (10, "User defined signal 1"),
    (11, "Segmentation fault"),
    (12, "User defined signal 2"),
    (14, "Alarm clock"),
    (15, "Terminated"),
    (24, "CPU time limit exceeded"),
    (31, "Bad system call"),
];

/// A program with what it is started with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Direct {
    pub(super) argv: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
}

/// What a shell that is started so in this folder would execute in its own place; `None` where the shell must be asked. `file`
/// says which file, links resolved, `sh` stands for on a search path.
pub(super) fn direct(
    argv: &[String],
    dir: &Path,
    environment: &[(OsString, OsString)],
    file: impl FnOnce(&OsStr) -> Option<PathBuf>,
) -> Option<Direct> {
    let [shell, flag, text] = argv else { return None };
    if shell != "sh" || flag != "-c" {
        return None;
    }
    let words = words(text)?;
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str())?;
    let is_plain = environment.iter().all(|(name, _)| is_plain(name));
    if !is_plain || path.as_encoded_bytes().contains(&b'%') || !is_known(path, file) {
        return None;
    }
    let here = dir.canonicalize().ok()?;
    let environment = environment.iter().cloned().chain([("PWD".into(), here.into())]).collect();
    Some(Direct { argv: words.into_iter().map(OsString::from).collect(), environment })
}

/// How the shell ends, and what it says, where a signal ended its command.
pub(super) fn told(signal: i32) -> (i32, String) {
    let name = SIGNALS.iter().find(|(number, _)| *number == signal).map(|(_, name)| format!("{name}\n"));
    (128 + signal, name.unwrap_or_default())
}

/// The words of a text in which the shell finds nothing else.
fn words(text: &str) -> Option<Vec<&str>> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b" \t_+-./,:@=".contains(&byte);
    // Before its first word it would look for options.
    if !text.bytes().all(harmless) || text.starts_with(['-', '+']) {
        return None;
    }
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let first = words.first()?;
    (!first.contains('=') && !ITS_OWN.contains(first)).then_some(words)
}

/// Whether the shell hands a variable on as it is: what is no name it drops.
fn is_plain(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_name
        && name.first().is_some_and(|byte| !byte.is_ascii_digit())
        && !ITS_VARIABLES.iter().any(|its| its.as_bytes() == name)
}

/// Whether the `sh` of a search path is the known one; a relative folder in it may hold another.
fn is_known(path: &OsStr, file: impl FnOnce(&OsStr) -> Option<PathBuf>) -> bool {
    std::env::split_paths(path).all(|folder| folder.is_absolute())
        && file(path).is_some_and(|shell| shell.file_name() == Some(OsStr::new(KNOWN)))
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::{Path, PathBuf};

    use super::{Direct, direct, is_known, told, words};
    use crate::process::cancel::Cancel;
    use crate::process::{Ended, OUTPUT_BYTES_MAX, Request};
    use crate::system::program::identify;

    fn sh(path: &OsStr) -> Option<PathBuf> {
        identify("sh", path, Path::new("/")).map(|identity| identity.file().to_owned())
    }

    #[test]
    fn a_text_is_words_or_the_shells() {
        let plain = ["cp a b", "  cc\t-o x.o -DA=1  x.c ", "./run", "/bin/true", "x,y:z@+%"];
        let expect: [Option<&[&str]>; 5] = [
            Some(&["cp", "a", "b"]),
            Some(&["cc", "-o", "x.o", "-DA=1", "x.c"]),
            Some(&["./run"]),
            Some(&["/bin/true"]),
            None,
        ];
        assert_eq!(plain.map(words), expect.map(|words| words.map(<[&str]>::to_vec)));
        for character in ";&|<>()$`\\\"'*?[]{}~#!%^\n\r\u{b}é".chars() {
            for text in [format!("cp a{character}b"), format!("{character}cp a"), format!("cp {character}")] {
                assert_eq!(words(&text), None, "{text:?}");
            }
        }
        for text in [
            "",
            " \t",
            "A=1 cp a",
            "A= cp",
            "-c cp",
            "+x",
            "cd x",
            "true",
            ": x",
            ". x",
            "exec cp a",
            "if",
            "test -e x",
        ] {
            assert_eq!(words(text), None, "{text:?}");
        }
    }

    /// A folder with programs, and a search path on which `sh` is the known shell; none where the machine has none.
    struct Place {
        folder: tempfile::TempDir,
        path: OsString,
    }

    impl Place {
        fn new() -> Option<Self> {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path();
            let dash = ["/bin/dash", "/usr/bin/dash"].iter().map(PathBuf::from).find(|dash| dash.exists())?;
            for name in ["bin", "before", "other"] {
                std::fs::create_dir(dir.join(name)).unwrap();
            }
            symlink(dash, dir.join("bin/sh")).unwrap();
            symlink("/bin/cat", dir.join("other/sh")).unwrap();
            let show = "#!/bin/sh\nprintf '%s|' \"$0\" \"$@\"; echo; echo said >&2; exit 3\n";
            let programs = [
                ("bin/show", show, 0o755),
                ("before/show", "#!/bin/sh\necho not executable\n", 0o644),
                ("plain", "echo a script of no interpreter: \"$0\" \"$@\"; exit 4\n", 0o755),
                ("forbidden", show, 0o644),
                ("broken", "#!/nowhere/at/all\n", 0o755),
                ("dies", "#!/bin/sh\necho before; kill -s \"$1\" $$\n", 0o755),
            ];
            for (name, text, mode) in programs {
                std::fs::write(dir.join(name), text).unwrap();
                std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
            }
            symlink(dir, dir.join("link")).unwrap();
            let path =
                ["before", "bin"].map(|name| dir.join(name)).into_iter().chain(["/usr/bin".into(), "/bin".into()]);
            let path = std::env::join_paths(path).unwrap();
            Some(Self { folder, path })
        }

        fn environment(&self, more: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
            let more = more.iter().map(|(name, value)| (name.into(), value.into()));
            [("PATH".into(), self.path.clone()), ("HOME".into(), "/h".into())].into_iter().chain(more).collect()
        }

        fn run(&self, argv: Vec<OsString>, dir: &Path, environment: Vec<(OsString, OsString)>) -> (Ended, Vec<String>) {
            let request = Request {
                argv,
                file: None,
                dir: dir.to_owned(),
                environment,
                timeout: None,
                idle: None,
                log: self.folder.path().join("log"),
                limit: OUTPUT_BYTES_MAX,
                ends: None,
                marker: "t".to_owned(),
            };
            let finished = crate::process::run(&request, &Cancel::new());
            let said = [finished.stdout, finished.stderr].concat();
            // In which order a shell hands its variables on is its own affair.
            let mut lines: Vec<String> = String::from_utf8(said).unwrap().lines().map(str::to_owned).collect();
            lines.sort();
            (finished.ended, lines)
        }
    }

    fn shell(text: &str) -> [String; 3] {
        ["sh", "-c", text].map(str::to_owned)
    }

    #[test]
    fn it_is_what_the_shell_makes_of_it() {
        let Some(place) = Place::new() else { return };
        let dir = place.folder.path();
        let texts = [
            "show a=b  c\t-d",
            "./show",
            "bin/show x",
            "./plain 1 2",
            "plain",
            "./forbidden",
            "forbidden",
            "./broken",
            "./dies KILL",
            "./dies TERM",
            "./dies INT",
            "./dies PIPE",
            "./dies HUP",
            "./dies ALRM",
            "env -u PL_STEP",
            "cat absent",
            "cat bin",
            "bin",
            "./bin",
            "not-there a b",
            "./not-there",
            "uname -s",
            "sh",
        ];
        for text in texts {
            for dir in [dir.to_owned(), dir.join("link"), dir.join("link/bin/..")] {
                let environment = place.environment(&[("A", "1 2"), ("_", "x"), ("SHLVL", "7"), ("lower", "")]);
                let by_shell = place.run(shell(text).map(OsString::from).to_vec(), &dir, environment.clone());
                let plain = direct(&shell(text), &dir, &environment, sh).expect("no shell is needed");
                let found = place.run(plain.argv, &dir, plain.environment);
                match found.0 {
                    // Then the shell is asked.
                    Ended::NotStarted(_) => {
                        assert!(matches!(by_shell.0, Ended::Exited(126 | 127)), "{text}: {by_shell:?}")
                    }
                    Ended::Signalled(signal) => {
                        let (code, name) = told(signal);
                        let mut lines = found.1;
                        lines.extend(name.lines().map(str::to_owned));
                        lines.sort();
                        assert_eq!((Ended::Exited(code), lines), by_shell, "{text}");
                    }
                    _ => assert_eq!(found, by_shell, "{text} in {}", dir.display()),
                }
            }
        }
    }

    #[test]
    fn where_it_could_differ_the_shell_is_asked() {
        let Some(place) = Place::new() else { return };
        let dir = place.folder.path();
        let asked =
            |argv: &[String], environment: &[(OsString, OsString)]| direct(argv, dir, environment, sh).is_none();
        assert!(!asked(&shell("show"), &place.environment(&[])));
        assert!(asked(&["bash", "-c", "show"].map(str::to_owned), &place.environment(&[])));
        assert!(asked(&["sh", "-ec", "show"].map(str::to_owned), &place.environment(&[])));
        assert!(asked(&["sh", "-c", "show", "x"].map(str::to_owned), &place.environment(&[])));
        for variable in ["PWD", "OPTIND", "IFS", "a-b", "1x", ""] {
            assert!(asked(&shell("show"), &place.environment(&[(variable, "1")])), "{variable}");
        }
        assert!(asked(&shell("show"), &[]), "no search path");
        let path = |folders: &str| OsString::from(folders.replace("DIR", dir.to_str().unwrap()));
        assert!(is_known(&path("DIR/absent:DIR/before:DIR/bin"), sh));
        for folders in ["DIR/other:DIR/bin", "before:DIR/bin", ":DIR/bin", "", "DIR/before"] {
            assert!(!is_known(&path(folders), sh), "{folders}");
        }
        let magic = [("PATH".into(), path("DIR/bin:DIR/%builtin"))];
        assert_eq!(direct(&shell("show"), dir, &magic, sh), None::<Direct>);
    }
}
