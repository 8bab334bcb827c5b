//! Rules: declared checkers with their exit codes and words, checked to be complete.
//!
//! Knows no particular checker.

use std::collections::BTreeMap;

use crate::analysis::diagnostics::{bad_parser, duplicate_name, exit_code_twice, incomplete_rule, unknown_rule};
use crate::analysis::gather::Gathered;
use crate::analysis::lower::parsers::parser;
use crate::analysis::lower::template::{Globals, Lookup};
use crate::analysis::lower::tools::no_command;
use crate::analysis::lower::words::{Timeouts, duration_ms, word};
use crate::analysis::names::suggest;
use crate::analysis::pipeline::program::{Patience, Quota};
use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Check, Command, FailOn, LooksIn, Missing, Rule};
use crate::analysis::scope::entry::patterns;
use crate::base::diagnostic::Diagnostic;
use crate::base::finding::FindingSeverity;
use crate::base::name::RuleName;
use crate::syntax::definition::{FailOnDefinition, PatienceDefinition, RuleDefinition, Text};

/// Properties that a rule's commands may use.
const PROPERTIES: [Property; 4] = [Property::Files, Property::Out, Property::Worktree, Property::Workstream];

/// Properties that a rule's fix may use.
const FIX_PROPERTIES: [Property; 3] = [Property::Files, Property::Worktree, Property::Workstream];

/// Bytes of a pattern that cannot be too large when it is compiled (10 MiB) unless it counts: `\w`, the largest of two bytes, takes
/// some 40 KiB.
const PLAIN_PATTERN_BYTES_MAX: usize = 200;

/// Categories of findings.
const CATEGORIES: [&str; 9] =
    ["syntax", "type", "style", "formatting", "security", "test_failure", "scope_violation", "path", "other"];

/// What is done where a program is not there.
const MISSING: [(&str, Missing); 3] = [("fail", Missing::Fail), ("skip", Missing::Skip), ("install", Missing::Install)];

/// Makes rules of what is defined, by name.
pub fn lower_all(
    gathered: &Gathered<'_>,
    globals: &Globals<'_>,
    timeouts: Timeouts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Rule> {
    let names: Vec<&str> = gathered.rules.iter().map(|rule| rule.name.value.as_str()).collect();
    let named = gathered.used_rules.iter().chain(&gathered.skipped_rules);
    for rule in named.filter(|rule| !names.contains(&rule.value.as_str())) {
        let help = suggest(&rule.value, &names, "docs/rules.md lists those that pl brings along");
        let message = format!("no rule `{}`", rule.value);
        diagnostics.push(Diagnostic::new(&unknown_rule::CODE, rule.span, message).help(help));
    }
    for skipped in &gathered.skipped_rules {
        if let Some(used) = gathered.used_rules.iter().find(|used| used.value == skipped.value) {
            let message = format!("rule `{}` is used and skipped", skipped.value);
            let diagnostic = Diagnostic::new(&duplicate_name::CODE, skipped.span, message).say("skipped here");
            diagnostics.push(diagnostic.label(used.span, "used here").help("keep one of them"));
        }
    }
    // Those that `use` names come first, in its order; then the others as they are declared.
    let used = gathered.used_rules.iter().map(|used| used.value.as_str());
    let order: Vec<&str> = used.chain(gathered.rules_declared.iter().copied()).collect();
    let declared = |rule: &Rule| order.iter().position(|name| *name == rule.name.as_str());
    let mut rules: Vec<Rule> = gathered.rules.iter().map(|rule| lower(rule, globals, timeouts, diagnostics)).collect();
    // What the project says of all is over what each says of itself.
    let missing = word(gathered.default_missing, &MISSING, diagnostics);
    for rule in &mut rules {
        let is_in = |names: &[&Text]| names.iter().any(|name| name.value == rule.name.as_str());
        rule.used = is_in(&gathered.used_rules);
        rule.looked_over = (rule.looked_over || rule.used) && !is_in(&gathered.skipped_rules);
        rule.missing = missing.unwrap_or(rule.missing);
        rule.place = declared(rule).and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX);
    }
    rules
}

