//! Collects results: tables for people (also as Markdown in `target/bench/results.md`), and JSON for programs
//! (`target/bench/results.json`). Both are saved after every part, so that a late failure loses nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use jobhost_testkit::failure::{Doing, Result};
pub use jobhost_testkit::figures::{megabytes, thousands};

pub struct Table {
    title: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub fn new(title: impl Into<String>, header: &[&str]) -> Self {
        let header = header.iter().map(|h| (*h).to_owned()).collect();
        Self { title: title.into(), header, rows: Vec::new(), notes: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a line below the table.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub fn markdown(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.header]).filter_map(|r| r.get(column));
            cells.map(|c| c.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                // Names are aligned to the left, numbers to the right.
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().enumerate().map(|(column, width)| {
            let dashes = "-".repeat(width.saturating_sub(usize::from(column > 0)).max(3));
            if column == 0 { dashes } else { format!("{dashes}:") }
        });
        let mut text = format!("### {}\n\n{}", self.title, line(&self.header));
        text.push_str(&format!("| {} |\n", rule.collect::<Vec<_>>().join(" | ")));
        self.rows.iter().for_each(|r| text.push_str(&line(r)));
        if !self.notes.is_empty() {
            text.push('\n');
            self.notes.iter().for_each(|n| text.push_str(&format!("- {n}\n")));
        }
        text.push('\n');
        text
    }
}

pub struct Report {
    dir: PathBuf,
    json: Map<String, Value>,
    markdown: String,
    targets: Vec<Target>,
}

struct Target {
    what: String,
    wanted: String,
    measured: String,
    met: bool,
}

impl Report {
    pub fn new(dir: &Path, args: &[String]) -> Self {
        let command = ["cargo xtask bench".to_owned()].iter().chain(args).cloned().collect::<Vec<_>>().join(" ");
        let mut json = Map::new();
        json.insert("command".to_owned(), json!(command));
        let markdown = format!("Command: `{command}`\n\n");
        Self { dir: dir.to_owned(), json, markdown, targets: Vec::new() }
    }

    /// Prints the table of one part, and saves all results so far.
    pub fn section(&mut self, name: &str, (value, table): (Value, Table)) -> Result<()> {
        let text = table.markdown();
        print!("{text}");
        self.markdown.push_str(&text);
        self.json.insert(name.to_owned(), value);
        self.save()
    }

    /// Adds a target of the project and the measured value.
    pub fn target(
        &mut self,
        what: impl Into<String>,
        wanted: impl Into<String>,
        measured: impl Into<String>,
        met: bool,
    ) {
        self.targets.push(Target { what: what.into(), wanted: wanted.into(), measured: measured.into(), met });
    }

    pub fn finish(mut self, load_average: String) -> Result<()> {
        if !self.targets.is_empty() {
            let mut table = Table::new("Targets", &["what", "target", "measured", "met"]);
            let mut values = Vec::new();
            for t in std::mem::take(&mut self.targets) {
                values.push(json!({"what": t.what, "target": t.wanted, "measured": t.measured, "met": t.met}));
                table.row([t.what, t.wanted, t.measured, if t.met { "yes" } else { "NO" }.to_owned()]);
            }
            self.section("targets", (Value::Array(values), table))?;
        }
        println!("Load average at the end: {load_average}");
        self.json.insert("load_average_end".to_owned(), json!(load_average));
        self.save()?;
        println!("Saved in {}", self.dir.join("results.json").display());
        Ok(())
    }

    fn save(&self) -> Result<()> {
        let pretty =
            serde_json::to_string_pretty(&self.json).doing(|| "cannot write the results as JSON".to_owned())?;
        for (name, text) in [("results.json", &pretty), ("results.md", &self.markdown)] {
            let path = self.dir.join(name);
            fs::write(&path, text).doing(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_printed_as_markdown() {
        let mut t = Table::new("T", &["name", "figure"]);
        t.row(["a".to_owned(), "12".to_owned()]);
        t.note("so it is");
        assert_eq!(t.markdown(), "### T\n\n| name | figure |\n| ---- | -----: |\n| a    |     12 |\n\n- so it is\n\n");
    }
}
