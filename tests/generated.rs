//! What is made from the program stands in the repository as it would be made now.
//!
//! `PL_UPDATE=1 cargo test --test generated` writes the files anew. A new one is a line in [`generated`].

#![expect(clippy::disallowed_methods, reason = "reads and renews the files that it is about")]

use std::path::Path;

const RENEW: &str = "PL_UPDATE=1 cargo test --test generated";

/// Everything that is made: path below the repository's root, and what it holds.
fn generated() -> Vec<(String, String)> {
    let mut files = vec![
        ("docs/cli.md".to_owned(), pl::cli::help::reference()),
        ("docs/errors.md".to_owned(), pl::analysis::diagnostics::errors_markdown()),
        ("docs/state-machine.md".to_owned(), states()),
        ("docs/rules.md".to_owned(), rules()),
    ];
    files.extend(pl::report::schema::schemas().into_iter().map(|(name, text)| (format!("schema/{name}"), text)));
    files
}

/// docs/state-machine.md.
fn states() -> String {
    format!(
        "# States\n\nMade from the tables that every move is checked against (src/store/state.rs). A move that is not listed is \
         refused, and\nrecorded as the event `illegal_transition`.\n\n{}",
        pl::store::state::table_markdown()
    ) + &format!(
        "\n## The life of a finding\n\n\
         Told by its signature from the events of all runs (src/store/life.rs), shown by `pl show --findings`. Where a field is empty, it stays as it\nis. \
         *Seen*: its rule found it and it fails; *excused*: it was found and fails nothing, because the base has it or `fail-on` lets it\npass; \
         *somebody is asked*: a rule's own `fix` (about what that rule found) or a tool; *gone*: its rule looked and did not find it;\n\
         *accepted*: the workstream came to a result; *given up*: its fix loop ended in quarantine. What a program leaves out by a remark in the\nfile \
         is not known to `pl`, and a finding that comes back before it was verified is as new as on its first day.\n\n{}",
        pl::store::life::table_markdown()
    )
}

/// docs/rules.md: what people wrote, then a row for each rule that the program carries.
fn rules() -> String {
    const LIST: &str = "## Every rule\n";
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")).expect("a page");
    let (written, _) = page.split_once(LIST).expect("the heading of the list");
    let mut text = format!(
        "{written}{LIST}\nMade from `rules/*.kdl`; those marked * are looked over without `use`. Each is held against its real\n\
         program; those marked † only where it is on PATH, else (PowerShell: everywhere) against output in its form: pip and npm do not have it.\n\n\
         | rule | what it looks for | over | its program | mends |\n|---|---|---|---|---|\n"
    );
    for rule in pl::project::carried_rules() {
        let star = if rule.looked_over { " *" } else { "" };
        let captured =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/rules/{}/captured", rule.name));
        let dagger = if captured.is_dir() { " †" } else { "" };
        let about = rule.about.as_deref().unwrap_or_default();
        let files: Vec<String> = rule.files.iter().map(|pattern| format!("`{}`", pattern.text())).collect();
        let program = match (rule.check, rule.install.as_slice()) {
            (Some(_), _) => "none".to_owned(),
            (None, []) => format!("`{}`", rule.program()),
            (None, [how, packages @ ..]) => format!("{how}: `{}`", packages.join("` `")),
        };
        let mends = if rule.fix.is_empty() { "" } else { "yes" };
        let files = files.join(" ");
        text.push_str(&format!("| {}{star}{dagger} | {about} | {files} | {program} | {mends} |\n", rule.name));
    }
    text
}

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("PL_UPDATE").is_some_and(|value| value == "1");
    let mut stale = Vec::new();
    for (path, text) in generated() {
        let file = root.join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|written| written == text) {
            continue;
        }
        if update {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(&file, text).expect("written");
        } else {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "stale: {}; renew with: {RENEW}", stale.join(" "));
}

#[test]
fn no_schema_is_left_from_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let made: Vec<String> = generated().into_iter().map(|(path, _)| path).collect();
    for entry in std::fs::read_dir(folder).expect("schema/") {
        let path = format!("schema/{}", entry.expect("an entry").file_name().display());
        assert!(made.contains(&path), "{path} is made by nothing any more; remove it");
    }
}
