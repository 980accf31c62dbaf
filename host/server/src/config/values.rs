//! Collects values: defaults, then the file, then the environment, then flags; later ones win.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::settings::{GRANTS, Kind, SETTINGS, Setting, find};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path} cannot be read: {source}")]
    File { path: String, source: std::io::Error },
    #[error("the configuration file {path} is not TOML: {source}")]
    Syntax { path: String, source: Box<toml::de::Error> },
    #[error("{origin} sets {key}, which is not a configuration key; `jobhost config` lists the keys")]
    UnknownKey { key: String, origin: String },
    #[error("the environment sets {variable}, which is not a configuration variable{}; `jobhost config` lists them", hint(.nearest))]
    UnknownVariable { variable: String, nearest: Option<String> },
    #[error("the environment sets {variable} to something that is not UTF-8")]
    NotText { variable: String },
    #[error("{origin} sets {key} = {value:?}, but it must be {must}")]
    Value { key: String, value: String, origin: String, must: String },
    #[error("the flag --set {flag:?} must have the form section.key=value")]
    Flag { flag: String },
}

/// One value and where it came from.
#[derive(Debug, Clone)]
pub struct Given {
    pub value: Value,
    pub origin: String,
}

#[derive(Debug, Clone)]
pub enum Value {
    Text(String),
    Secret(SecretString),
    Number(u64),
    List(Vec<String>),
}

/// Where values come from besides the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub environment: Vec<(OsString, OsString)>,
    /// `section.key=value`.
    pub flags: Vec<String>,
}

const GRANT_PREFIX: &str = "grants.";
/// Of the variables of the configuration.
const PREFIX: &str = "JOBHOST_";
/// Names the configuration file; the command line reads it.
const FILE_VARIABLE: &str = "JOBHOST_CONFIG";
const GRANT_VARIABLE: &str = "JOBHOST_GRANTS_";

#[derive(Debug, Default)]
pub struct Values {
    settings: BTreeMap<&'static str, Given>,
    /// By the name of the plugin.
    grants: BTreeMap<String, Given>,
}

impl Values {
    pub fn get(&self, key: &str) -> Option<&Given> {
        self.settings.get(key)
    }

    pub fn grants(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.grants.iter().map(|(plugin, given)| (plugin.as_str(), given))
    }

    fn insert(&mut self, setting: &Setting, given: Given) {
        self.settings.insert(setting.key(), given);
    }

    /// An empty list takes all of a plugin's grants away.
    fn grant(&mut self, plugin: &str, lines: Vec<String>, origin: String) {
        self.grants.insert(plugin.to_owned(), Given { value: Value::List(lines), origin });
    }
}

pub fn gather(sources: &Sources) -> Result<Values, ConfigError> {
    let mut values = Values::default();
    for (plugin, lines) in GRANTS {
        values.grant(plugin, lines.iter().map(|line| (*line).to_owned()).collect(), "default".to_owned());
    }
    for setting in SETTINGS {
        let value = from_text(setting, &setting.default(), "the default")?;
        values.insert(setting, Given { value, origin: "default".to_owned() });
    }
    if let Some(path) = &sources.file {
        read_file(path, &mut values)?;
    }
    for (name, text) in &sources.environment {
        read_variable(name, text, &mut values)?;
    }
    for flag in &sources.flags {
        let (key, text) = flag.split_once('=').ok_or_else(|| ConfigError::Flag { flag: flag.clone() })?;
        let origin = format!("--set {key}");
        if let Some(plugin) = key.strip_prefix(GRANT_PREFIX) {
            values.grant(plugin, list(text), origin);
            continue;
        }
        let setting =
            find(key).ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned(), origin: "--set".to_owned() })?;
        let value = from_text(setting, text, &origin)?;
        values.insert(setting, Given { value, origin });
    }
    Ok(values)
}

fn read_variable(name: &OsStr, text: &OsStr, values: &mut Values) -> Result<(), ConfigError> {
    // What is not UTF-8 is none of ours.
    let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX) && *name != FILE_VARIABLE) else {
        return Ok(());
    };
    let text = text.to_str().ok_or_else(|| ConfigError::NotText { variable: name.to_owned() })?;
    // Names of plugins are lower-kebab-case.
    if let Some(plugin) = name.strip_prefix(GRANT_VARIABLE) {
        values.grant(&plugin.to_ascii_lowercase().replace('_', "-"), list(text), name.to_owned());
        return Ok(());
    }
    let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
        return Err(ConfigError::UnknownVariable { variable: name.to_owned(), nearest: nearest(name) });
    };
    let value = from_text(setting, text, name)?;
    values.insert(setting, Given { value, origin: name.to_owned() });
    Ok(())
}

