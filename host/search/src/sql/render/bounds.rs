//! Limits on the size of a statement, so that planning takes milliseconds. At each limit, SQLite plans the worst
//! statement that we found in less than about 50 ms (`sql/tests/planning.rs`).

use crate::sql::SqlError;
use crate::sql::sentences::too_complex;

/// Maximum number of SELECTs. Each may hold a cache and a temporary file.
const MAX_SELECTS: usize = 128;
/// Maximum number of tables in FROM, over all SELECTs. SQLite joins at most 64 in one of them.
pub(in crate::sql) const MAX_REFERENCES: usize = 128;
/// Maximum number of OVER clauses. SQLite nests a subquery for each different one.
pub(in crate::sql) const MAX_WINDOWS: usize = 32;
/// Maximum number of terms in ORDER BY, GROUP BY or PARTITION BY. Each is compared with each result column.
pub(in crate::sql) const MAX_TERMS: usize = 256;

/// Maximum number of columns in one SELECT after SQLite has replaced each by its definition in the subqueries of FROM.
/// `x
///
/// x` of `x
///
/// x` of … doubles with each level.
pub(in crate::sql) const MAX_EXPANDED: usize = 16_384;

/// The counts so far.
#[derive(Default)]
pub(super) struct Counts {
    selects: usize,
    references: usize,
    pub windows: usize,
    /// `*` and `t.*`.
    pub stars: usize,
    /// Column references, including repetitions.
    pub names: usize,
    /// Column references, including repetitions, after subqueries are expanded.
    pub columns: usize,
}

impl Counts {
    pub fn select(&mut self) -> Result<(), SqlError> {
        self.selects += 1;
        if self.selects > MAX_SELECTS { Err(too_complex()) } else { Ok(()) }
    }

    pub fn reference(&mut self) -> Result<(), SqlError> {
        self.references += 1;
        let sentence = || format!("'sql' names more than {MAX_REFERENCES} tables in FROM, counting repetitions");
        within(self.references, MAX_REFERENCES, sentence)
    }

    pub fn window(&mut self) -> Result<(), SqlError> {
        self.windows += 1;
        within(self.windows, MAX_WINDOWS, || format!("'sql' has more than {MAX_WINDOWS} windows (OVER, WINDOW)"))
    }
}

/// Multiplies a number of columns by how many each stands for, and checks the limit.
pub(super) fn expanded(columns: usize, each: usize) -> Result<usize, SqlError> {
    let all = columns.saturating_mul(each);
    let sentence = || {
        format!(
            "'sql' stands for more than {MAX_EXPANDED} columns once its subqueries are put into each other: name \
             columns of subqueries less often"
        )
    };
    within(all, MAX_EXPANDED, sentence).map(|()| all)
}

pub(super) fn terms(clause: &str, count: usize) -> Result<(), SqlError> {
    within(count, MAX_TERMS, || format!("{clause} has {count} terms; it can have at most {MAX_TERMS}"))
}

pub(super) fn within(count: usize, most: usize, sentence: impl FnOnce() -> String) -> Result<(), SqlError> {
    if count > most { Err(SqlError::Invalid(sentence())) } else { Ok(()) }
}
