//! A failed step in full: what happened, what was found, what it said, how to stand where it stood.
//!
//! One block of text, so that nothing can get in between.

use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::report::findings::entries::Told;
use crate::report::findings::text::{Length, list};
use crate::report::text::width::{calm_lines, one_line};
use crate::report::{Style, Tone};

/// Bytes of output that are shown: the last ones. All of it is in the log.
const OUTPUT_SHOWN_BYTES_MAX: usize = 16 * 1024;

/// The block of a failed step, ending in an empty line.
pub fn render(step: &str, failure: &Failure, style: &Style, ci_groups: bool) -> String {
    let heading = style.paint(Tone::Bad, &format!("{step} failed"));
    let mut text = format!("\n{heading} ({}): {}\n", failure.class, one_line(&failure.message));
    text.push_str(&findings(step, &failure.findings, style));
    text.push_str(&output(step, &failure.output, style, ci_groups));
    let lines = [("help", &failure.help), ("reproduce", &failure.reproduce), ("log", &failure.log)];
    for (word, said) in lines {
        if let Some(said) = said {
            // A script keeps its lines, which can be pasted; where a line could be a command to the reader it is one line.
            let keeps = word == "reproduce" && !ci_groups;
            let said = if keeps { calm_lines(said).collect::<Vec<_>>().join("\n") } else { one_line(said) };
            text.push_str(&format!("  {} {said}\n", style.paint(Tone::Strong, &format!("{word}:"))));
        }
    }
    text.push('\n');
    text
}

/// By file and place, whatever order a program has.
fn findings(step: &str, findings: &[Finding], style: &Style) -> String {
    let mut told: Vec<Told<'_>> = findings.iter().map(Told::alone).collect();
    told.sort_by_key(|told| (told.finding.path.as_deref(), told.finding.line, told.finding.column));
    list(&told, Length::Short(&format!("pl show -v --findings {step}")), style)
}

fn output(step: &str, output: &str, style: &Style, ci_groups: bool) -> String {
    if output.trim().is_empty() {
        return String::new();
    }
    let bar = style.paint(Tone::Dim, if style.unicode { "│" } else { "|" });
    let (shown, left_out) = end_of(output.trim_end());
    let before = left_out.then(|| format!("  {bar} {} what came before is in the log\n", style.ellipsis()));
    let lines: String = before
        .into_iter()
        .chain(calm_lines(shown).map(|line| format!("  {bar} {line}").trim_end().to_owned() + "\n"))
        .collect();
    if ci_groups { format!("::group::output of {step}\n{lines}::endgroup::\n") } else { lines }
}

/// The last lines that fit, and whether others were left out; a line that is too long begins where it fits.
fn end_of(output: &str) -> (&str, bool) {
    let Some(mut start) = output.len().checked_sub(OUTPUT_SHOWN_BYTES_MAX).filter(|start| *start > 0) else {
        return (output, false);
    };
    while !output.is_char_boundary(start) {
        start += 1;
    }
    let end = &output[start..];
    (end.split_once('\n').map_or(end, |(_, rest)| rest), true)
}

#[cfg(test)]
mod tests {
    use super::{OUTPUT_SHOWN_BYTES_MAX, end_of, render};
    use crate::base::failure::Failure;
    use crate::base::finding::{Finding, FindingSeverity};
    use crate::report::Style;

    fn failure() -> Failure {
        Failure {
            class: "agent".into(),
            message: "exit code 1".into(),
            help: Some("mend src/a.py, then build again".into()),
            reproduce: Some("cd /w && pytest -q".into()),
            log: Some(".pl/logs/r1/test.1.log".into()),
            output: "F\n::error::spoof\n".into(),
            findings: vec![Finding {
                tool: "ruff".into(),
                code: Some("E501".into()),
                category: "style".into(),
                severity: FindingSeverity::Error,
                path: Some("src/a.py".into()),
                line: Some(3),
                message: "line too long".into(),
                ..Finding::default()
            }],
        }
    }

    #[test]
    fn a_failure_says_what_and_where_and_how() {
        let expected = "
ws-1/test.1 failed (agent): exit code 1
src/a.py:3: error E501 line too long (ruff)
  │ F
  │ ::error::spoof
  help: mend src/a.py, then build again
  reproduce: cd /w && pytest -q
  log: .pl/logs/r1/test.1.log

";
        assert_eq!(render("ws-1/test.1", &failure(), &Style::PLAIN, false), expected);
    }

    #[test]
    fn a_script_can_be_pasted() {
        let failure = Failure { reproduce: Some("cd /w && python3 -c 'if a:\n    b()'".into()), ..failure() };
        let text = render("ws-1/test.1", &failure, &Style::PLAIN, false);
        assert!(text.contains("  reproduce: cd /w && python3 -c 'if a:\n    b()'\n"), "{text}");
    }

    #[test]
    fn output_folds_in_ci_and_cannot_give_commands() {
        let text = render("ws-1/test.1", &failure(), &Style::PLAIN, true);
        assert!(text.contains("\n::group::output of ws-1/test.1\n  │ F\n"), "{text}");
        let commands: Vec<_> = text.lines().filter(|line| line.starts_with("::")).collect();
        assert_eq!(commands, ["::group::output of ws-1/test.1", "::endgroup::"]);
    }

    #[test]
    fn long_output_is_shown_from_its_end() {
        assert_eq!(end_of("a\nb"), ("a\nb", false));
        let lines = "ä\n".repeat(OUTPUT_SHOWN_BYTES_MAX);
        let (shown, left_out) = end_of(lines.trim_end());
        assert!(left_out && shown.starts_with("ä\n") && shown.ends_with('ä') && shown.len() <= OUTPUT_SHOWN_BYTES_MAX);
        let line = "ä".repeat(OUTPUT_SHOWN_BYTES_MAX);
        assert_eq!(end_of(&line), (&line[OUTPUT_SHOWN_BYTES_MAX..], true));
        let failure = Failure { output: lines, ..failure() };
        let text = render("t", &failure, &Style::PLAIN, false);
        assert!(text.contains("what came before is in the log\n  │ ä\n"), "{}", &text[..200]);
    }
}
