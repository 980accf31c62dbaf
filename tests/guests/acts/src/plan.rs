//! Builds a plan from JSON: `{"tables": [["gold.t", "insert", …], …], "sources": ["/a/file", "http://…", {bucket, …}],
//! "queries": [{…}], "sinks": [["/directory", "name"], {bucket, …}], "autocommit": true}`. Access keys for S3 are in the member `keys` of
//! the request.

use guest::{Encoding, FileSink, JobPlan, Right, S3Credentials, S3Object, S3Sink, S3Source, Sink, Source, TableName};
use guest::{TableUse, UrlSource};
use serde_json::Value;

use crate::{list, text};

pub fn of(plan: &Value) -> Result<JobPlan, String> {
    Ok(JobPlan {
        tables: list(&plan["tables"]).iter().map(table_use).collect::<Result<_, _>>()?,
        sources: list(&plan["sources"]).iter().map(source).collect(),
        queries: list(&plan["queries"]).iter().map(ToString::to_string).collect(),
        sinks: list(&plan["sinks"]).iter().map(sink).collect(),
        autocommit: plan["autocommit"].as_bool().unwrap_or(true),
    })
}

/// Parses `database.table`.
pub fn table(name: &Value) -> TableName {
    let name = text(name);
    let (database, table) = name.split_once('.').unwrap_or(("data", &name));
    TableName { database: database.to_owned(), table: table.to_owned() }
}

fn table_use(value: &Value) -> Result<TableUse, String> {
    let words = list(value).iter().skip(1).map(text);
    let rights = words.map(|word| match word.as_str() {
        "insert" => Ok(Right::Insert),
        "update" => Ok(Right::Update),
        "upsert" => Ok(Right::Upsert),
        "delete" => Ok(Right::Delete),
        word => Err(format!("no such right: {word}")),
    });
    Ok(TableUse { table: table(&value[0]), rights: rights.collect::<Result<_, _>>()? })
}

fn source(value: &Value) -> Source {
    match value.as_str() {
        Some(url) if url.starts_with("http") => Source::Url(UrlSource {
            url: url.to_owned(),
            headers: None,
            media_types: vec!["text/csv".to_owned()],
            encoding: None,
        }),
        Some(path) => guest::file(path),
        None => Source::S3(S3Source { object: object(value), encoding: None }),
    }
}

fn sink(value: &Value) -> Sink {
    if value.is_array() {
        let (directory, name) = (text(&value[0]), text(&value[1]));
        return Sink::File(FileSink { directory, name, encoding: Encoding::Identity });
    }
    let media_type = "text/plain".to_owned();
    Sink::S3(S3Sink { object: object(value), media_type, encoding: Encoding::Identity })
}

fn object(value: &Value) -> S3Object {
    S3Object {
        bucket: text(&value["bucket"]),
        key: text(&value["key"]),
        region: text(&value["region"]),
        endpoint: value["endpoint"].as_str().map(str::to_owned),
        path_style: None,
        credentials: S3Credentials::Request("/keys".to_owned()),
    }
}
