//! Checks that everything the documents link to exists: each relative link, and the heading that it names. Only reads
//! the repository; external links are not checked.

use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::repository;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that contain no documents of the project.
const SKIPPED: [&str; 4] = ["target", "node_modules", ".git", "recordings"];

pub fn check() -> Result<()> {
    let root = repository::root();
    let documents = documents(&root)?;
    let mut broken = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).doing(|| format!("cannot read {}", document.display()))?;
        for (line, link) in links(&text) {
            if let Some(why) = problem(document, &link) {
                let shown = document.strip_prefix(&root).unwrap_or(document);
                broken.push(format!("{}:{line}: {link}: {why}", shown.display()));
            }
        }
    }
    if broken.is_empty() {
        println!("the links of {} documents lead somewhere", documents.len());
        return Ok(());
    }
    Err(Failure::new("some links lead nowhere").detail(broken.join("\n")).remedy("mend the link or what it names"))
}

/// Returns all Markdown files below a folder.
pub fn documents(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir().doing(|| format!("cannot read {}", folder.display()))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                found.extend(documents(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Returns the link targets of a text with their line numbers: `[text](target)` outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = without_code(line);
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, beyond)) = after.split_once(')') else {
                break;
            };
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
            rest = beyond.to_owned();
        }
    }
    found
}

/// Returns the lines outside of fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

fn problem(document: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = if file.is_empty() { document.to_path_buf() } else { document.parent()?.join(file) };
    if !path.exists() {
        return Some("there is no such file".to_owned());
    }
    if heading.is_empty() || path.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    let known = prose(&text).any(|(_, line)| line.starts_with('#') && anchor(line) == heading);
    (!known).then(|| "there is no such heading".to_owned())
}

/// Returns the anchor of a heading in the form that GitHub and similar sites generate.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_outside_of_code_are_found() {
        let text = "a [b](c.md) and [d](e.md#f \"title\")\n```\n[g](h.md)\n```\n`[i](j.md)` [k](l.md)\n";
        let found: Vec<String> = links(text).into_iter().map(|(line, link)| format!("{line}:{link}")).collect();
        assert_eq!(found, ["1:c.md", "1:e.md#f", "5:l.md"]);
    }

    #[test]
    fn a_missing_file_or_heading_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("a.md");
        fs::write(&document, "# The `way` of one job\n").unwrap();
        assert_eq!(problem(&document, "a.md#the-way-of-one-job"), None);
        assert_eq!(problem(&document, "#the-way-of-one-job"), None);
        assert!(problem(&document, "#elsewhere").is_some());
        assert!(problem(&document, "b.md").is_some());
        assert_eq!(problem(&document, "https://example.org/b.md"), None);
    }
}
