//! The configuration: every key is known and shown, and an invalid value is refused with a clear message.

use std::process::Output;

use jobhost_tests::artifacts;

/// Some keys of each section. The host's own `config/tests.rs` tests that all keys are shown and read.
const KEYS: [&str; 22] = [
    "server.listen",
    "server.max_body_bytes",
    "data.dir",
    "data.max_bytes",
    "admin.username",
    "admin.password",
    "tokens.operation_lifetime_seconds",
    "tokens.refresh_lifetime_seconds",
    "jobs.workers",
    "jobs.max_queued",
    "plugins.dir",
    "files.directories",
    "urls.allow",
    "urls.max_bytes",
    "urls.timeout_seconds",
    "urls.max_redirects",
    "sandbox.memory_bytes",
    "sandbox.wall_seconds",
    "sandbox.cpu_seconds",
    "sandbox.plan_milliseconds",
    "log.level",
    "log.format",
];

fn config(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = artifacts::command();
    command.arg("config").args(arguments).current_dir(&directory).envs(environment.iter().copied());
    command.output().expect("jobhost runs")
}

fn shown(output: Output) -> toml::Table {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.parse().unwrap_or_else(|error| panic!("`jobhost config` is not TOML: {error}\n{text}"))
}

fn at<'a>(table: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let (section, name) = key.split_once('.').expect("section.name");
    table.get(section)?.get(name)
}

#[test]
fn the_effective_configuration_is_commented_toml_with_every_key() {
    let output = config(&[], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let table = shown(output);
    for key in KEYS {
        let name = key.rsplit('.').next().expect("a name");
        // A key without a default is shown as a comment.
        let named =
            at(&table, key).is_some() || text.lines().any(|line| line.trim_start_matches(['#', ' ']).starts_with(name));
        assert!(named, "`jobhost config` does not name {key}:\n{text}");
    }
    assert!(text.lines().any(|line| line.starts_with('#')), "no comments:\n{text}");
    assert_eq!(at(&table, "server.listen").and_then(toml::Value::as_str), Some("127.0.0.1:9925"));
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "[jobs]\nworkers = 3\nmax_queued = 30\n[log]\nformat = \"json\"\n").expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    let environment =
        [("JOBHOST_JOBS_MAX_QUEUED", "40"), ("JOBHOST_LOG_FORMAT", "text"), ("JOBHOST_URLS_ALLOW", "a:1,b:2")];
    let table = shown(config(&["--config", path, "--set", "log.format=json"], &environment));
    assert_eq!(at(&table, "jobs.workers").and_then(toml::Value::as_integer), Some(3));
    assert_eq!(at(&table, "jobs.max_queued").and_then(toml::Value::as_integer), Some(40));
    assert_eq!(at(&table, "log.format").and_then(toml::Value::as_str), Some("json"));
}

#[test]
fn the_shown_configuration_can_be_read_back() {
    let first = config(&["--set", "jobs.workers=3"], &[]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &first.stdout).expect("a file");
    let second = config(&["--config", file.path().to_str().expect("UTF-8")], &[]);
    assert_eq!(shown(second), shown(first));
}

#[test]
fn secrets_are_not_shown() {
    let output = config(&[], &[("JOBHOST_ADMIN_PASSWORD", "correct-horse-battery")]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("correct-horse-battery"));
}

/// Arguments, environment, and the words that the error must contain.
type Mistake = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn errors_name_the_key_and_the_value() {
    let mistakes: [Mistake; 9] = [
        (&["--set", "jobs.wrokers=1"], &[], &["jobs.wrokers"]),
        (&["--set", "jobs.workers=many"], &[], &["jobs.workers", "many"]),
        (&["--set", "jobs.max_queued=-1"], &[], &["jobs.max_queued", "-1"]),
        (&["--set", "jobs.workers"], &[], &["jobs.workers"]),
        (&["--set", "server.listen=nowhere"], &[], &["server.listen", "nowhere"]),
        (&["--set", "log.format=xml"], &[], &["log.format", "xml"]),
        (&["--config", "/nonexistent.toml"], &[], &["/nonexistent.toml"]),
        (&[], &[("JOBHOST_JOBS_WORKERS", "-1")], &["-1"]),
        (&[], &[("JOBHOST_JOBS_WORKER", "3")], &["JOBHOST_JOBS_WORKER,", "JOBHOST_JOBS_WORKERS"]),
    ];
    for (arguments, environment, words) in mistakes {
        let output = config(arguments, environment);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?} {environment:?} is accepted");
        for word in words {
            assert!(told.contains(word), "{arguments:?} {environment:?}: {word:?} is not in {told}");
        }
    }
}
