//! Warnings, counted by code. The number of codes, lines and the length of messages that are kept is limited.

use std::sync::{Mutex, PoisonError};

use jobhost_contract::Warning;
use jobhost_model::jobs::JobWarning;
use jobhost_model::plain_text::truncated;

const MAX_CODES: usize = 16;
const MAX_LINES: usize = 10;
const MAX_CODE_BYTES: usize = 64;
const MAX_MESSAGE_BYTES: usize = 1024;
/// The code under which warnings are counted once `MAX_CODES` is reached.
const OTHER: &str = "other";

/// The warnings of one attempt.
#[derive(Debug, Default)]
pub struct Warnings {
    kept: Mutex<Vec<JobWarning>>,
}

impl Warnings {
    pub fn report(&self, warning: Warning) {
        let code = truncated(&warning.code, MAX_CODE_BYTES).to_owned();
        let message = truncated(&warning.message, MAX_MESSAGE_BYTES).to_owned();
        let one = JobWarning { code, count: 1, lines: warning.line.into_iter().collect(), message };
        add(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner), one);
    }

    /// In the order in which their codes were first reported.
    pub fn all(&self) -> Vec<JobWarning> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The warnings of earlier attempts of the job, followed by these.
    pub fn after(&self, earlier: &[JobWarning]) -> Vec<JobWarning> {
        let mut all = earlier.to_vec();
        self.all().into_iter().for_each(|warning| add(&mut all, warning));
        all
    }
}

fn add(kept: &mut Vec<JobWarning>, mut more: JobWarning) {
    let known = kept.iter().position(|warning| warning.code == more.code);
    if known.is_none() && kept.len() >= MAX_CODES {
        more = JobWarning { code: OTHER.to_owned(), lines: Vec::new(), ..more };
    }
    match kept.iter_mut().find(|warning| warning.code == more.code) {
        Some(warning) => {
            warning.count = warning.count.saturating_add(more.count);
            let room = MAX_LINES.saturating_sub(warning.lines.len());
            warning.lines.extend(more.lines.into_iter().take(room));
        }
        None => kept.push(more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_counted_by_code_within_limits() {
        let warnings = Warnings::default();
        for line in 1..=1000 {
            let message = format!("the record at line {line} has 3 cells");
            warnings.report(Warning { code: "surplus-cells".to_owned(), line: Some(line), message });
        }
        for number in 0..100 {
            let message = "x".repeat(5000);
            warnings.report(Warning { code: format!("code-{number}"), line: None, message });
        }
        let all = warnings.all();
        assert_eq!(
            (all.len(), all[0].count, all[0].lines.as_slice()),
            (17, 1000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..])
        );
        assert_eq!(all[0].message, "the record at line 1 has 3 cells");
        assert_eq!((all[16].code.as_str(), all[16].count), (OTHER, 85));
        assert!(all.iter().all(|warning| warning.message.len() <= MAX_MESSAGE_BYTES));
        let twice = warnings.after(&all);
        assert_eq!((twice.len(), twice[0].count, twice[16].count), (17, 2000, 170));
    }
}
