//! The tests whose expectations this program does not meet, each with the reason, as in the verdicts of the recordings.

use std::fs;

use serde_json::Value;

use super::differences_file;
use super::tap::{Outcome, Test};
use jobhost_testkit::failure::{Doing, Failure, Result};

/// One kind of difference.
struct Kind {
    kind: String,
    reason: String,
    /// Suite and name of each test.
    tests: Vec<(String, String)>,
}

pub struct Differences(Vec<Kind>);

impl Differences {
    pub fn read() -> Result<Self> {
        let path = differences_file();
        let text = fs::read_to_string(&path).doing(|| format!("cannot read {}", path.display()))?;
        let kinds: Value = serde_json::from_str(&text).doing(|| format!("{} is not JSON", path.display()))?;
        let kinds = kinds.as_array().and_then(|kinds| kinds.iter().map(kind).collect::<Option<Vec<_>>>());
        let shape = "[{\"kind\": …, \"reason\": …, \"tests\": [[suite, name], …]}, …]";
        kinds.map(Differences).ok_or_else(|| Failure::new(format!("{} must have the form {shape}", path.display())))
    }

    pub fn kind_of(&self, test: &Test) -> Option<&str> {
        self.0.iter().find(|kind| kind.names(test)).map(|kind| kind.kind.as_str())
    }

    pub fn reason_of(&self, kind: &str) -> &str {
        self.0.iter().find(|one| one.kind == kind).map_or("", |kind| kind.reason.as_str())
    }

    /// Returns the tests that are listed as different but passed.
    pub fn stale(&self, tests: &[Test]) -> Vec<String> {
        let passed = tests.iter().filter(|test| test.outcome == Outcome::Passed);
        // Some names occur more than once in a suite.
        let failed = |test: &Test| {
            tests.iter().any(|other| {
                other.outcome == Outcome::Failed && (&other.suite, &other.name) == (&test.suite, &test.name)
            })
        };
        let stale = passed.filter(|test| self.kind_of(test).is_some() && !failed(test));
        stale.map(|test| format!("[{}] {}", test.suite, test.name)).collect()
    }
}

impl Kind {
    fn names(&self, test: &Test) -> bool {
        self.tests.iter().any(|(suite, name)| *suite == test.suite && *name == test.name)
    }
}

fn kind(value: &Value) -> Option<Kind> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let tests = value.get("tests")?.as_array()?.iter().map(|test| Some((text(test.get(0)?)?, text(test.get(1)?)?)));
    Some(Kind {
        kind: text(value.get("kind")?)?,
        reason: text(value.get("reason")?)?,
        tests: tests.collect::<Option<_>>()?,
    })
}
