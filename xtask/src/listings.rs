//! Checks that documents show files accurately: a code block after `<!-- file: PATH -->` must equal that file line by
//! line. Only reads the repository and never corrects a document.

use crate::links;
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::repository;
use std::fs;
use std::path::Path;

const OPENS: &str = "<!-- file: ";
const CLOSES: &str = " -->";

pub fn check() -> Result<()> {
    let root = repository::root();
    let (mut shown, mut problems) = (0, Vec::new());
    for document in links::documents(&root)? {
        let text = fs::read_to_string(&document).doing(|| format!("cannot read {}", document.display()))?;
        let name = document.strip_prefix(&root).unwrap_or(&document).display().to_string();
        for listing in listings(&text) {
            shown += 1;
            problems.extend(problem(&root, &listing).map(|why| format!("{name}:{}: {why}", listing.line)));
        }
    }
    if problems.is_empty() {
        println!("documents show {shown} files as they are");
        return Ok(());
    }
    Err(Failure::new("documents show files that have changed")
        .detail(problems.join("\n"))
        .remedy("copy the file into the code block below its comment"))
}

/// A file that a document shows.
#[derive(Debug, PartialEq, Eq)]
struct Listing {
    /// Line of the comment, counted from 1.
    line: usize,
    file: String,
    /// Content of the code block, or `None` if no code block follows.
    content: Option<String>,
}

fn listings(text: &str) -> Vec<Listing> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let Some(file) = line.strip_prefix(OPENS).and_then(|rest| rest.strip_suffix(CLOSES)) else { continue };
        let opens = lines.next_if(|(_, line)| line.starts_with("```"));
        let content = opens.map(|_| {
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            inside.flat_map(|line| [line, "\n"]).collect()
        });
        found.push(Listing { line: index + 1, file: file.to_owned(), content });
    }
    found
}

fn problem(root: &Path, listing: &Listing) -> Option<String> {
    let Some(content) = &listing.content else { return Some(format!("no code block shows {}", listing.file)) };
    match fs::read_to_string(root.join(&listing.file)) {
        Err(error) => Some(format!("{} cannot be read: {error}", listing.file)),
        Ok(file) if file == *content => None,
        Ok(file) => {
            let differs = file.lines().zip(content.lines()).take_while(|(file, shown)| file == shown).count();
            Some(format!("{} differs from line {} on", listing.file, differs + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "text\n<!-- file: a.toml -->\n```toml\n[a]\n\nb = 1\n```\nmore\n<!-- file: b.rs -->\nno block\n";

    #[test]
    fn a_listing_is_the_code_block_after_its_comment() {
        let found = listings(PAGE);
        assert_eq!(found[0], Listing { line: 2, file: "a.toml".into(), content: Some("[a]\n\nb = 1\n".into()) });
        assert_eq!(found[1], Listing { line: 9, file: "b.rs".into(), content: None });
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_file_that_differs_or_is_missing_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let found = listings(PAGE);
        assert!(problem(folder.path(), &found[0]).unwrap().contains("cannot be read"));
        fs::write(folder.path().join("a.toml"), "[a]\n\nb = 1\n").unwrap();
        assert_eq!(problem(folder.path(), &found[0]), None);
        fs::write(folder.path().join("a.toml"), "[a]\n\nb = 2\n").unwrap();
        assert_eq!(problem(folder.path(), &found[0]).unwrap(), "a.toml differs from line 3 on");
        fs::write(folder.path().join("a.toml"), "[a]\n\nb = 1\nc = 1\n").unwrap();
        assert_eq!(problem(folder.path(), &found[0]).unwrap(), "a.toml differs from line 4 on");
        assert!(problem(folder.path(), &found[1]).is_some());
    }
}
