//! Gathering values: defaults, then the file, then the environment, then flags; later ones win.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::settings::{Kind, SETTINGS, Setting, find};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {path} cannot be read: {source}")]
    File { path: String, source: std::io::Error },
    #[error("the configuration file {path} is not TOML: {source}")]
    Syntax { path: String, source: Box<toml::de::Error> },
    #[error("{origin} sets {key}, which is no key of the configuration; `jobhost config` lists them")]
    UnknownKey { key: String, origin: String },
    #[error("{origin} sets {key} = {value:?}, but it must be {must}")]
    Value { key: String, value: String, origin: String, must: String },
    #[error("the flag --set {flag:?} must have the form section.key=value")]
    Flag { flag: String },
}

/// One value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub value: Value,
    pub origin: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Number(u64),
    List(Vec<String>),
}

/// Where values come from besides the defaults.
#[derive(Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    /// `section.key=value`.
    pub flags: Vec<String>,
}

pub type Values = BTreeMap<&'static str, Given>;

pub fn gather(sources: &Sources) -> Result<Values, ConfigError> {
    let mut values = Values::new();
    for setting in SETTINGS {
        let value = from_text(setting, setting.default, "the default")?;
        values.insert(setting.key, Given { value, origin: "default".to_owned() });
    }
    if let Some(path) = &sources.file {
        read_file(path, &mut values)?;
    }
    for setting in SETTINGS {
        let variable = setting.variable();
        if let Some((_, text)) = sources.environment.iter().find(|(name, _)| *name == variable) {
            let value = from_text(setting, text, &variable)?;
            values.insert(setting.key, Given { value, origin: variable });
        }
    }
    for flag in &sources.flags {
        let (key, text) = flag.split_once('=').ok_or_else(|| ConfigError::Flag { flag: flag.clone() })?;
        let origin = format!("--set {key}");
        let setting =
            find(key).ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned(), origin: "--set".to_owned() })?;
        let value = from_text(setting, text, &origin)?;
        values.insert(setting.key, Given { value, origin });
    }
    Ok(values)
}

fn from_text(setting: &Setting, text: &str, origin: &str) -> Result<Value, ConfigError> {
    Ok(match setting.kind {
        Kind::Text | Kind::Secret => Value::Text(text.to_owned()),
        Kind::Number => Value::Number(text.replace('_', "").parse().map_err(|_| ConfigError::Value {
            key: setting.key.to_owned(),
            value: text.to_owned(),
            origin: origin.to_owned(),
            must: "a whole number that is not negative".to_owned(),
        })?),
        Kind::List => {
            Value::List(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
        }
    })
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
            let Some(setting) = find(&key) else {
                return Err(ConfigError::UnknownKey { key, origin });
            };
            let value = from_toml(setting, member, &origin)?;
            values.insert(setting.key, Given { value, origin: origin.clone() });
        }
    }
    Ok(())
}

fn from_toml(setting: &Setting, member: toml::Value, origin: &str) -> Result<Value, ConfigError> {
    let wrong = |member: &toml::Value, must: &str| ConfigError::Value {
        key: setting.key.to_owned(),
        value: if setting.kind == Kind::Secret { "(secret)".to_owned() } else { member.to_string() },
        origin: origin.to_owned(),
        must: must.to_owned(),
    };
    match (setting.kind, member) {
        (Kind::Text | Kind::Secret, toml::Value::String(text)) => Ok(Value::Text(text)),
        (Kind::Text | Kind::Secret, other) => Err(wrong(&other, "a string")),
        (Kind::Number, toml::Value::Integer(number)) => u64::try_from(number)
            .map(Value::Number)
            .map_err(|_| wrong(&toml::Value::Integer(number), "a whole number that is not negative")),
        (Kind::Number, other) => Err(wrong(&other, "a whole number that is not negative")),
        (Kind::List, toml::Value::Array(entries)) => {
            let mut list = Vec::new();
            for entry in entries {
                let toml::Value::String(text) = entry else {
                    return Err(wrong(&entry, "a list of strings"));
                };
                list.push(text);
            }
            Ok(Value::List(list))
        }
        (Kind::List, other) => Err(wrong(&other, "a list of strings")),
    }
}
