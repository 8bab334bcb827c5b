//! `pl completions`: how a shell learns to complete, and the names it is given.

use std::ffi::OsStr;

use clap::{Args, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::env::Shells;

use crate::cli::engine;
use crate::cli::exit::{Failed, Kind, Outcome};
use crate::cli::terminal::Terminal;

/// Candidates that a shell is given; more help nobody.
const CANDIDATES_MAX: usize = 500;

/// Print how a shell completes pl
///
/// The script asks pl itself at each Tab, so that names of targets are those of the project you are in.
#[derive(Debug, Args)]
#[command(before_help = "  pl completions bash >> ~/.bashrc
  pl completions zsh >> ~/.zshrc
  pl completions fish > ~/.config/fish/completions/pl.fish")]
pub struct Arguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Shells that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

/// Performs the command.
pub fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Outcome, Failed> {
    let (name, install) = match arguments.shell {
        Shell::Bash => ("bash", "pl completions bash >> ~/.bashrc"),
        Shell::Zsh => ("zsh", "pl completions zsh >> ~/.zshrc"),
        Shell::Fish => ("fish", "pl completions fish > ~/.config/fish/completions/pl.fish"),
    };
    let shells = Shells::builtins();
    let known = shells.completer(name).ok_or_else(|| Failed::new(Kind::Bug, format!("no completions for {name}")))?;
    let mut script = format!("# Completions of pl; installed with: {install}\n").into_bytes();
    known.write_registration("COMPLETE", "pl", "pl", "pl", &mut script)?;
    if terminal.json {
        terminal.print_json(&serde_json::json!({ "shell": name, "script": String::from_utf8_lossy(&script) }))?;
    } else {
        terminal.print_bytes(&script)?;
    }
    Ok(Outcome::Done)
}

/// Targets that begin with what was typed, of the project that `-C` names where the line has one.
pub fn targets(typed: &OsStr) -> Vec<CompletionCandidate> {
    let (Some(typed), Ok(here)) = (typed.to_str(), std::env::current_dir()) else { return Vec::new() };
    let words: Vec<String> = std::env::args_os().filter_map(|word| word.into_string().ok()).collect();
    let directory = directory(&words).map_or_else(|| here.clone(), |directory| here.join(directory));
    let names = engine::target_names(&directory);
    let fitting = names.into_iter().filter(|name| name.starts_with(typed));
    fitting.take(CANDIDATES_MAX).map(CompletionCandidate::new).collect()
}

/// What `-C` says in a command line that is being typed.
fn directory(words: &[String]) -> Option<&str> {
    let at = words.iter().rposition(|word| word.starts_with("-C") || word.starts_with("--directory"))?;
    let word = words[at].as_str();
    let joined = word.strip_prefix("--directory=").or_else(|| word.strip_prefix("-C"));
    match joined {
        Some("") => words.get(at + 1).map(String::as_str),
        Some(joined) => Some(joined.strip_prefix('=').unwrap_or(joined)),
        None => words.get(at + 1).map(String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use super::directory;

    #[test]
    fn the_folder_of_a_line_is_found() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in ["pl -C a/b build", "pl -Ca/b build", "pl build --directory a/b ws", "pl build --directory=a/b"] {
            assert_eq!(directory(&words(line)), Some("a/b"), "{line}");
        }
        assert_eq!(directory(&words("pl build ws-1")), None);
    }
}
