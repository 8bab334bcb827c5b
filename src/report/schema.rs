//! JSON Schemas of what `pl` reads and prints, from the types themselves.
//!
//! `schema/` holds these files; tests/generated.rs compares them. Writes nothing itself.

pub mod bundle;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

use crate::report::explain::Explanation;
use crate::report::graph::json::GraphReport;
use crate::report::history::{LogShow, Show};
use crate::report::schema::bundle::{BundleFile, TaskFile};
use crate::summary::lint::LintSummary;
use crate::summary::{BuildSummary, CheckReport};

/// File names below `schema/` with their pretty JSON.
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("bundle.schema.json", input::<BundleFile>("A file of workstreams/*.json: one bundle or several")),
        ("task-file.schema.json", input::<TaskFile>("A file of tasks that a Pipelinefile.kdl includes")),
        ("build.schema.json", output::<BuildSummary>("What `pl build --json` prints")),
        ("check.schema.json", output::<CheckReport>("What `pl check --json` prints")),
        ("lint.schema.json", output::<LintSummary>("What `pl lint --json` prints")),
        ("graph.schema.json", output::<GraphReport>("What `pl graph --json` prints")),
        ("explain.schema.json", output::<Explanation>("What `pl explain --json` prints for a step")),
        ("show.schema.json", output::<Show>("What `pl show --json` prints")),
        ("log.schema.json", output::<LogShow>("What `pl log --json` prints")),
    ]
}

fn input<T: JsonSchema>(title: &str) -> String {
    pretty::<T>(SchemaSettings::draft2020_12().for_deserialize().into_generator(), title)
}

fn output<T: JsonSchema>(title: &str) -> String {
    pretty::<T>(SchemaSettings::draft2020_12().for_serialize().into_generator(), title)
}

fn pretty<T: JsonSchema>(generator: SchemaGenerator, title: &str) -> String {
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    let text = serde_json::to_string_pretty(&schema).expect("BUG: a schema is JSON");
    text + "\n"
}
