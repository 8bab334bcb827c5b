//! Programs of rules in a folder of the project's own, `.pl/tools`: pinned, beside nothing else, found before those of PATH.
//!
//! Knows pip and npm only, because both can put a package into a folder without touching the system. An environment is made for
//! each list of packages, so that two that want different versions of a third do not meet; `bin/` holds links to the programs
//! and gets one when its environment is whole. One pip fills all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::digest::Digest;
use crate::process::cancel::Cancel;
use crate::process::{self, Ended, Request, StartFailure};

/// Wall time of one installation.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Bytes of an installer's output that are kept.
const INSTALL_BYTES_MAX: usize = 64 * 1024;

/// Lines of an installer's output that a failure shows.
const LINES_SHOWN_MAX: usize = 12;

/// The file that says that an environment is whole.
const WHOLE: &str = "whole";

/// What is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The program that the rule starts.
    pub program: String,
    /// `["pip", "ruff==…"]`.
    pub words: Vec<String>,
}

impl Wanted {
    /// Whether it is one of those that can be had this way.
    pub fn can_be_had(&self) -> bool {
        matches!(self.words.as_slice(), [how, _, ..] if how == "pip" || how == "npm")
    }
}

/// Makes sure that a program is there; gives the link to it. The error is a sentence, with the end of what the installer said.
pub fn install(root: &Path, wanted: &Wanted, cancel: &Cancel) -> Result<PathBuf, String> {
    let [how, packages @ ..] = wanted.words.as_slice() else { return Err("it says nowhere to get it".to_owned()) };
    let tools = root.join(".pl/tools");
    let bin = tools.join("bin");
    std::fs::create_dir_all(&bin).map_err(|error| failed(&bin, &error))?;
    let digest = Digest::of_fields(wanted.words.iter().map(String::as_bytes)).hex();
    let place = tools.join(format!("{how}-{}", &digest[..16]));
    let made = Making { place: &place, tools: &tools, packages, cancel };
    let program = match how.as_str() {
        "pip" => place.join("bin").join(&wanted.program),
        "npm" => place.join("node_modules/.bin").join(&wanted.program),
        other => return Err(format!("`{other}` is not installed by pl: only pip and npm are")),
    };
    let lock = tools.join(format!("{how}-{}.lock", &digest[..16]));
    let lock = std::fs::File::create(&lock).map_err(|error| failed(&lock, &error))?;
    // Another pl may be making the same; then it is there when the lock is.
    lock.lock().map_err(|error| failed(&tools, &error))?;
    if !place.join(WHOLE).exists() {
        // What a stopped installation left is no beginning of one.
        let _ = std::fs::remove_dir_all(&place);
        let ended = if how == "pip" { made.pip() } else { made.npm() };
        if let Err(error) = ended {
            let _ = std::fs::remove_dir_all(&place);
            return Err(error);
        }
        std::fs::write(place.join(WHOLE), packages.join("\n")).map_err(|error| failed(&place, &error))?;
    }
    if !program.exists() {
        return Err(format!("{} does not hold a program `{}`", packages.join(" "), wanted.program));
    }
    let link = bin.join(&wanted.program);
    let new = bin.join(format!(".{}-{}", wanted.program, &digest[..16]));
    let _ = std::fs::remove_file(&new);
    std::os::unix::fs::symlink(&program, &new).map_err(|error| failed(&new, &error))?;
    std::fs::rename(&new, &link).map_err(|error| failed(&link, &error))?;
    Ok(link)
}

struct Making<'a> {
    place: &'a Path,
    tools: &'a Path,
    packages: &'a [String],
    cancel: &'a Cancel,
}

