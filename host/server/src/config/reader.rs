//! Typed values of the configuration. An invalid value is rejected with its key, the value and what it must be.

use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::settings::{self, Setting};
use super::values::{ConfigError, Value, Values};
use jobhost_capabilities::CapabilityLimits;
use jobhost_model::Limit;
use jobhost_objects::AllowedAddress;
use jobhost_registry::{Grants, PluginGrants, PublicKey, Trust};
use jobhost_sandbox::SandboxLimits;
use jobhost_store::{BatchLimits, MAX_DEPTH};

pub(super) struct Reader<'v> {
    pub values: &'v Values,
}

/// A batch may always be so much larger than a record (`wit/`, `records.write`).
const BESIDE_A_RECORD: u64 = 512 << 10;

/// A limit at its default grows with what it must have room for, so that one key is enough to load larger records.
fn with_room_for(content: &Limit, limit: Limit, default: &Limit) -> Limit {
    let least = content.value().saturating_add(BESIDE_A_RECORD);
    if limit == *default { limit.with_value(limit.value().max(least)) } else { limit }
}

impl Reader<'_> {
    pub fn text(&self, setting: &Setting) -> String {
        match self.values.get(setting.key()).map(|given| &given.value) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// `None` if nothing is set.
    pub fn optional(&self, setting: &Setting) -> Option<String> {
        Some(self.text(setting)).filter(|text| !text.is_empty())
    }

    pub fn secret(&self, setting: &Setting) -> Option<SecretString> {
        match self.values.get(setting.key()).map(|given| &given.value) {
            Some(Value::Secret(secret)) if !secret.expose_secret().is_empty() => Some(secret.clone()),
            _ => None,
        }
    }

    pub fn sealing_key(&self, setting: &Setting) -> Result<Option<SecretBox<[u8; 32]>>, ConfigError> {
        let Some(text) = self.secret(setting) else { return Ok(None) };
        let mut bytes = Box::new([0; 32]);
        match hex::decode_to_slice(text.expose_secret(), bytes.as_mut_slice()) {
            Ok(()) => Ok(Some(SecretBox::new(bytes))),
            Err(_) => {
                Err(self.wrong(setting, "(secret)", "64 hexadecimal digits, as `openssl rand -hex 32` prints them"))
            }
        }
    }

    pub fn filled(&self, setting: &Setting) -> Result<String, ConfigError> {
        let text = self.text(setting);
        if text.trim().is_empty() { Err(self.wrong(setting, &text, "not empty")) } else { Ok(text) }
    }

    pub fn number(&self, setting: &Setting) -> u64 {
        match self.values.get(setting.key()).map(|given| &given.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    pub fn positive(&self, setting: &Setting) -> Result<u64, ConfigError> {
        match self.number(setting) {
            0 => Err(self.wrong(setting, "0", "at least 1")),
            number => Ok(number),
        }
    }

    /// The limit that the key sets.
    pub fn limit(&self, setting: &Setting) -> Result<Limit, ConfigError> {
        let limit = setting.limit(self.positive(setting)?);
        // Every limit can be counted in memory.
        usize::try_from(limit.value())
            .map_err(|_| self.wrong(setting, &limit.value().to_string(), "a size that this machine can address"))?;
        Ok(limit)
    }

    /// A number that is 0, for the default, or not less than this.
    pub fn at_least_or_zero(&self, setting: &Setting, least: u64) -> Result<u64, ConfigError> {
        match self.number(setting) {
            number if number == 0 || number >= least => Ok(number),
            number => Err(self.wrong(setting, &number.to_string(), &format!("0 or at least {least}"))),
        }
    }

    pub fn size(&self, setting: &Setting) -> Result<usize, ConfigError> {
        let number = self.positive(setting)?;
        usize::try_from(number)
            .map_err(|_| self.wrong(setting, &number.to_string(), "a size that this machine can address"))
    }

    pub fn list(&self, setting: &Setting) -> Vec<String> {
        match self.values.get(setting.key()).map(|given| &given.value) {
            Some(Value::List(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    pub fn parsed<T: std::str::FromStr>(&self, setting: &Setting, must: &str) -> Result<T, ConfigError> {
        let text = self.text(setting);
        text.parse().map_err(|_| self.wrong(setting, &text, must))
    }

    pub fn addresses(&self, setting: &Setting) -> Result<Vec<AllowedAddress>, ConfigError> {
        let must = "an address, a block like 10.0.0.0/8 or a host name, each with an optional :port";
        self.list(setting).iter().map(|entry| entry.parse().map_err(|_| self.wrong(setting, entry, must))).collect()
    }

    pub fn trust(&self) -> Result<Trust, ConfigError> {
        let (digests, keys) = (&settings::PLUGINS_ALLOWED_DIGESTS, &settings::PLUGINS_SIGNING_KEYS);
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
        Ok(SandboxLimits {
            memory_bytes: self.limit(&settings::SANDBOX_MEMORY_BYTES)?,
            wall: self.limit(&settings::SANDBOX_WALL_SECONDS)?,
            cpu: self.limit(&settings::SANDBOX_CPU_SECONDS)?,
            plan: self.limit(&settings::SANDBOX_PLAN_MILLISECONDS)?,
            host_call: self.limit(&settings::SANDBOX_HOST_CALL_SECONDS)?,
            memories: self.limit(&settings::SANDBOX_MEMORIES)?,
            instances: self.limit(&settings::SANDBOX_INSTANCES)?,
            tables: self.limit(&settings::SANDBOX_TABLES)?,
            table_elements: self.limit(&settings::SANDBOX_TABLE_ELEMENTS)?,
            stack_bytes: self.limit(&settings::SANDBOX_STACK_BYTES)?,
            call_bytes: self.call_bytes()?,
            handles: self.limit(&settings::SANDBOX_HANDLES)?,
        })
    }

    fn batch_bytes(&self) -> Result<Limit, ConfigError> {
        let (batch, record) =
            (self.limit(&settings::SANDBOX_BATCH_BYTES)?, self.limit(&settings::SANDBOX_RECORD_BYTES)?);
        Ok(with_room_for(&record, batch, &BatchLimits::DEFAULT.bytes))
    }

    /// The data of one call includes a batch and its checkpoint.
    fn call_bytes(&self) -> Result<Limit, ConfigError> {
        let (call, batch) = (self.limit(&settings::SANDBOX_CALL_BYTES)?, self.batch_bytes()?);
        Ok(with_room_for(&batch, call, &SandboxLimits::DEFAULT.call_bytes))
    }

    pub fn guest(&self) -> Result<CapabilityLimits, ConfigError> {
        let depth = self.limit(&settings::SANDBOX_RECORD_DEPTH)?;
        if depth.value() > MAX_DEPTH {
            let must = format!("1 to {MAX_DEPTH}");
            return Err(self.wrong(&settings::SANDBOX_RECORD_DEPTH, &depth.value().to_string(), &must));
        }
        Ok(CapabilityLimits {
            batch: BatchLimits {
                bytes: self.batch_bytes()?,
                records: self.limit(&settings::SANDBOX_BATCH_RECORDS)?,
                record_bytes: self.limit(&settings::SANDBOX_RECORD_BYTES)?,
                depth,
            },
            checkpoint_bytes: self.limit(&settings::SANDBOX_CHECKPOINT_BYTES)?,
            readers: self.limit(&settings::SANDBOX_READERS)?,
            writers: self.limit(&settings::SANDBOX_WRITERS)?,
            cursors: self.limit(&settings::SANDBOX_CURSORS)?,
            log_bytes: self.limit(&settings::SANDBOX_LOG_BYTES)?,
            rejects: self.limit(&settings::SANDBOX_REJECTS)?,
            result_bytes: self.limit(&settings::SANDBOX_RESULT_BYTES)?,
            message_bytes: self.limit(&settings::SANDBOX_MESSAGE_BYTES)?,
            outcome: self.limit(&settings::SANDBOX_OUTCOME_SECONDS)?,
            ..CapabilityLimits::DEFAULT
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

    pub fn wrong(&self, setting: &Setting, value: &str, must: &str) -> ConfigError {
        ConfigError::Value {
            key: setting.key().to_owned(),
            value: value.to_owned(),
            origin: self.values.get(setting.key()).map(|given| given.origin.clone()).unwrap_or_default(),
            must: must.to_owned(),
        }
    }
}
