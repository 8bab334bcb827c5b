//! The commonest command lines, read without clap: building its table of all commands takes longer than a look at a thousand
//! files.
//!
//! Knows `pl build` and `pl check` with targets and `--json`, nothing else; a test holds it to what clap says of the same words.

use std::ffi::OsString;

use crate::cli::{Arguments, Command, Common, DefinitionArguments, When, build, check};

/// Variables that change what arguments mean: where one is set, clap reads them.
const VARIABLES: [&str; 2] = ["COMPLETE", "PIPELINE_DRY_RUN"];

/// Reads arguments of the commonest kind; `None`: they are clap's.
pub fn parse(arguments: &[OsString], is_set: impl Fn(&str) -> bool) -> Option<Arguments> {
    let (command, rest) = arguments.get(1..)?.split_first()?;
    if VARIABLES.into_iter().any(is_set) {
        return None;
    }
    let (mut targets, mut json) = (Vec::new(), false);
    for argument in rest {
        match argument.to_str()? {
            "--json" if !json => json = true,
            other if other.is_empty() || other.starts_with('-') => return None,
            target => targets.push(target.to_owned()),
        }
    }
    let definitions = DefinitionArguments { set: Vec::new(), tool: None };
    let command = match command.to_str()? {
        "build" => Command::Build(build::Arguments {
            targets,
            dry_run: false,
            jobs: None,
            keep_going: false,
            fail_fast: false,
            force: false,
            again: false,
            events: None,
            profile: None,
            definitions,
            args: Vec::new(),
        }),
        "check" => {
            Command::Check(check::Arguments { targets, fail_if_stale: false, force: false, profile: None, definitions })
        }
        _ => return None,
    };
    Some(Arguments {
        common: Common { directory: None, json, quiet: false, verbose: false, color: When::Auto },
        command,
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::parse;
    use crate::cli::help;

    #[test]
    fn plain_words_mean_what_clap_says() {
        let lines = ["build", "check", "build a b", "build --json", "check a --json b", "build ws-1/test.2 gate:1 x=y"];
        for line in lines {
            let words: Vec<OsString> = std::iter::once("pl").chain(line.split(' ')).map(OsString::from).collect();
            let plain = parse(&words, |_| false).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(format!("{plain:?}"), format!("{:?}", help::parse(&words).expect(line)), "{line}");
            assert!(parse(&words, |name| name == "PIPELINE_DRY_RUN").is_none(), "{line}");
        }
    }

    #[test]
    fn all_else_is_for_clap() {
        for line in
            ["", "show", "build -j 2", "build -- x", "build --json --json", "--json build", "check --help", "build -n"]
        {
            let words: Vec<OsString> = std::iter::once("pl")
                .chain(line.split(' ').filter(|word| !word.is_empty()))
                .map(OsString::from)
                .collect();
            assert!(parse(&words, |_| false).is_none(), "{line}");
        }
    }
}
