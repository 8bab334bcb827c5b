//! Rows under headings, columns as wide as what stands in them.
//!
//! Knows nothing of what the cells mean; a cell that does not fit the width is cut in the one column that may shrink.

use crate::report::text::width::{one_line, pad, truncate, width};
use crate::report::{Style, Tone};

/// Blanks between two columns.
const GAP: usize = 2;

/// Columns that a column which shrinks keeps.
const SHRUNK_MIN: usize = 12;

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its text, without escapes.
    pub text: String,
    /// How it looks.
    pub tone: Tone,
}

impl Cell {
    /// A plain cell.
    pub fn new(text: impl Into<String>) -> Self {
        Self::toned(Tone::Plain, text)
    }

    /// A cell in a tone.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: one_line(&text.into()), tone }
    }
}

/// A table being filled.
#[derive(Debug, Clone, Default)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    shrinks: Option<usize>,
    indent: usize,
}

impl Table {
    /// A table with headings; none are drawn where all are empty.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), ..Self::default() }
    }

    /// The column that is cut where a line is too long; the last one if none is named.
    pub fn shrinks(mut self, column: usize) -> Self {
        self.shrinks = Some(column);
        self
    }

    /// Blanks before each row.
    pub fn indent(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines.
    pub fn render(&self, style: &Style) -> String {
        let widths = self.widths(style.width);
        let mut text = String::new();
        if self.headings.iter().any(|heading| !heading.is_empty()) {
            let cells: Vec<Cell> =
                self.headings.iter().map(|heading| Cell::toned(Tone::Dim, heading.to_uppercase())).collect();
            self.line(&cells, &widths, style, &mut text);
        }
        for row in &self.rows {
            self.line(row, &widths, style, &mut text);
        }
        text
    }

    fn widths(&self, columns: usize) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).chain([self.headings.len()]).max().unwrap_or(0);
        let mut widths = vec![0; count];
        for (column, heading) in self.headings.iter().enumerate() {
            widths[column] = width(heading);
        }
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(width(&cell.text));
            }
        }
        let gaps = widths.iter().filter(|width| **width > 0).count().saturating_sub(1) * GAP;
        let total = self.indent + gaps + widths.iter().sum::<usize>();
        let shrinking = self.shrinks.unwrap_or(count.saturating_sub(1));
        if let Some(width) = widths.get_mut(shrinking) {
            let less = width.saturating_sub(total.saturating_sub(columns)).max(SHRUNK_MIN);
            *width = less.min(*width);
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize], style: &Style, text: &mut String) {
        let mut line = " ".repeat(self.indent);
        let last = cells.iter().rposition(|cell| !cell.text.is_empty());
        for (column, cell) in cells.iter().enumerate() {
            if widths[column] == 0 {
                continue;
            }
            let cut = truncate(&cell.text, widths[column], style.ellipsis());
            let blanks = widths[column].saturating_sub(width(&cut));
            line.push_str(&style.paint(cell.tone, &cut));
            if last.is_none_or(|last| column >= last) {
                break;
            }
            line.push_str(&pad("", blanks + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Table};
    use crate::report::{Style, Tone};

    fn table() -> Table {
        let mut table = Table::new(&["target", "", "why"]).shrinks(2);
        table.row(vec![Cell::new("ws-1"), Cell::new(""), Cell::new("input src/state.py changed")]);
        table.row(vec![Cell::new("日本語"), Cell::new(""), Cell::toned(Tone::Bad, "failed")]);
        table
    }

    #[test]
    fn empty_columns_take_no_room() {
        let text = table().render(&Style::PLAIN);
        assert_eq!(text, "TARGET  WHY\nws-1    input src/state.py changed\n日本語  failed\n");
    }

    #[test]
    fn one_column_shrinks() {
        let style = Style { color: false, unicode: true, width: 24 };
        let text = table().render(&style);
        assert_eq!(text, "TARGET  WHY\nws-1    input src/state…\n日本語  failed\n");
    }

    #[test]
    fn colour_changes_no_width() {
        let style = Style { color: true, unicode: true, width: 80 };
        let stripped: String = anstream::adapter::strip_str(&table().render(&style)).collect();
        assert_eq!(stripped, table().render(&Style { color: false, ..style }));
    }
}
