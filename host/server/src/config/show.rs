//! The effective configuration as a commented TOML file: what each key is, why, and where it was set.

use secrecy::ExposeSecret;

use super::settings::{GRANTS_REASON, SETTINGS};
use super::values::{Value, Values};

const COMMENT_WIDTH: usize = 110;

pub fn show(values: &Values) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            text.push_str(&format!("{}[{section}]\n", if text.is_empty() { "" } else { "\n" }));
        }
        for line in wrapped(setting.reason) {
            text.push_str(&format!("# {line}\n"));
        }
        let Some(given) = values.get(setting.key()) else { continue };
        text.push_str(&format!("# Environment: {}. Set by: {}.\n", setting.variable(), given.origin));
        let name = setting.name();
        match &given.value {
            Value::Secret(secret) => {
                let state = if secret.expose_secret().is_empty() { "(not set)" } else { "(set, not shown)" };
                text.push_str(&format!("# {name} = {state}\n"));
            }
            Value::Text(plain) => text.push_str(&format!("{name} = {}\n", toml::Value::String(plain.clone()))),
            Value::Number(number) => text.push_str(&format!("{name} = {number}\n")),
            Value::List(list) => text.push_str(&format!("{name} = {}\n", array(list))),
        }
    }
    text.push_str("\n[grants]\n");
    for line in wrapped(GRANTS_REASON) {
        text.push_str(&format!("# {line}\n"));
    }
    text.push_str("# Environment: JOBHOST_GRANTS_<PLUGIN>, with _ in the place of -.\n");
    for (plugin, given) in values.grants() {
        let Value::List(lines) = &given.value else { continue };
        text.push_str(&format!("# Set by: {}.\n{plugin} = {}\n", given.origin, array(lines)));
    }
    text
}

fn array(list: &[String]) -> toml::Value {
    toml::Value::Array(list.iter().cloned().map(toml::Value::String).collect())
}

fn wrapped(reason: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in reason.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < COMMENT_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
