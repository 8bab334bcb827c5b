//! The Static Analysis Results Interchange Format, version 2.1.0 (OASIS): what `runs[].results[]` say.
//!
//! A run that tells of errors of its own was not a run; results that were suppressed are none.

use std::collections::HashMap;

use serde::Deserialize;

use crate::verify::quoted;
use crate::verify::said::Said;

#[derive(Deserialize)]
struct Log {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    #[serde(default)]
    results: Option<Vec<SarifResult>>,
    #[serde(default)]
    invocations: Vec<Invocation>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    #[serde(default)]
    rules: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: String,
    help_uri: Option<String>,
    default_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(default)]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Deserialize)]
struct Notification {
    level: Option<String>,
    message: Message,
}

#[derive(Deserialize, Default)]
struct Message {
    text: Option<String>,
    markdown: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: Option<String>,
    level: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    message: Message,
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    fixes: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    suppressions: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Option<Artifact>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct Artifact {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u32>,
    start_column: Option<u32>,
    end_line: Option<u32>,
    end_column: Option<u32>,
}

/// Reads a log.
pub fn read(text: &str) -> Result<Vec<Said>, String> {
    let log: Log = serde_json::from_str(text).map_err(|error| format!("its output is no SARIF ({error})"))?;
    if log.runs.is_empty() {
        return Err("its log holds no run".to_owned());
    }
    let mut found = Vec::new();
    for run in log.runs {
        failure(&run.invocations)?;
        let rules: HashMap<&str, &Descriptor> =
            run.tool.driver.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
        let results = run.results.ok_or("its log holds no results")?;
        let told = |result: &SarifResult| {
            result.suppressions.is_empty() && result.kind.as_deref().is_none_or(|kind| kind == "fail")
        };
        found.extend(results.into_iter().filter(told).map(|result| said(result, &rules)));
    }
    Ok(found)
}

fn failure(invocations: &[Invocation]) -> Result<(), String> {
    for invocation in invocations {
        let told = invocation.tool_execution_notifications.iter();
        let error =
            told.filter(|note| note.level.as_deref() == Some("error")).find_map(|note| note.message.text.as_ref());
        match error {
            Some(text) => return Err(format!("it could not look at everything: {}", quoted(text))),
            None if !invocation.execution_successful => return Err("it says that it did not succeed".to_owned()),
            None => {}
        }
    }
    Ok(())
}

fn said(result: SarifResult, rules: &HashMap<&str, &Descriptor>) -> Said {
    let rule = result.rule_id.as_deref().and_then(|id| rules.get(id));
    let physical = result.locations.into_iter().find_map(|location| location.physical_location);
    let (artifact, region) = physical.map_or((None, None), |physical| (physical.artifact_location, physical.region));
    let number = |pick: fn(&Region) -> Option<u32>| region.as_ref().and_then(pick).map(|number| number.to_string());
    let level = || rule?.default_configuration.as_ref()?.level.clone();
    Said {
        path: artifact.and_then(|artifact| artifact.uri),
        line: number(|region| region.start_line),
        column: number(|region| region.start_column),
        end_line: number(|region| region.end_line),
        end_column: number(|region| region.end_column),
        help_url: rule.and_then(|rule| rule.help_uri.clone()),
        severity: result.level.clone().or_else(level).or_else(|| Some("warning".to_owned())),
        message: result.message.text.or(result.message.markdown),
        fixable: !result.fixes.is_empty(),
        code: result.rule_id,
        category: None,
    }
}
