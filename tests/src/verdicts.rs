//! The verdict for each recording: whether this project replies the same, something better, or does not support it yet.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::artifacts::in_package;

#[derive(Debug, Clone)]
pub enum Verdict {
    /// Status and body are those of the recording.
    Same,
    /// Status or body differ on purpose.
    Better(Box<Better>),
    /// The operation or the behaviour is not supported, with the reason.
    NotYet(String),
}

/// A reply that is better than the recorded one. Everything not listed is as recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Better {
    pub case: String,
    pub why: String,
    pub status: Option<u16>,
    /// The whole body.
    #[serde(default, deserialize_with = "json_text")]
    pub body: Option<Value>,
    /// Members of the job's final row.
    #[serde(default, deserialize_with = "json_text")]
    pub job: Option<Value>,
    /// The case whose recorded file equals the file or object of this case.
    pub file_of: Option<String>,
    /// Texts that the message contains, where its wording may vary.
    #[serde(default)]
    pub says: Vec<String>,
    /// The recorded reply is also correct: which one occurs depends on the progress of a job.
    #[serde(default)]
    pub or_same: bool,
}

/// A request sent directly after a case, about something that a client would see only later, or instead of an operation
/// that is not supported yet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    pub case: String,
    pub why: String,
    #[serde(deserialize_with = "json_text")]
    pub request: Option<Value>,
    /// The expected body, or the recorded body if absent. Members that are not listed may have any value.
    #[serde(default, deserialize_with = "json_text")]
    pub body: Option<Value>,
    /// Rows that replace the rows of the recorded body with the same `id`.
    #[serde(default, deserialize_with = "json_text")]
    pub rows: Option<Value>,
}

/// State that a case needs and that no recording creates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    pub case: String,
    /// One JSON request each.
    pub requests: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotYet {
    why: String,
    cases: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    job_additions: Vec<String>,
    awaited_before: BTreeMap<String, String>,
    stands_for: BTreeMap<String, String>,
    verdicts: Lists,
    also: Vec<Also>,
    before: Vec<Before>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Lists {
    same: Vec<String>,
    better: Vec<Better>,
    not_yet: Vec<NotYet>,
}

#[derive(Debug)]
pub struct Verdicts {
    /// Members that this project adds to the rows of jobs.
    pub job_additions: Vec<String>,
    /// Cases whose job is not awaited immediately because the next cases observe it while it runs, each with the case
    /// before which it is awaited.
    pub awaited_before: BTreeMap<String, String>,
    /// Ids of jobs whose start is not recorded, each with the case whose job replaces it.
    pub stands_for: BTreeMap<String, String>,
    pub also: Vec<Also>,
    pub before: Vec<Before>,
    verdicts: BTreeMap<String, Verdict>,
}

impl Verdicts {
    pub fn read() -> Self {
        let path = in_package("recordings/verdicts.toml");
        let text = std::fs::read_to_string(&path).expect("verdicts.toml");
        let table: Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut verdicts = BTreeMap::new();
        let mut enter = |case: String, verdict: Verdict| {
            let before = verdicts.insert(case.clone(), verdict);
            assert!(before.is_none(), "verdicts.toml has two verdicts on {case}");
        };
        for case in table.verdicts.same {
            enter(case, Verdict::Same);
        }
        for better in table.verdicts.better {
            enter(better.case.clone(), Verdict::Better(Box::new(better)));
        }
        for NotYet { why, cases } in table.verdicts.not_yet {
            for case in cases {
                enter(case, Verdict::NotYet(why.clone()));
            }
        }
        Verdicts {
            job_additions: table.job_additions,
            awaited_before: table.awaited_before,
            stands_for: table.stands_for,
            also: table.also,
            before: table.before,
            verdicts,
        }
    }

    pub fn of(&self, case: &str) -> &Verdict {
        self.verdicts.get(case).unwrap_or_else(|| panic!("verdicts.toml has no verdict on {case}"))
    }

    pub fn cases(&self) -> impl Iterator<Item = &str> {
        let named = self.also.iter().map(|also| &also.case).chain(self.before.iter().map(|before| &before.case));
        self.verdicts
            .keys()
            .chain(named)
            .chain(self.awaited_before.keys())
            .chain(self.awaited_before.values())
            .map(String::as_str)
    }
}

/// JSON in a TOML string, because TOML has no null.
fn json_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map(Some).map_err(|error| serde::de::Error::custom(format!("{error} in {text}")))
}
