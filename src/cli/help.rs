//! Parsing, the grouped list of commands, and the page docs/cli.md made from both.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::Arguments;

/// Commands by what they are for; a test holds the list to the commands there are.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Build", &["build", "check", "graph", "watch", "lint"]),
    ("Look", &["show", "log", "diff", "explain"]),
    ("Decide", &["reset", "clean"]),
    ("Set up", &["init", "doctor", "completions"]),
];

const EXAMPLE: &str = "  pl check               what would run, and why; nothing is touched
  pl build ws-15         bring ws-15 and what it depends on up to date
  pl graph               what waits for what";

/// The command line with its grouped help.
pub fn command() -> clap::Command {
    let command = Arguments::command();
    let mut groups = String::new();
    for (heading, names) in GROUPS {
        groups.push_str(&format!("\u{1b}[1m\u{1b}[4m{heading}:\u{1b}[0m\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about).map(ToString::to_string);
            groups.push_str(&format!("  \u{1b}[1m{name:<12}\u{1b}[0m {}\n", about.unwrap_or_default()));
        }
        groups.push('\n');
    }
    let template = format!(
        "{{name}}: {{about-with-newline}}\n{EXAMPLE}\n\n{{usage-heading}} {{usage}}\n\n{groups}\u{1b}[1m\u{1b}[4m\
         Options:\u{1b}[0m\n{{options}}\n\nEvery command explains itself: pl build --help\n"
    );
    command.help_template(template)
}

/// Reads the arguments; `--color` counts for help and errors too.
pub fn parse(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    let mut command = command().color(color(arguments));
    let matches = command.try_get_matches_from_mut(arguments)?;
    Arguments::from_arg_matches(&matches)
}

fn color(arguments: &[OsString]) -> clap::ColorChoice {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let separate = words.windows(2).find(|pair| pair[0] == "--color").map(|pair| pair[1]);
    match separate.or_else(|| words.iter().find_map(|word| word.strip_prefix("--color="))) {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// docs/cli.md.
pub fn reference() -> String {
    let mut text = String::from(
        "# The command line\n\nMade from the program's own help; `PL_UPDATE=1 cargo test --test generated` renews it.\n\n\
         Exit codes: 0 done or right; 1 a step failed; 2 definitions or arguments are wrong; 3 something needed is \
         missing, waits for a person, or a budget stopped it; 4 work to do (`check --fail-if-stale`); 101 a bug in \
         `pl`; 130 interrupted.\n",
    );
    let mut whole = command().term_width(100);
    whole.build();
    text.push_str(&format!("\n```text\n{}\n```\n", whole.render_help().to_string().trim_end()));
    for (heading, names) in GROUPS {
        text.push_str(&format!("\n## {heading}\n"));
        for name in names {
            if let Some(command) = whole.find_subcommand_mut(name) {
                let mut command = command.clone().term_width(100);
                let help = command.render_long_help().to_string();
                let lines: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
                text.push_str(&format!("\n### pl {name}\n\n```text\n{}\n```\n", lines.trim_end()));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, command};

    #[test]
    fn every_command_is_in_a_group_and_begins_with_an_example() {
        let command = command();
        command.clone().debug_assert();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut defined: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        defined.sort_unstable();
        assert_eq!(grouped, defined);
        for subcommand in command.get_subcommands() {
            let example = subcommand.get_before_help().map(ToString::to_string).unwrap_or_default();
            let begins = example.trim_start().starts_with(&format!("pl {}", subcommand.get_name()));
            assert!(begins, "pl {} --help does not begin with an example", subcommand.get_name());
        }
    }
}
