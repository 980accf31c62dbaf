//! Checks that released versions of the contract have not changed, because plugins were built for exactly those files.
//! A folder of `wit/` is frozen as soon as `wit/released.sha256` lists it. This module never writes that list.

use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::repository;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const LIST: &str = "released.sha256";

pub fn check() -> Result<()> {
    let (released, unreleased) = compare(&repository::root().join("wit"))?;
    println!("{released} released versions of the contract are unchanged");
    for line in unreleased {
        println!("not released, may change: {line}");
    }
    Ok(())
}

/// Returns the number of released folders that are unchanged, and the lines that would release the others.
fn compare(wit: &Path) -> Result<(usize, Vec<String>)> {
    let list = wit.join(LIST);
    let text = fs::read_to_string(&list).doing(|| format!("cannot read {}", list.display()))?;
    let mut released = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (expected, folder) = line.split_once("  ").ok_or_else(|| {
            Failure::new(format!("{}: `{line}` is not `<digest>  <folder>`", list.display())).remedy("correct the line")
        })?;
        let found = digest(&wit.join(folder))?;
        if found != expected {
            return Err(Failure::new(format!("the released contract wit/{folder} has changed"))
                .detail(format!("expected {expected}\nfound    {found}"))
                .remedy("undo the change, and make it in a folder with a new version (docs/plugins.md, Versions)"));
        }
        released.push(folder.to_owned());
    }
    let mut unreleased = Vec::new();
    for entry in wit.read_dir().doing(|| format!("cannot read {}", wit.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !released.contains(&name) {
            unreleased.push(format!("{}  {name}", digest(&entry.path())?));
        }
    }
    Ok((released.len(), unreleased))
}

/// Returns the digest of the output of `sha256sum *.wit` in the folder.
fn digest(folder: &Path) -> Result<String> {
    let mut names: Vec<String> = folder
        .read_dir()
        .doing(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".wit"))
        .collect();
    names.sort();
    let mut sums = String::new();
    for name in names {
        let path = folder.join(&name);
        let bytes = fs::read(&path).doing(|| format!("cannot read {}", path.display()))?;
        sums.push_str(&format!("{}  {name}\n", hex(&bytes)));
    }
    Ok(hex(sums.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wit(list: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("0.1.0")).unwrap();
        fs::write(folder.path().join("0.1.0/types.wit"), "package a:b@0.1.0;\n").unwrap();
        fs::write(folder.path().join("0.1.0/world.wit"), "world w {}\n").unwrap();
        fs::write(folder.path().join(LIST), list).unwrap();
        folder
    }

    #[test]
    fn an_unreleased_folder_may_change_and_is_reported_with_its_line() {
        let folder = wit("# nothing yet\n\n");
        let (released, lines) = compare(folder.path()).unwrap();
        assert_eq!(released, 0);
        // Printed by `sha256sum *.wit | sha256sum`.
        assert_eq!(lines, ["e8fff40ece60a2672f527667d6d8e8227dde007992f03492fb7be570c810dfb1  0.1.0"]);
    }

    #[test]
    fn a_released_folder_may_not_change() {
        let folder = wit("");
        let line = compare(folder.path()).unwrap().1.remove(0);
        fs::write(folder.path().join(LIST), format!("{line}\n")).unwrap();
        assert_eq!(compare(folder.path()).unwrap(), (1, vec![]));

        fs::write(folder.path().join("0.1.0/more.wit"), "// one more file\n").unwrap();
        assert!(compare(folder.path()).unwrap_err().to_string().contains("wit/0.1.0 has changed"));
        fs::remove_file(folder.path().join("0.1.0/more.wit")).unwrap();
        fs::write(folder.path().join("0.1.0/world.wit"), "world w { }\n").unwrap();
        assert!(compare(folder.path()).is_err());
        fs::remove_dir_all(folder.path().join("0.1.0")).unwrap();
        assert!(compare(folder.path()).is_err());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_an_error() {
        assert!(compare(wit("0.1.0\n").path()).is_err());
    }
}
