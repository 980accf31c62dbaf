//! `SECURITY.md` lists which test proves which promise. This module checks that the listed tests exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jobhost_tests::artifacts;

/// The tests in the document: `file.rs::name_of_a_test`, each with the path of its file from the root.
fn named(document: &str) -> Vec<(String, String)> {
    let quoted = document.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|text| text.split_once(".rs::"));
    let root =
        |file: &str| if file.starts_with("host/") { String::new() } else { "tests/tests/front_door/".to_owned() };
    named.map(|(file, test)| (format!("{}{file}.rs", root(file)), test.to_owned())).collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in directory.read_dir().expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let attribute = before.rsplit('\n').skip(1).map(str::trim).find(|line| !line.starts_with("//"));
    attribute.is_some_and(|line| line.starts_with("#[") && line.contains("test"))
}

#[test]
fn every_test_that_security_md_names_exists() {
    let document = std::fs::read_to_string(artifacts::in_package("../SECURITY.md")).expect("SECURITY.md");
    let named = named(&document);
    assert!(named.len() > 40, "SECURITY.md names only {} tests", named.len());
    for (file, test) in named {
        let path = artifacts::in_package("..").join(&file);
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("SECURITY.md names {file}: {error}"));
        assert!(is_test(&source, &test), "SECURITY.md names {file}::{test}, and there is no such test");
    }
}

#[test]
fn every_mechanism_that_security_md_names_exists() {
    let document = std::fs::read_to_string(artifacts::in_package("../SECURITY.md")).expect("SECURITY.md");
    let quoted = document.split('`').skip(1).step_by(2);
    for file in quoted.filter(|text| text.contains('/') && text.ends_with(".rs")) {
        let (room, rest) = file.split_once('/').expect("a slash");
        let homes = [format!("../host/{room}/src/{rest}"), format!("tests/front_door/{file}")];
        let found = homes.iter().any(|home| artifacts::in_package(home).is_file());
        assert!(found, "SECURITY.md names {file}, and there is no such file");
    }
}

#[test]
fn every_attack_is_listed_in_security_md() {
    let document = std::fs::read_to_string(artifacts::in_package("../SECURITY.md")).expect("SECURITY.md");
    let named: BTreeSet<String> = named(&document).into_iter().map(|(file, _)| file).collect();
    let mut files = Vec::new();
    sources(&artifacts::in_package("tests/front_door/attacks"), &mut files);
    for path in files {
        let source = std::fs::read_to_string(&path).expect("a source");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let listed = named.iter().any(|file| file.ends_with(&format!("/attacks/{name}")));
        assert!(listed || !source.contains("#[test]") || name == "threat_table.rs", "SECURITY.md does not name {name}");
    }
}