impl Making<'_> {
    /// An environment that holds the packages alone. The pip that fills it is one for all: putting a pip into each
    /// takes longer than most of what it then installs.
    fn pip(&self) -> Result<(), String> {
        let installer = self.installer()?;
        let mut venv = words(&["python3", "-m", "venv", "--without-pip"]);
        venv.push(self.place.into());
        self.run(venv)?;
        let mut pip = vec![installer.into_os_string()];
        pip.extend(words(&["-m", "pip", "--python"]));
        pip.push(self.place.join("bin/python").into());
        pip.extend(words(&["install", "--quiet", "--disable-pip-version-check", "--no-input"]));
        pip.extend(self.packages.iter().map(OsString::from));
        match self.run(pip) {
            Err(error) if error.contains("no such option: --python") => self.pip_of_its_own(),
            ended => ended,
        }
    }

    /// A Python whose pip knows no other environment than its own (before 22.3).
    fn pip_of_its_own(&self) -> Result<(), String> {
        let mut venv = words(&["python3", "-m", "venv"]);
        venv.push(self.place.into());
        self.run(venv)?;
        let mut pip = vec![self.place.join("bin/python").into_os_string()];
        pip.extend(words(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]));
        pip.extend(self.packages.iter().map(OsString::from));
        self.run(pip)
    }

    /// The Python of the environment whose pip installs; made by who comes first, the others wait.
    fn installer(&self) -> Result<PathBuf, String> {
        let place = self.tools.join("pip");
        let python = place.join("bin/python");
        let lock = self.tools.join("pip.lock");
        let lock = std::fs::File::create(&lock).map_err(|error| failed(&lock, &error))?;
        lock.lock().map_err(|error| failed(self.tools, &error))?;
        // A Python that was taken away or replaced leaves an environment that starts nothing.
        let works = place.join(WHOLE).exists()
            && self.run(vec![python.clone().into(), "-c".into(), "import pip".into()]).is_ok();
        if !works {
            let _ = std::fs::remove_dir_all(&place);
            let mut venv = words(&["python3", "-m", "venv"]);
            venv.push(place.clone().into());
            self.run(venv)?;
            std::fs::write(place.join(WHOLE), "").map_err(|error| failed(&place, &error))?;
        }
        Ok(python)
    }

    fn npm(&self) -> Result<(), String> {
        std::fs::create_dir_all(self.place).map_err(|error| failed(self.place, &error))?;
        // Without a package of its own there, npm would look for one further up.
        std::fs::write(self.place.join("package.json"), "{\"private\": true}\n")
            .map_err(|error| failed(self.place, &error))?;
        let mut npm =
            words(&["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"]);
        npm.push(self.place.into());
        npm.extend(self.packages.iter().map(OsString::from));
        self.run(npm)
    }

    fn run(&self, argv: Vec<OsString>) -> Result<(), String> {
        let program = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        let said = tempfile::tempdir().map_err(|error| format!("no folder for its output: {error}"))?;
        let request = Request {
            argv,
            file: None,
            dir: self.tools.to_path_buf(),
            environment: std::env::vars_os().collect(),
            timeout: Some(INSTALL_TIMEOUT),
            idle: None,
            log: said.path().join("install.log"),
            limit: INSTALL_BYTES_MAX,
            ends: None,
            marker: "install".to_owned(),
        };
        let finished = process::run(&request, self.cancel);
        let text = String::from_utf8_lossy(&finished.output_tail).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(LINES_SHOWN_MAX)..].join("\n");
        match finished.ended {
            Ended::Exited(0) => Ok(()),
            Ended::Exited(code) => Err(format!("{program} ended with {code}\n{tail}")),
            Ended::TimedOut => Err(format!("{program} did not end within {} s\n{tail}", INSTALL_TIMEOUT.as_secs())),
            Ended::Cancelled => Err("interrupted".to_owned()),
            Ended::NotStarted(StartFailure::Missing) => Err(format!("`{program}` is not there")),
            other => Err(format!("{program} could not be run: {other:?}\n{tail}")),
        }
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::{Wanted, install};
    use crate::process::cancel::Cancel;

    fn wanted(words: &[&str]) -> Wanted {
        Wanted { program: "x".to_owned(), words: words.iter().map(|word| (*word).to_owned()).collect() }
    }

    #[test]
    fn only_pip_and_npm() {
        assert!(wanted(&["pip", "x==1"]).can_be_had() && wanted(&["npm", "x@1"]).can_be_had());
        assert!(!wanted(&["cargo", "x"]).can_be_had() && !wanted(&["pip"]).can_be_had() && !wanted(&[]).can_be_had());
    }

    #[test]
    fn what_is_half_made_is_no_environment() {
        let folder = tempfile::tempdir().unwrap();
        let error = install(folder.path(), &wanted(&["pip", "./nowhere/at-all"]), &Cancel::new()).unwrap_err();
        assert!(error.contains("ended with"), "{error}");
        let left = std::fs::read_dir(folder.path().join(".pl/tools")).unwrap().flatten();
        let mut folders = left.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
        assert!(folders.all(|name| name == "bin" || name == "pip"));
        assert_eq!(std::fs::read_dir(folder.path().join(".pl/tools/bin")).unwrap().count(), 0);
        assert!(install(folder.path(), &wanted(&["cargo", "x"]), &Cancel::new()).is_err());
    }
}