/// The variable that was probably meant: at most a third of it is different.
fn nearest(name: &str) -> Option<String> {
    let known = SETTINGS.iter().map(Setting::variable).chain([FILE_VARIABLE.to_owned()]);
    let close = known.map(|known| (distance(&known, name), known));
    let (distance, known) = close.min()?;
    (distance <= (name.len() - PREFIX.len()).div_ceil(3)).then_some(known)
}

/// Letters to be added, removed or replaced to make one of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, left) in from.chars().enumerate() {
        let (mut diagonal, mut before) = (index, index + 1);
        for (cell, right) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!(" (did you mean {nearest}?)")).unwrap_or_default()
}

fn from_text(setting: &Setting, text: &str, origin: &str) -> Result<Value, ConfigError> {
    Ok(match setting.kind() {
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Secret => Value::Secret(text.into()),
        Kind::Number => Value::Number(text.replace('_', "").parse().map_err(|_| ConfigError::Value {
            key: setting.key().to_owned(),
            value: text.to_owned(),
            origin: origin.to_owned(),
            must: "a whole number that is not negative".to_owned(),
        })?),
        Kind::List => Value::List(list(text)),
    })
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn read_file(path: &Path, values: &mut Values) -> Result<(), ConfigError> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: origin.clone(), source })?;
    let document: toml::Table = toml::from_str(&text)
        .map_err(|source| ConfigError::Syntax { path: origin.clone(), source: Box::new(source) })?;
    for (section, members) in document {
        let toml::Value::Table(members) = members else {
            return Err(ConfigError::UnknownKey { key: section, origin });
        };
        for (name, member) in members {
            let key = format!("{section}.{name}");
            if key.starts_with(GRANT_PREFIX) {
                let lines = strings(member).map_err(|found| wrong_list(&key, &found, &origin))?;
                values.grant(&name, lines, origin.clone());
                continue;
            }
            let Some(setting) = find(&key) else {
                return Err(ConfigError::UnknownKey { key, origin });
            };
            let value = from_toml(setting, member, &origin)?;
            values.insert(setting, Given { value, origin: origin.clone() });
        }
    }
    Ok(())
}

fn from_toml(setting: &Setting, member: toml::Value, origin: &str) -> Result<Value, ConfigError> {
    let wrong = |member: &toml::Value, must: &str| ConfigError::Value {
        key: setting.key().to_owned(),
        value: if setting.kind() == Kind::Secret { "(secret)".to_owned() } else { member.to_string() },
        origin: origin.to_owned(),
        must: must.to_owned(),
    };
    match (setting.kind(), member) {
        (Kind::Text, toml::Value::String(text)) => Ok(Value::Text(text)),
        (Kind::Secret, toml::Value::String(text)) => Ok(Value::Secret(text.into())),
        (Kind::Text | Kind::Secret, other) => Err(wrong(&other, "a string")),
        (Kind::Number, toml::Value::Integer(number)) => u64::try_from(number)
            .map(Value::Number)
            .map_err(|_| wrong(&toml::Value::Integer(number), "a whole number that is not negative")),
        (Kind::Number, other) => Err(wrong(&other, "a whole number that is not negative")),
        (Kind::List, list) => strings(list).map(Value::List).map_err(|found| wrong_list(setting.key(), &found, origin)),
    }
}

/// A list of strings, or what is none.
fn strings(value: toml::Value) -> Result<Vec<String>, toml::Value> {
    let toml::Value::Array(entries) = value else { return Err(value) };
    let text = |entry| match entry {
        toml::Value::String(text) => Ok(text),
        other => Err(other),
    };
    entries.into_iter().map(text).collect()
}

fn wrong_list(key: &str, found: &toml::Value, origin: &str) -> ConfigError {
    ConfigError::Value {
        key: key.to_owned(),
        value: found.to_string(),
        origin: origin.to_owned(),
        must: "a list of strings".to_owned(),
    }
}
