//! Typed values of the configuration. An invalid value is rejected with its key, the value and what it must be.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::values::{ConfigError, Value, Values};
use super::settings;
use jobhost_capabilities::CapabilityLimits;
use jobhost_objects::AllowedAddress;
use jobhost_registry::{Grants, PluginGrants, PublicKey, Trust};
use jobhost_sandbox::{Bound, SandboxLimits};
use jobhost_store::BatchLimits;

/// What the reader of batches can follow.
const MAX_RECORD_DEPTH: u64 = 100;
pub(super) struct Reader<'v> {
    pub values: &'v Values,
}

impl Reader<'_> {
    pub fn text(&self, key: &str) -> String {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// `None` where nothing is set.
    pub fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    pub fn secret(&self, key: &str) -> Option<SecretString> {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::Secret(secret)) if !secret.expose_secret().is_empty() => Some(secret.clone()),
            _ => None,
        }
    }

    pub fn sealing_key(&self, key: &str) -> Result<Option<SecretBox<[u8; 32]>>, ConfigError> {
        let Some(text) = self.secret(key) else { return Ok(None) };
        let mut bytes = Box::new([0; 32]);
        match hex::decode_to_slice(text.expose_secret(), bytes.as_mut_slice()) {
            Ok(()) => Ok(Some(SecretBox::new(bytes))),
            Err(_) => Err(self.wrong(key, "(secret)", "64 hexadecimal digits, as `openssl rand -hex 32` prints them")),
        }
    }

    pub fn filled(&self, key: &str) -> Result<String, ConfigError> {
        let text = self.text(key);
        if text.trim().is_empty() { Err(self.wrong(key, &text, "not empty")) } else { Ok(text) }
    }

    pub fn number(&self, key: &str) -> u64 {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    pub fn positive(&self, key: &str) -> Result<u64, ConfigError> {
        match self.number(key) {
            0 => Err(self.wrong(key, "0", "at least 1")),
            number => Ok(number),
        }
    }

    /// A number that is 0, for the default, or not less than this.
    pub fn at_least_or_zero(&self, key: &str, least: u64) -> Result<u64, ConfigError> {
        match self.number(key) {
            number if number == 0 || number >= least => Ok(number),
            number => Err(self.wrong(key, &number.to_string(), &format!("0 or at least {least}"))),
        }
    }

    pub fn size(&self, key: &str) -> Result<usize, ConfigError> {
        let number = self.positive(key)?;
        usize::try_from(number)
            .map_err(|_| self.wrong(key, &number.to_string(), "a size that this machine can address"))
    }

    pub fn list(&self, key: &str) -> Vec<String> {
        match self.values.get(key).map(|given| &given.value) {
            Some(Value::List(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    pub fn parsed<T: std::str::FromStr>(&self, key: &str, must: &str) -> Result<T, ConfigError> {
        let text = self.text(key);
        text.parse().map_err(|_| self.wrong(key, &text, must))
    }

    pub fn addresses(&self, key: &str) -> Result<Vec<AllowedAddress>, ConfigError> {
        let must = "an address, a block like 10.0.0.0/8 or a host name, each with an optional :port";
        self.list(key).iter().map(|entry| entry.parse().map_err(|_| self.wrong(key, entry, must))).collect()
    }

    pub fn trust(&self) -> Result<Trust, ConfigError> {
        let (digests, keys) = ("plugins.allowed_digests", "plugins.signing_keys");
        let must = "a list of values of 64 hexadecimal digits";
        let is_digest = |text: &String| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        if let Some(bad) = self.list(digests).iter().find(|digest| !is_digest(digest)) {
            return Err(self.wrong(digests, bad, must));
        }
        let parsed =
            self.list(keys).into_iter().map(|key| key.parse::<PublicKey>().map_err(|_| self.wrong(keys, &key, must)));
        let digests = self.list(digests).iter().map(|digest| digest.to_ascii_lowercase()).collect();
        Ok(Trust { digests, keys: parsed.collect::<Result<_, _>>()? })
    }

    pub fn sandbox(&self) -> Result<SandboxLimits, ConfigError> {
        let seconds = |key: &str| self.positive(key).map(Duration::from_secs);
        Ok(SandboxLimits {
            memory_bytes: Bound::new(self.size("sandbox.memory_bytes")?, "sandbox.memory_bytes"),
            wall: Bound::new(seconds("sandbox.wall_seconds")?, "sandbox.wall_seconds"),
            cpu: Bound::new(seconds("sandbox.cpu_seconds")?, "sandbox.cpu_seconds"),
            plan: Duration::from_millis(self.positive("sandbox.plan_milliseconds")?),
            host_call: seconds("sandbox.host_call_seconds")?,
            memories: self.size("sandbox.memories")?,
            instances: self.size("sandbox.instances")?,
            tables: self.size("sandbox.tables")?,
            table_elements: self.size("sandbox.table_elements")?,
            stack_bytes: self.size("sandbox.stack_bytes")?,
            call_bytes: self.size("sandbox.call_bytes")?,
            handles: self.size("sandbox.handles")?,
        })
    }

    pub fn guest(&self) -> Result<CapabilityLimits, ConfigError> {
        let depth = self.positive("sandbox.record_depth")?;
        if depth > MAX_RECORD_DEPTH {
            return Err(self.wrong("sandbox.record_depth", &depth.to_string(), "1 to 100"));
        }
        Ok(CapabilityLimits {
            batch: BatchLimits {
                bytes: self.size("sandbox.batch_bytes")?,
                records: self.size("sandbox.batch_records")?,
                record_bytes: self.size("sandbox.record_bytes")?,
                depth: u32::try_from(depth).unwrap_or(u32::MAX),
                ..BatchLimits::default()
            },
            checkpoint_bytes: self.size("sandbox.checkpoint_bytes")?,
            readers: self.size("sandbox.readers")?,
            writers: self.size("sandbox.writers")?,
            cursors: self.size("sandbox.cursors")?,
            log_bytes: self.size("sandbox.log_bytes")?,
            rejects: self.size("sandbox.rejects")?,
            result_bytes: self.size("sandbox.result_bytes")?,
            message_bytes: self.size("sandbox.message_bytes")?,
            ..CapabilityLimits::default()
        })
    }

    pub fn grants(&self) -> Result<Grants, ConfigError> {
        let parsed = self.values.grants().map(|(plugin, given)| {
            let Value::List(lines) = &given.value else { return Ok((plugin.to_owned(), PluginGrants::default())) };
            let grants = PluginGrants::parse(lines.clone()).map_err(|(line, error)| ConfigError::Value {
                key: format!("grants.{plugin}"),
                value: line,
                origin: given.origin.clone(),
                must: error.to_string(),
            })?;
            Ok((plugin.to_owned(), grants))
        });
        let shipped = settings::GRANTS.iter().map(|(plugin, _)| *plugin).collect();
        Ok(Grants::new(parsed.collect::<Result<Vec<_>, _>>()?, shipped))
    }

    pub fn wrong(&self, key: &str, value: &str, must: &str) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: self.values.get(key).map(|given| given.origin.clone()).unwrap_or_default(),
            must: must.to_owned(),
        }
    }
}
