//! Tests of SQL on a store.

mod answers;
mod geometry;
mod limits;
mod planning;
mod refusals;
mod statements;

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::query::Separator;
use jobhost_model::{Action, Clock, RowShape, Timestamp};
use jobhost_store::{Batch, BatchLimits, CatalogChange, MemoryStore, RecordStore, Store, TableWrite, WriteGroup};

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1_600_000_000_000_500)
    }
}

/// A store of its own, removed after the test.
pub struct Place {
    pub store: Arc<dyn Store>,
    pub spill_dir: PathBuf,
    _dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = MemoryStore::new(Arc::new(Stopped), 1 << 30);
        Place { store: Arc::new(store), spill_dir: dir.path().join("spill"), _dir: dir }
    }

    /// Creates a table and writes records, given as JSON lines.
    pub async fn table(&self, name: &str, primary_key: &str, records: &str) {
        let (database, table) = name.split_once('.').unwrap();
        let name = TableName::new(database, table);
        let change = CatalogChange::CreateTable {
            name: name.clone(),
            primary_key: primary_key.to_owned(),
            schema_defined: false,
            attributes: Vec::new(),
        };
        self.store.change_catalog(change).await.unwrap();
        if !records.is_empty() {
            self.write(&name, records).await;
        }
    }

    pub async fn write(&self, name: &TableName, records: &str) {
        let table = self.store.catalog().table(name).cloned().unwrap();
        let lines: Vec<&str> = records.lines().collect();
        for some in lines.chunks(5000) {
            let batch =
                Batch::parse(some.join("\n"), &table, Action::Upsert, &BatchLimits::default(), &self.store.keys())
                    .unwrap();
            let write = TableWrite { table: name.clone(), action: Action::Upsert, batch };
            self.store.apply(WriteGroup { writes: vec![write], ..WriteGroup::default() }).await.unwrap();
        }
    }

    pub fn limits(&self) -> SqlLimits {
        SqlLimits {
            memory_bytes: SqlLimits::MEMORY_BYTES.with_value(4 << 20),
            spill_bytes: SqlLimits::SPILL_BYTES.with_value(1 << 30),
            spill_dir: self.spill_dir.clone(),
            time: SqlLimits::TIME.with_value(60),
            heap_bytes: 256 << 20,
            spill: None,
        }
    }

    pub fn open(&self, sql: &str, shape: RowShape, limits: SqlLimits) -> Result<SqlRows, QueryError> {
        let statement = SqlStatement::parse(sql)?;
        let tables: Vec<_> = statement.resolve(&self.store.catalog())?.into_iter().map(VisibleTable::whole).collect();
        let checked = check(&statement, &tables)?;
        let rows = SqlRows::open(
            Arc::clone(&self.store) as Arc<dyn RecordStore>,
            &statement,
            &tables,
            shape,
            Separator::Comma,
            limits,
        )?;
        assert_eq!(checked.columns, rows.columns());
        Ok(rows)
    }

    pub async fn text(&self, sql: &str, shape: RowShape) -> Result<String, QueryError> {
        self.text_within(sql, shape, self.limits()).await
    }

    pub async fn text_within(&self, sql: &str, shape: RowShape, limits: SqlLimits) -> Result<String, QueryError> {
        let mut rows = self.open(sql, shape, limits)?;
        let mut out = Vec::new();
        while rows.next(&mut out).await? {}
        Ok(String::from_utf8(out).unwrap())
    }

    /// Returns the rows as objects.
    pub async fn rows(&self, sql: &str) -> Result<Value, QueryError> {
        let text = self.text(sql, RowShape::Objects).await?;
        Ok(serde_json::from_str(&format!("[{text}]")).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    /// Returns the values of the only column.
    pub async fn column(&self, sql: &str) -> Value {
        let text = self.text(sql, RowShape::Arrays).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows: Vec<[Value; 1]> = serde_json::from_str(&format!("[{text}]")).unwrap();
        rows.into_iter().map(|[value]| value).collect()
    }

    pub async fn refusal(&self, sql: &str) -> String {
        match self.rows(sql).await {
            Ok(rows) => panic!("{sql} gave {rows}"),
            Err(error) => error.to_string(),
        }
    }
}

/// Creates `data.dog`, `data.owner` and `gold.dog`.
pub async fn kennel() -> Place {
    let place = Place::new();
    let dogs = [
        r#"{"id":1,"name":"Rex","age":5,"alive":true,"owner":"ann","tags":["a", "b"],"weight":30.5}"#,
        r#"{"id":2,"name":"Bello","age":3,"alive":false,"owner":"bob","weight":10}"#,
        r#"{"id":3,"name":"fifi","age":12,"alive":null,"owner":"ann","home":{"x": 1, "y":"a b"}}"#,
        r#"{"id":"x","name":"O'Neil \"q\" \\ \u00e9","age":"7","owner":null,"Name":"upper"}"#,
    ];
    place.table("data.dog", "id", &dogs.join("\n")).await;
    place
        .table(
            "data.owner",
            "id",
            "{\"id\":\"ann\",\"city\":\"Bern\"}\n{\"id\":\"bob\",\"city\":\"Basel\"}\n{\"id\":\"cy\"}",
        )
        .await;
    place.table("gold.dog", "id", "{\"id\":1,\"price\":100}\n{\"id\":7,\"price\":0.1}").await;
    place
}
