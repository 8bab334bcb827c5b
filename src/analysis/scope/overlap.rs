//! Workstreams that no dependency orders and whose scopes can name a common path.
//!
//! Only patterns of which one's literal beginning begins the other's are compared: sorted by it, those stand on a stack.

use std::collections::{BTreeMap, HashSet};

use crate::analysis::diagnostics::{overlap, too_many, unused_allow_overlap};
use crate::analysis::lower::workstreams::Scoped;
use crate::analysis::order::Closure;
use crate::analysis::scope::entry::Entry;
use crate::analysis::scope::intersect::Shape;
use crate::base::diagnostic::Diagnostic;
use crate::base::path::Pattern;
use crate::base::span::Span;

/// Overlapping pairs of workstreams that are listed one by one.
const OVERLAPS_MAX: usize = 1_000;

/// A pair that may overlap, as indices with the place where it is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// The smaller index.
    pub left: usize,
    /// The larger.
    pub right: usize,
    /// Where it was written.
    pub span: Span,
}

struct Piece<'a> {
    prefix: String,
    workstream: usize,
    entry: &'a Entry,
    shape: Shape,
}

/// Two entries that meet, and how many more of the pair do.
struct Meeting<'a> {
    left: &'a Entry,
    right: &'a Entry,
    more: usize,
}

/// Reports overlaps and exceptions that nothing needs.
pub fn check(
    scopes: &[Scoped],
    names: &[&str],
    closure: &Closure,
    allowed: &[Allowed],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for (workstream, scoped) in scopes.iter().enumerate() {
        for entry in scoped.scope.iter().chain(&scoped.create) {
            let prefix = match &entry.pattern {
                Pattern::Folder(path) => format!("{}/", path.0),
                other => other.literal_prefix().to_owned(),
            };
            pieces.push(Piece { prefix, workstream, entry, shape: Shape::of(&entry.pattern) });
        }
    }
    pieces.sort_by(|left, right| left.prefix.cmp(&right.prefix).then(left.workstream.cmp(&right.workstream)));
    let (meetings, cut) = meetings(&pieces, closure);
    let exceptions: HashSet<(usize, usize)> = allowed.iter().map(|pair| (pair.left, pair.right)).collect();
    for ((left, right), meeting) in meetings.iter().filter(|(pair, _)| !exceptions.contains(pair)) {
        diagnostics.push(say(names[*left], names[*right], meeting));
    }
    if let (true, Some(last)) = (cut, meetings.values().last()) {
        let message = format!("more than {OVERLAPS_MAX} pairs of workstreams overlap; the rest is not listed");
        let help = "mend these first";
        diagnostics.push(Diagnostic::new(&too_many::CODE, last.left.span, message).help(help));
    }
    for pair in allowed.iter().filter(|pair| !cut && !meetings.contains_key(&(pair.left, pair.right))) {
        let (left, right) = (names[pair.left], names[pair.right]);
        let why = if closure.ordered(pair.left, pair.right) {
            "are ordered by depends_on"
        } else {
            "cannot touch a common path"
        };
        let message = format!("`{left}` and `{right}` {why}");
        diagnostics.push(Diagnostic::new(&unused_allow_overlap::CODE, pair.span, message).help("remove the exception"));
    }
}

/// All pairs that meet, smaller index first, up to the limit.
fn meetings<'a>(pieces: &[Piece<'a>], closure: &Closure) -> (BTreeMap<(usize, usize), Meeting<'a>>, bool) {
    let mut meetings: BTreeMap<(usize, usize), Meeting<'a>> = BTreeMap::new();
    let mut above: Vec<&Piece<'a>> = Vec::new();
    for piece in pieces {
        while above.last().is_some_and(|last| !piece.prefix.starts_with(&last.prefix)) {
            above.pop();
        }
        for other in &above {
            let (left, right) = if other.workstream < piece.workstream { (*other, piece) } else { (piece, *other) };
            let apart = left.workstream == right.workstream || closure.ordered(left.workstream, right.workstream);
            if apart || !left.shape.meets(&right.shape) {
                continue;
            }
            let pair = (left.workstream, right.workstream);
            if let Some(meeting) = meetings.get_mut(&pair) {
                meeting.more += 1;
                continue;
            }
            if meetings.len() == OVERLAPS_MAX {
                return (meetings, true);
            }
            meetings.insert(pair, Meeting { left: left.entry, right: right.entry, more: 0 });
        }
        above.push(piece);
    }
    (meetings, false)
}

fn say(left: &str, right: &str, meeting: &Meeting<'_>) -> Diagnostic {
    let (one, other) = (meeting.left.pattern.text(), meeting.right.pattern.text());
    let path = if one == other { format!("`{one}`") } else { format!("a path that `{one}` and `{other}` both name") };
    let more = match meeting.more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Diagnostic::new(&overlap::CODE, meeting.right.span, format!("`{left}` and `{right}` can both touch {path}{more}"))
        .say(format!("`{right}`"))
        .label(meeting.left.span, format!("`{left}`"))
        .help(format!(
            "order them with depends-on, narrow a scope, or write: allow-overlap \"{left}\" \"{right}\" reason=\"…\""
        ))
        .about(right)
}
