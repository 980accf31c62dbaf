use super::*;

fn config(flags: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let sources = Sources {
        file: None,
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
    };
    Config::from_values(&gather(&sources)?)
}

#[test]
fn defaults_are_valid() {
    let config = config(&[], &[]).unwrap();
    assert_eq!(config.listen.port(), 9925);
    assert!(config.admin_password.is_none());
    assert!(config.workers >= 1);
}

#[test]
fn flags_win_over_the_environment_and_it_over_defaults() {
    let environment = [("JOBHOST_JOBS_WORKERS", "3"), ("JOBHOST_FILES_DIRECTORIES", "/a, /b")];
    let from_environment = config(&[], &environment).unwrap();
    assert_eq!(from_environment.workers, 3);
    assert_eq!(from_environment.file_directories, [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(config(&["jobs.workers=5"], &environment).unwrap().workers, 5);
}

#[test]
fn what_is_wrong_is_named_with_its_key_and_value() {
    for (flag, part) in [
        ("server.listen=nowhere", "server.listen"),
        ("jobs.workers=-1", "not negative"),
        ("log.format=xml", "text or json"),
        ("urls.allow=a b", "urls.allow"),
        ("nosuch.key=1", "nosuch.key"),
        ("data.dir=", "not empty"),
        ("jobs.workers", "section.key=value"),
        ("grants.csv-load=fly *", "grants.csv-load"),
        ("grants.mine=insert dog", "database.table"),
        ("sandbox.record_depth=101", "1 to 100"),
    ] {
        let message = config(&[flag], &[]).unwrap_err().to_string();
        assert!(message.contains(part), "{flag}: {message}");
    }
}

#[test]
fn grants_are_by_plugin_and_what_is_set_replaces_the_default() {
    let environment = [("JOBHOST_GRANTS_MY_PLUGIN", "query data.*, concurrency 2")];
    let config = config(&["grants.csv-load=insert data.dog"], &environment).unwrap();
    assert_eq!(config.grants.of("csv-load").lines(), ["insert data.dog"]);
    assert_eq!(config.grants.of("my-plugin").lines(), ["query data.*", "concurrency 2"]);
    assert_eq!(config.grants.of("export").lines(), ["query *", "write-file *", "write-s3 *"]);
    assert!(config.grants.of("another").lines().is_empty());
}

#[test]
fn an_unknown_variable_is_refused_with_the_one_that_was_meant() {
    for (variable, meant) in [
        ("JOBHOST_JOBS_WORKER", Some("JOBHOST_JOBS_WORKERS")),
        ("JOBHOST_SERVER_LISTENS", Some("JOBHOST_SERVER_LISTEN")),
        ("JOBHOST_CONFIGS", Some("JOBHOST_CONFIG")),
        ("JOBHOST_SOMETHING_ELSE_ALTOGETHER", None),
        ("JOBHOST_", None),
    ] {
        let told = config(&[], &[(variable, "3")]).unwrap_err().to_string();
        assert!(told.contains(&format!("sets {variable},")), "{told}");
        assert_eq!(told.contains("did you mean"), meant.is_some(), "{told}");
        assert!(meant.is_none_or(|meant| told.contains(&format!("did you mean {meant}?"))), "{told}");
    }
    assert!(config(&[], &[("JOBHOST_CONFIG", "/a"), ("OTHER_JOBHOST_X", "1"), ("JOBHOSTS", "1")]).is_ok());
}

#[test]
fn the_documentation_shows_the_defaults() {
    let page = include_str!("../../../../docs/configuration.md");
    let shown = show(&gather(&Sources::default()).unwrap());
    assert!(page.contains(&shown), "docs/configuration.md must contain what `jobhost config` prints");
}

/// A value in the largest unit in which it is a whole number.
fn with_unit(limit: &Limit) -> String {
    const BYTES: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    const SECONDS: [(&str, u64); 2] = [("h", 3600), ("min", 60)];
    let (units, smallest): (&[(&str, u64)], _) = match limit.key() {
        key if key.ends_with("_bytes") => (&BYTES, " bytes"),
        key if key.ends_with("_milliseconds") => (&[], " ms"),
        key if key.ends_with("_seconds") => (&SECONDS, " s"),
        _ => (&[], ""),
    };
    match units.iter().find(|(_, size)| limit.value() >= *size && limit.value().is_multiple_of(*size)) {
        Some((unit, size)) => format!("{} {unit}", limit.value() / size),
        None => format!("{}{smallest}", limit.value()),
    }
}

#[test]
fn the_documentation_lists_every_limit_with_its_default() {
    let page = include_str!("../../../../docs/limits.md");
    let rows = settings::SETTINGS.iter().filter_map(settings::Setting::default_limit);
    let rows: Vec<String> = rows.map(|limit| format!("| `{}` | {} |", limit.key(), with_unit(&limit))).collect();
    let table = format!("| key | default |\n|---|---|\n{}\n", rows.join("\n"));
    assert!(page.contains(&table), "docs/limits.md must contain this table:\n\n{table}");
}

#[test]
fn what_is_shown_can_be_read_again_and_hides_secrets() {
    let sources = Sources { flags: vec!["admin.password=hunter2".to_owned()], ..Sources::default() };
    let shown = show(&gather(&sources).unwrap());
    assert!(!shown.contains("hunter2"));
    let document: toml::Table = toml::from_str(&shown).unwrap();
    for setting in settings::SETTINGS {
        let section = document.get(setting.section()).and_then(toml::Value::as_table).unwrap();
        assert!(section.contains_key(setting.name()) || setting.kind() == settings::Kind::Secret, "{}", setting.key());
    }
}

/// What looks like a key in a text of the host and is none: a field of requests, files of Linux and of the store, a table.
const NO_KEYS: [&str; 5] = ["s3.profile", "memory.max", "memory.limit_in_bytes", "data.mdb", "data.dog"];

/// The texts in quotes, escapes as they stand there, up to the tests at the end of a file.
fn texts(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let (mut texts, mut open, mut escaped) = (Vec::new(), None::<String>, false);
    for character in lines.join("\n").chars() {
        match (&mut open, character) {
            (Some(text), _) if escaped => {
                escaped = false;
                text.push(character);
            }
            (Some(_), '\\') => escaped = true,
            (Some(_), '"') => texts.extend(open.take()),
            (Some(text), _) => text.push(character),
            (None, '"') => open = Some(String::new()),
            (None, _) => {}
        }
    }
    texts
}

fn sources(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.to_str().unwrap().contains("test")
        {
            found.push(path);
        }
    }
}

/// A key that is written wrongly would be read as nothing, and an operator could not follow a message that names it.
#[test]
fn every_key_that_the_host_names_exists() {
    let sections: std::collections::BTreeSet<&str> =
        settings::SETTINGS.iter().map(settings::Setting::section).collect();
    let mut files = Vec::new();
    for room in std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").read_dir().unwrap() {
        sources(&room.unwrap().path().join("src"), &mut files);
    }
    let mut named = 0;
    for file in files {
        for text in texts(&std::fs::read_to_string(&file).unwrap()) {
            let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || "._".contains(character)));
            for word in words.map(|word| word.trim_matches('.')) {
                let is_key = word.split_once('.').is_some_and(|(section, _)| sections.contains(section));
                let known = settings::find(word).is_some() || NO_KEYS.contains(&word);
                assert!(!is_key || known, "{} names {word}, which is no key: {text:?}", file.display());
                named += usize::from(is_key);
            }
        }
    }
    assert!(named > 100, "only {named} keys were found");
}
