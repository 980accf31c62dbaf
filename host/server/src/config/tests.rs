use super::*;
use jobhost_capabilities::CapabilityLimits;
use jobhost_sandbox::SandboxLimits;

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
fn the_defaults_of_limits_are_said_once() {
    let config = config(&[], &[]).unwrap();
    assert_eq!(format!("{:?}", config.sandbox), format!("{:?}", SandboxLimits::default()));
    assert_eq!(format!("{:?}", config.guest), format!("{:?}", CapabilityLimits::default()));
}

#[test]
fn the_documentation_shows_the_defaults() {
    let page = include_str!("../../../../docs/configuration.md");
    let shown = show(&gather(&Sources::default()).unwrap());
    assert!(page.contains(&shown), "docs/configuration.md must contain what `jobhost config` prints");
}

#[test]
fn what_is_shown_can_be_read_again_and_hides_secrets() {
    let sources = Sources { flags: vec!["admin.password=hunter2".to_owned()], ..Sources::default() };
    let shown = show(&gather(&sources).unwrap());
    assert!(!shown.contains("hunter2"));
    let document: toml::Table = toml::from_str(&shown).unwrap();
    for setting in settings::SETTINGS {
        let section = document.get(setting.section()).and_then(toml::Value::as_table).unwrap();
        assert!(section.contains_key(setting.name()) || setting.kind == settings::Kind::Secret, "{}", setting.key);
    }
}
