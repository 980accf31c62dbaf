//! A running query: SQLite computes on a thread of its own, and rows are returned as JSON text, a page at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{InterruptHandle, Row};
use tokio::sync::mpsc;

use super::connection::{Session, explain};
use super::output::write_value;
use super::state::State;
use super::{SqlLimits, SqlStatement, VisibleTable};
use crate::query::{QueryError, Separator};
use jobhost_model::RowShape;
use jobhost_store::{RecordStore, StoreError, StoreErrorKind};

/// Target size of a page of rows in bytes.
const PAGE_BYTES: usize = 256 << 10;
/// Maximum number of pages that wait for the reader.
const PAGES_AHEAD: usize = 2;
/// Niceness of the query's thread, as in nice(1).
const NICENESS: i32 = 5;
/// Number of SQLite instructions between two checks of the clock; some ten microseconds.
const INSTRUCTIONS_BETWEEN_CHECKS: i32 = 1000;

enum Message {
    Page { text: Vec<u8>, rows: u64 },
    End(Result<(), QueryError>),
}

/// A running query. Rows are separated, also across pages; there is no separator before the first row or after the
/// last. Dropping it stops the query.
pub struct SqlRows {
    columns: Vec<String>,
    pages: mpsc::Receiver<Message>,
    state: Arc<State>,
    interrupt: InterruptHandle,
    given: u64,
    ended: bool,
}

impl SqlRows {
    /// Checks the statement and starts it on the store's current state. `tables` must contain each of
    /// `SqlStatement::tables`.
    pub fn open(
        store: Arc<dyn RecordStore>,
        statement: &SqlStatement,
        tables: &[VisibleTable],
        shape: RowShape,
        separator: Separator,
        limits: SqlLimits,
    ) -> Result<Self, QueryError> {
        let state = Arc::new(State::new(Some(store.snapshot()?)));
        let mut session = Session::open(statement, tables, &state)?;
        session.bound_memory(&limits)?;
        let columns = session.restrict()?.columns;
        let interrupt = session.connection.get_interrupt_handle();
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let run = Run {
            layout: Layout::new(&columns, shape, separator, &statement.may_be_absent),
            state: Arc::clone(&state),
            session,
            limits,
            sender,
            // The store must outlive its snapshots.
            _store: store,
        };
        std::thread::Builder::new().name("sql".to_owned()).spawn(move || run.run()).map_err(|error| {
            StoreError::caused_by(StoreErrorKind::Unavailable, "cannot start a thread for the SQL query", error)
        })?;
        Ok(SqlRows { columns, pages, state, interrupt, given: 0, ended: false })
    }

    /// Returns the names of the columns, in order. All are distinct.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    #[cfg(test)]
    pub(super) fn state_for_test(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Returns the number of rows returned so far.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Appends the next rows to `out`. Returns false at the end.
    pub async fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, QueryError> {
        if self.ended {
            return Ok(false);
        }
        match self.pages.recv().await {
            Some(Message::Page { text, rows }) => {
                self.given += rows;
                if out.is_empty() {
                    *out = text;
                } else {
                    out.extend_from_slice(&text);
                }
                Ok(true)
            }
            Some(Message::End(outcome)) => {
                self.ended = true;
                outcome.map(|()| false)
            }
            None => {
                self.ended = true;
                let message = "The SQL query ended before its last row";
                Err(StoreError::new(StoreErrorKind::Unavailable, message).into())
            }
        }
    }
}

impl Drop for SqlRows {
    fn drop(&mut self) {
        self.state.cancel();
        self.interrupt.interrupt();
    }
}

/// The text before a value.
struct Label {
    text: Vec<u8>,
    /// Whether a null is omitted, together with its label.
    may_be_absent: bool,
}

/// How a row is written.
struct Layout {
    open: u8,
    close: u8,
    labels: Vec<Label>,
    separator: u8,
}

impl Layout {
    fn new(columns: &[String], shape: RowShape, separator: Separator, may_be_absent: &BTreeSet<String>) -> Self {
        let is_object = shape == RowShape::Objects;
        let label = |name: &String| {
            let mut text = Vec::new();
            if is_object {
                text.extend(serde_json::to_vec(name).unwrap_or_default());
                text.push(b':');
            }
            Label { text, may_be_absent: is_object && may_be_absent.contains(name) }
        };
        let (open, close) = match shape {
            RowShape::Objects => (b'{', b'}'),
            RowShape::Arrays => (b'[', b']'),
        };
        let separator = match separator {
            Separator::Comma => b',',
            Separator::NewLine => b'\n',
        };
        Layout { open, close, labels: columns.iter().map(label).collect(), separator }
    }

    fn write(&self, row: &Row<'_>, out: &mut Vec<u8>) -> rusqlite::Result<()> {
        out.push(self.open);
        let mut is_first = true;
        for (number, label) in self.labels.iter().enumerate() {
            let value = row.get_ref(number)?;
            if label.may_be_absent && value == ValueRef::Null {
                continue;
            }
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            out.extend_from_slice(&label.text);
            write_value(value, out);
        }
        out.push(self.close);
        Ok(())
    }
}

/// What the query's thread owns.
struct Run {
    // Dropped before the store, because it holds the snapshot.
    session: Session,
    state: Arc<State>,
    layout: Layout,
    limits: SqlLimits,
    sender: mpsc::Sender<Message>,
    _store: Arc<dyn RecordStore>,
}

/// The reader is gone.
struct Unwanted;

impl Run {
    fn run(mut self) {
        // Queries run at a lower priority than the threads that serve requests. If this fails, the priority stays
        // unchanged.
        let _as_it_was = rustix::process::nice(NICENESS);
        self.state.start(self.limits.clone());
        let state = Arc::clone(&self.state);
        let handler = move || state.must_stop();
        let handled = self.session.connection.progress_handler(INSTRUCTIONS_BETWEEN_CHECKS, Some(handler));
        let outcome = match handled {
            Ok(()) => self.rows(),
            Err(error) => Err(explain(&error)),
        };
        // The snapshot must not outlive the query.
        let Run { session, sender, .. } = self;
        drop(session);
        let _ = sender.blocking_send(Message::End(outcome));
    }

    fn rows(&self) -> Result<(), QueryError> {
        let mut statement = self.session.prepare()?;
        let mut rows = statement.query([]).map_err(|error| self.failure(&error))?;
        let mut text = Vec::new();
        let mut count = 0_u64;
        let mut first = true;
        while let Some(row) = rows.next().map_err(|error| self.failure(&error))? {
            if text.capacity() == 0 {
                text.reserve(PAGE_BYTES + PAGE_BYTES / 8);
            }
            if !first {
                text.push(self.layout.separator);
            }
            first = false;
            self.layout.write(row, &mut text).map_err(|error| explain(&error))?;
            count += 1;
            if text.len() >= PAGE_BYTES {
                let page = Message::Page { text: std::mem::take(&mut text), rows: std::mem::take(&mut count) };
                if self.send(page).is_err() {
                    return Ok(());
                }
            }
        }
        if count > 0 {
            let _ = self.send(Message::Page { text, rows: count });
        }
        Ok(())
    }

    fn send(&self, message: Message) -> Result<(), Unwanted> {
        let before = Instant::now();
        let sent = self.sender.blocking_send(message);
        self.state.waited(before.elapsed());
        sent.map_err(|_| Unwanted)
    }

    fn failure(&self, error: &rusqlite::Error) -> QueryError {
        self.state.take_failure().unwrap_or_else(|| explain(error))
    }
}
