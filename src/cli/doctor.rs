//! `pl doctor`: whether what is needed is there, which version, and how to get what is missing.

mod probe;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::doctor::probe::Probed;
use crate::cli::engine::needs::Installed;
use crate::cli::engine::{self, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::report::text::table::{Cell, Table};
use crate::report::{Style, Tone};

/// Look whether everything needed is there
///
/// git, sh and python3, and the programs that tools and rules of this project name: where each was found, which
/// version, and for a missing one how to get it. Exits with 3 if something required is missing.
#[derive(Debug, Args)]
#[command(before_help = "  pl doctor                   look at everything
  pl doctor --install         get what rules of this project lack (pip, npm)
  pl doctor --install ruff    get the program of one rule, of the project or of pl
  pl doctor --json            the same for a program")]
pub struct Arguments {
    /// Install programs of rules into .pl/tools, pinned, beside nothing else; rules look there before PATH
    #[arg(long)]
    install: bool,
    /// Rules; without any, those of the project whose program is missing
    #[arg(value_name = "RULE", requires = "install")]
    rules: Vec<String>,
}

/// A program that something needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// `system tool rule task`.
    pub kind: String,
    /// What needs it: the tool's or rule's name.
    pub name: String,
    /// The program, as it is started.
    pub program: String,
    /// Arguments that print its version; empty: only looked for.
    pub version: Vec<String>,
    /// How to get it.
    pub install: Option<String>,
    /// Missing, it makes the doctor fail.
    pub required: bool,
    /// Where it is looked for before PATH.
    pub folder: Option<PathBuf>,
}

/// What `pl doctor --json` prints.
#[derive(Debug, Serialize)]
struct DoctorReport {
    ok: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    installed: Vec<InstalledRule>,
    programs: Vec<Probed>,
}

/// What was installed, or why not.
#[derive(Debug, Serialize)]
struct InstalledRule {
    rule: String,
    path: Option<String>,
    problem: Option<String>,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let installed = match arguments.install {
        true => install(&arguments.rules, &project, terminal)?,
        false => Vec::new(),
    };
    let mut needed = own_needs();
    // What pl itself needs is looked for even where definitions are wrong; then that is said too.
    let named = engine::needed_programs(&project, &arguments.rules);
    let wrong = match named {
        Ok(named) => {
            needed.extend(named);
            None
        }
        Err(failed) if terminal.json => return Err(failed),
        Err(failed) => Some(failed),
    };
    let programs = probe::all(&needed, &project.directory);
    let failed = installed.iter().any(|one| one.problem.is_some());
    let ok = !failed && programs.iter().all(|program| program.state == probe::State::Found || !program.required);
    if terminal.json {
        terminal.print_json(&DoctorReport { ok, installed, programs })?;
    } else {
        terminal.print(&render(&programs, &terminal.out.style))?;
    }
    match wrong {
        Some(failed) => Err(failed),
        None => Ok(if ok { Outcome::Done } else { Outcome::Waiting }),
    }
}

/// Installs, and says each as it ends.
fn install(rules: &[String], project: &Project, terminal: &Terminal) -> Result<Vec<InstalledRule>, Failed> {
    let style = &terminal.out.style;
    let told = |(rule, ended): &Installed| {
        let line = match ended {
            Ok(path) => format!("{} {rule}  {}\n", style.paint(Tone::Good, "installed"), path.display()),
            Err(why) => format!("{} {rule}: {why}\n", style.paint(Tone::Bad, "not installed")),
        };
        // Whoever reads the table below finds it there, too.
        let _ = terminal.print(&line);
    };
    let ended = engine::install(project, rules, &told)?;
    if !ended.is_empty() {
        terminal.print("\n")?;
    }
    let row = |(rule, ended): Installed| match ended {
        Ok(path) => InstalledRule { rule, path: Some(path.display().to_string()), problem: None },
        Err(why) => InstalledRule { rule, path: None, problem: Some(why) },
    };
    Ok(ended.into_iter().map(row).collect())
}

/// What `pl` itself, and nearly every definition, needs.
fn own_needs() -> Vec<Needed> {
    let need = |name: &str, program: &str, version: &[&str], install: &str, required: bool| Needed {
        kind: "system".to_owned(),
        name: name.to_owned(),
        program: program.to_owned(),
        version: version.iter().map(|word| (*word).to_owned()).collect(),
        install: Some(install.to_owned()),
        required,
        folder: None,
    };
    let venv = ["-c", "import ensurepip, venv, sys; print(sys.version.split()[0])"];
    vec![
        need("git", "git", &["--version"], "apt-get install git", true),
        need("sh", "sh", &[], "any POSIX shell", true),
        need("python with venv", "python3", &venv, "apt-get install python3 python3-venv", false),
    ]
}

fn render(programs: &[Probed], style: &Style) -> String {
    let mut table = Table::new(&["state", "for", "program", "version", "where"]).shrinks(4);
    for program in programs {
        let (word, tone) = match (program.state, program.required) {
            (probe::State::Found, _) => ("ok", Tone::Good),
            (probe::State::Missing, true) => ("missing", Tone::Bad),
            (probe::State::Missing, false) => ("missing", Tone::Warn),
            (probe::State::Broken, true) => ("broken", Tone::Bad),
            (probe::State::Broken, false) => ("broken", Tone::Warn),
        };
        let name =
            if program.kind == "system" { program.name.clone() } else { format!("{} {}", program.kind, program.name) };
        table.row(vec![
            Cell::toned(tone, word),
            Cell::toned(Tone::Strong, name),
            Cell::new(&program.program),
            Cell::new(program.version.clone().unwrap_or_default()),
            Cell::toned(Tone::Dim, program.path.clone().unwrap_or_default()),
        ]);
    }
    let mut text = table.render(style);
    let bad: Vec<&Probed> = programs.iter().filter(|program| program.state != probe::State::Found).collect();
    if !bad.is_empty() {
        text.push('\n');
    }
    for program in bad {
        let why = program.problem.as_deref().unwrap_or("not found on PATH");
        text.push_str(&format!("{}: {why}\n", style.paint(Tone::Strong, &program.program)));
        if let Some(install) = &program.install {
            text.push_str(&format!("  get it: {}\n", style.paint(Tone::Command, install)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::probe::{Probed, State};
    use super::render;
    use crate::report::Style;

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        let probed = |program: &str, state: State| Probed {
            kind: "rule".into(),
            name: program.into(),
            program: program.into(),
            state,
            path: (state == State::Found).then(|| format!("/bin/{program}")),
            version: (state == State::Found).then(|| "1.2".into()),
            problem: None,
            install: Some(format!("pip install {program}")),
            required: true,
        };
        let expected = "\
STATE    FOR        PROGRAM  VERSION  WHERE
ok       rule ruff  ruff     1.2      /bin/ruff
missing  rule mypy  mypy

mypy: not found on PATH
  get it: pip install mypy
";
        assert_eq!(render(&[probed("ruff", State::Found), probed("mypy", State::Missing)], &Style::PLAIN), expected);
    }
}
