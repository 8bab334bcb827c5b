//! The salsa database: reading and resolving, remembered as long as a process lives.
//!
//! For watching, editors and tests; a single run calls `project` and gets its speed from the kept plan. The only user
//! of `salsa`: syntax and analysis are plain functions over plain values, and this room wraps them.

#![expect(missing_docs, reason = "salsa makes methods that cannot be documented")]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::analysis::listing::Listing;
use crate::analysis::pipeline::Pipeline;
use crate::analysis::{Analysis, Overrides, analyse};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::WorkstreamId;
use crate::base::span::FileId;
use crate::graph::Graph;
use crate::graph::build::build;
use crate::syntax::definition::Definitions;
use crate::syntax::{FileKind, parse};

/// What is remembered.
#[salsa::db]
#[derive(Default, Clone)]
pub struct Database {
    storage: salsa::Storage<Self>,
}

#[salsa::db]
impl salsa::Database for Database {}

impl Database {
    /// A database that tells what it computes.
    pub fn telling(tell: impl Fn(salsa::Event) + Send + Sync + 'static) -> Self {
        Self { storage: salsa::Storage::new(Some(Box::new(tell))) }
    }
}

/// One definition file.
#[salsa::input(debug)]
pub struct File {
    /// As people know it.
    #[returns(deref)]
    pub path: String,
    /// What it is read as.
    #[returns(copy)]
    pub kind: FileKind,
    /// It came with the binary.
    #[returns(copy)]
    pub shipped: bool,
    /// Its index among all texts.
    #[returns(copy)]
    pub id: FileId,
    /// Its text.
    #[returns(deref)]
    pub text: String,
}

/// A project: its files and what else its pipeline depends on.
#[salsa::input(debug)]
pub struct Project {
    /// Shipped ones first.
    #[returns(deref)]
    pub files: Vec<File>,
    /// The base commit's tree, where it is known.
    #[returns(ref)]
    pub listing: Option<Arc<Listing>>,
    /// What the command line says.
    #[returns(ref)]
    pub overrides: Overrides,
    /// Workstreams whose edit is asked once for all instructions.
    #[returns(ref)]
    pub whole: BTreeSet<WorkstreamId>,
}

/// What a file defines and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it defines.
    pub definitions: Arc<Definitions>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses one file.
#[salsa::tracked(returns(ref))]
pub fn parsed(db: &dyn salsa::Database, file: File) -> Parsed {
    let parsed = parse(file.kind(db), file.id(db), file.text(db));
    let mut definitions = parsed.definitions;
    definitions.shipped = file.shipped(db);
    Parsed { definitions: Arc::new(definitions), diagnostics: parsed.diagnostics }
}

/// Resolves all files of a project.
#[salsa::tracked(returns(ref))]
pub fn analysis(db: &dyn salsa::Database, project: Project) -> Analysis {
    let definitions: Vec<Arc<Definitions>> =
        project.files(db).iter().map(|file| Arc::clone(&parsed(db, *file).definitions)).collect();
    analyse(&definitions, project.listing(db).as_deref(), project.overrides(db))
}

/// The pipeline alone: without spans, so that what is computed from it is not computed again when only places moved.
#[salsa::tracked(returns(ref))]
pub fn pipeline(db: &dyn salsa::Database, project: Project) -> Pipeline {
    analysis(db, project).pipeline.clone()
}

/// The graph of steps; the error names the steps on a cycle.
#[salsa::tracked(returns(ref))]
pub fn graph(db: &dyn salsa::Database, project: Project) -> Result<Graph, Vec<String>> {
    build(pipeline(db, project), project.whole(db))
}

/// Everything that is wrong, syntax first.
#[salsa::tracked(returns(ref))]
pub fn diagnostics(db: &dyn salsa::Database, project: Project) -> Vec<Diagnostic> {
    let syntax = project.files(db).iter().flat_map(|file| &parsed(db, *file).diagnostics);
    syntax.chain(&analysis(db, project).diagnostics).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use salsa::Setter;

    use super::{Database, File, Project, graph};
    use crate::analysis::Overrides;
    use crate::base::span::FileId;
    use crate::syntax::FileKind;

    fn tasks(db: &Database, project: Project) -> usize {
        graph(db, project).as_ref().expect("no cycle").len()
    }

    #[test]
    fn a_moved_comment_stops_at_the_analysis() {
        let ran: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&ran);
        let mut db = Database::telling(move |event| {
            if let salsa::EventKind::WillExecute { database_key } = event.kind {
                let name = format!("{database_key:?}");
                log.lock().expect("no panic").push(name.split('(').next().unwrap_or_default().to_owned());
            }
        });
        let text = "// first\ntask \"t\" { run \"true\" }\n";
        let file = |id: u32, text: &str| (FileId(id), text.to_owned());
        let (one, other) = (file(0, text), file(1, "task \"u\" { run \"true\" }\n"));
        let one = File::new(&db, "Pipelinefile.kdl".into(), FileKind::Pipelinefile, false, one.0, one.1);
        let other = File::new(&db, "more.kdl".into(), FileKind::Include, false, other.0, other.1);
        let project = Project::new(&db, vec![one, other], None, Overrides::default(), BTreeSet::new());
        let taken = || std::mem::take(&mut *ran.lock().expect("no panic"));

        assert_eq!(tasks(&db, project), 2);
        assert_eq!(taken(), ["graph", "pipeline", "analysis", "parsed", "parsed"]);
        assert_eq!(tasks(&db, project), 2);
        assert!(taken().is_empty());

        one.set_text(&mut db).to("task \"t\" { run \"true\" }\n// moved\n".to_owned());
        assert_eq!(tasks(&db, project), 2);
        assert_eq!(taken(), ["parsed", "analysis"]);

        one.set_text(&mut db).to("task \"t\" { run \"true\" }\ntask \"v\" { run \"true\" }\n".to_owned());
        assert_eq!(tasks(&db, project), 3);
        assert_eq!(taken(), ["parsed", "analysis", "pipeline", "graph"]);
    }
}