/// What makes a rule red.
pub fn fail_on(gathered: &Gathered<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<FailOn> {
    let severities =
        [("error", FindingSeverity::Error), ("warning", FindingSeverity::Warning), ("info", FindingSeverity::Info)];
    let categories = CATEGORIES.map(|category| (category, category));
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.value.to_string());
    let names: Vec<&str> = gathered.rules.iter().map(|rule| rule.name.value.as_str()).collect();
    let one = |line: &&FailOnDefinition| {
        if let Some(rule) = line.rule.as_ref().filter(|rule| !names.contains(&rule.value.as_str())) {
            let help = suggest(&rule.value, &names, "remove the line");
            let message = format!("no rule `{}`", rule.value);
            diagnostics.push(Diagnostic::new(&unknown_rule::CODE, rule.span, message).help(help));
        }
        FailOn {
            severity: word(line.severity.as_ref(), &severities, diagnostics),
            category: word(line.category.as_ref(), &categories, diagnostics).map(str::to_owned),
            code: text(&line.code),
            rule: text(&line.rule),
        }
    };
    gathered.fail_on.iter().map(one).collect()
}

fn lower(
    definition: &RuleDefinition,
    globals: &Globals<'_>,
    timeouts: Timeouts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Rule {
    let name = &definition.name.value;
    let lookup = Lookup::new(globals, &[], name, diagnostics);
    if definition.files.is_empty() {
        let message = format!("rule `{name}` looks at no files");
        diagnostics.push(incomplete(definition, definition.span, message, "add `files \"**/*.py\"`"));
    }
    let checks = [
        ("paths", Check::Paths),
        ("conflict-markers", Check::ConflictMarkers),
        ("whitespace", Check::Whitespace),
        ("json", Check::Json),
        ("yaml", Check::Yaml),
    ];
    let check = word(definition.check.as_ref(), &checks, diagnostics);
    let command = match &definition.command {
        Some(command) => lookup.command(command, &PROPERTIES, diagnostics),
        None if definition.check.is_some() => Command::Argv(Box::default()),
        None => {
            diagnostics.push(no_command("rule", &definition.name, "add `run \"program\" \"{files}\"`"));
            Command::Argv(Box::default())
        }
    };
    if definition.parsers.is_empty() && definition.check.is_none() {
        let message = format!("rule `{name}` does not say how its output is read");
        let help = "add `parse \"json\"`, `\"regex\"`, `\"exit-code\"` or another";
        diagnostics.push(incomplete(definition, definition.span, message, help));
    }
    let (exit_clean, exit_findings) = exit_codes(definition, diagnostics);
    let places = [("scope", LooksIn::Scope), ("changed", LooksIn::Changed), ("all", LooksIn::All)];
    let (category, categories) = categories(definition, diagnostics);
    let (severity, severities) = severities(definition, diagnostics);
    Rule {
        name: RuleName(name.clone()),
        about: definition.about.as_ref().map(|about| about.value.to_string()),
        files: patterns(&definition.files, None, diagnostics),
        looks_in: word(definition.looks_in.as_ref(), &places, diagnostics).unwrap_or(LooksIn::Scope),
        command,
        exit_clean,
        exit_findings,
        parsers: definition.parsers.iter().map(|parsed| parser(definition, parsed, diagnostics)).collect(),
        broken: definition.broken.iter().map(|text| pattern(name, text, diagnostics)).collect(),
        check,
        category,
        categories,
        severity,
        severities,
        fix: definition.fix.iter().map(|fix| lookup.command(fix, &FIX_PROPERTIES, diagnostics)).collect(),
        place: 0,
        inputs: patterns(&definition.inputs, None, diagnostics).iter().map(|pattern| pattern.text()).collect(),
        reads_files_only: word(definition.reads.as_ref(), &[("tree", false), ("files", true)], diagnostics)
            .unwrap_or(false),
        missing: word(definition.missing.as_ref(), &MISSING, diagnostics).unwrap_or(Missing::Fail),
        used: false,
        looked_over: !definition.optional,
        each_file: definition.each_file,
        hide_source: definition.hide_source,
        patience: patience(&definition.patience, name, diagnostics),
        version: definition.version.as_ref().map(|version| lookup.command(version, &[], diagnostics)),
        install: definition.install.iter().map(|word| word.value.to_string()).collect(),
        timeout_ms: timeouts.step_ms(definition.timeout.as_ref(), diagnostics),
    }
}

/// A text that must be a regular expression.
fn pattern(owner: &str, text: &Text, diagnostics: &mut Vec<Diagnostic>) -> String {
    if !is_plainly_right(&text.value)
        && let Err(error) = regex::Regex::new(&text.value)
    {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or("it cannot be read").trim_start_matches("error: ");
        let message = format!("`{}` is not a regular expression: {reason}", text.value);
        let diagnostic = Diagnostic::new(&bad_parser::CODE, text.span, message);
        diagnostics.push(diagnostic.help("mend the pattern").about(owner));
    }
    text.value.to_string()
}

/// Whether a pattern is known to be one without being compiled, which takes ten times as long: it can be read, and without counts
/// so short a one is never too large.
fn is_plainly_right(pattern: &str) -> bool {
    pattern.len() <= PLAIN_PATTERN_BYTES_MAX && !pattern.contains('{') && regex_syntax::parse(pattern).is_ok()
}

/// `idle` and `quota` of a rule or a tool.
pub fn patience(definition: &PatienceDefinition, owner: &str, diagnostics: &mut Vec<Diagnostic>) -> Patience {
    let quota = Quota {
        exit: definition.exit.iter().map(|code| code.value).collect(),
        says: definition.says.iter().map(|text| pattern(owner, text, diagnostics)).collect(),
    };
    Patience { idle_ms: duration_ms(definition.idle.as_ref(), diagnostics), quota }
}

/// The category of all, and patterns of codes that are of another.
fn categories(definition: &RuleDefinition, diagnostics: &mut Vec<Diagnostic>) -> (String, Vec<(String, String)>) {
    let known = CATEGORIES.map(|category| (category, category));
    let (mut all, mut some) = (None, Vec::new());
    for texts in &definition.categories {
        let [first, codes @ ..] = texts.as_slice() else { continue };
        let Some(category) = word(Some(first), &known, diagnostics) else { continue };
        if codes.is_empty() {
            only_one(definition, "category", first, all.replace(category).is_some(), diagnostics);
        }
        for code in codes {
            pattern(&definition.name.value, code, diagnostics);
            some.push((code.value.to_string(), category.to_owned()));
        }
    }
    (all.unwrap_or("other").to_owned(), some)
}

/// The severity of findings that carry none, and what the program's own words mean.
fn severities(
    definition: &RuleDefinition,
    diagnostics: &mut Vec<Diagnostic>,
) -> (FindingSeverity, BTreeMap<String, FindingSeverity>) {
    let known =
        [("error", FindingSeverity::Error), ("warning", FindingSeverity::Warning), ("info", FindingSeverity::Info)];
    let (mut all, mut some) = (None, BTreeMap::new());
    for texts in &definition.severities {
        let [first, words @ ..] = texts.as_slice() else { continue };
        let Some(severity) = word(Some(first), &known, diagnostics) else { continue };
        if words.is_empty() {
            only_one(definition, "severity", first, all.replace(severity).is_some(), diagnostics);
        }
        some.extend(words.iter().map(|word| (word.value.as_str().to_lowercase(), severity)));
    }
    (all.unwrap_or(FindingSeverity::Error), some)
}

fn only_one(definition: &RuleDefinition, field: &str, text: &Text, again: bool, diagnostics: &mut Vec<Diagnostic>) {
    if again {
        let message = format!("rule `{}` has two {field} for all its findings", definition.name.value);
        let help = format!("keep one, or say of which: `{field} \"{}\" \"…\"`", text.value);
        diagnostics.push(incomplete(definition, text.span, message, help));
    }
}

/// Clean and findings; 0 and 1 where nothing is said.
fn exit_codes(definition: &RuleDefinition, diagnostics: &mut Vec<Diagnostic>) -> (Vec<i32>, Vec<i32>) {
    for code in &definition.exit_findings {
        if let Some(clean) = definition.exit_clean.iter().find(|clean| clean.value == code.value) {
            let message = format!("exit code {} is both clean and findings", code.value);
            let diagnostic = Diagnostic::new(&exit_code_twice::CODE, code.span, message).say("findings here");
            diagnostics.push(
                diagnostic
                    .label(clean.span, "clean here")
                    .help("list each exit code once; the checker's manual says what it means")
                    .about(&definition.name.value),
            );
        }
    }
    let clean: Vec<i32> = definition.exit_clean.iter().map(|code| code.value).collect();
    let findings: Vec<i32> = definition.exit_findings.iter().map(|code| code.value).collect();
    match (clean.is_empty(), findings.is_empty()) {
        (true, true) => (vec![0], vec![1]),
        (true, false) if !findings.contains(&0) => (vec![0], findings),
        _ => (clean, findings),
    }
}

/// A rule that lacks something.
pub fn incomplete(
    definition: &RuleDefinition,
    span: crate::base::span::Span,
    message: String,
    help: impl Into<String>,
) -> Diagnostic {
    Diagnostic::new(&incomplete_rule::CODE, span, message).help(help).about(&definition.name.value)
}
