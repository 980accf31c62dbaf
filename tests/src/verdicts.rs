//! The table that says of each recording what this project answers: the same, something better, or nothing yet.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::artifacts::in_package;

#[derive(Debug, Clone)]
pub enum Verdict {
    /// Status and body are those of the recording.
    Same,
    /// Status or body are others, on purpose.
    Better(Box<Better>),
    /// The operation or the behaviour is not there, with the reason.
    NotYet(String),
}

/// An answer that is better than the recorded one. What is not said is as recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Better {
    pub case: String,
    pub why: String,
    pub status: Option<u16>,
    /// The whole body.
    #[serde(default, deserialize_with = "json_text")]
    pub body: Option<Value>,
    /// Members of the row of the job in the end.
    #[serde(default, deserialize_with = "json_text")]
    pub job: Option<Value>,
    /// The case whose recorded file this case's file or object is like.
    pub file_of: Option<String>,
    /// What the sentence contains, where its wording is left open.
    #[serde(default)]
    pub says: Vec<String>,
    /// The recorded answer is right too: which one comes depends on how far a job is.
    #[serde(default)]
    pub or_same: bool,
}

/// A question asked right after a case: about something that a client would see only later, or in the place of an
/// operation that is not there yet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    pub case: String,
    pub why: String,
    #[serde(deserialize_with = "json_text")]
    pub request: Option<Value>,
    /// What has to come; the recorded body if absent. Members that are not named are left open.
    #[serde(default, deserialize_with = "json_text")]
    pub body: Option<Value>,
    /// Rows in the place of those of the recorded body that have the same `id`.
    #[serde(default, deserialize_with = "json_text")]
    pub rows: Option<Value>,
}

/// State that a case needs and that no recording makes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    pub case: String,
    /// JSON, one request each.
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
    /// Cases whose job is not awaited at once, because the next ones look at it while it runs, and the case before
    /// which it is.
    pub awaited_before: BTreeMap<String, String>,
    /// Identifiers of jobs whose start is not recorded, and the case whose job stands for each.
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

/// JSON in a TOML string: TOML has no null.
fn json_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let text = String::deserialize(deserializer)?;
    serde_json::from_str(&text).map(Some).map_err(|error| serde::de::Error::custom(format!("{error} in {text}")))
}
