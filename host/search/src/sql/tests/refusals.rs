//! Statements that must never run, whoever sends them.

use super::*;

#[tokio::test]
async fn only_a_select_can_be_run() {
    let place = kennel().await;
    for sql in [
        "",
        "  ;; -- nothing",
        "INSERT INTO dog (id) VALUES (1)",
        "insert into dog select * from dog",
        "REPLACE INTO dog (id) VALUES (1)",
        "UPDATE dog SET name = 'x'",
        "DELETE FROM dog",
        "DELETE FROM gold.ex WHERE id = 3",
        "CREATE TABLE x (a)",
        "CREATE VIRTUAL TABLE x USING fts5(a)",
        "DROP TABLE dog",
        "ALTER TABLE dog ADD COLUMN x",
        "ATTACH 'file.db' AS x",
        "ATTACH DATABASE '/etc/passwd' AS x",
        "DETACH gold",
        "PRAGMA writable_schema = 1",
        "/* x */ PRAGMA user_version",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT 1",
        "VACUUM INTO 'file'",
        "ANALYZE",
        "REINDEX",
        "BEGIN",
        "SAVEPOINT a",
        "VALUES (1)",
        "COPY dog TO 'file'",
        "SET x = 1",
        "(DELETE FROM dog)",
    ] {
        let sentence = place.refusal(sql).await;
        assert!(sentence.starts_with("Only SELECT can be run"), "{sql}: {sentence}");
    }
}

/// (statement, part of the error message).
#[rustfmt::skip]
const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT 1; SELECT 2", "single statement"),
    ("SELECT 1; DELETE FROM dog", "single statement"),
    ("SELECT 1 /* ; */ ; -- \n DROP TABLE dog", "single statement"),
    ("SELECT * INTO x FROM dog", "'INTO' cannot be used"),
    ("SELECT 1 UNION INSERT INTO dog (id) VALUES (1)", ""),
    ("WITH x AS (DELETE FROM dog RETURNING *) SELECT * FROM x", "Only SELECT"),
    ("WITH x AS (SELECT 1) DELETE FROM dog", "Only SELECT"),
    ("WITH x AS (SELECT 1) INSERT INTO dog SELECT * FROM x", "Only SELECT"),
    ("SELECT * FROM sqlite_master", "Table 'data.sqlite_master' does not exist"),
    ("SELECT * FROM main.sqlite_master", "database 'main' does not exist"),
    ("SELECT * FROM temp.sqlite_temp_master", "database 'temp' does not exist"),
    ("SELECT * FROM data.sqlite_schema", "Table 'data.sqlite_schema' does not exist"),
    ("SELECT * FROM pragma_table_info('dog')", "'a function in FROM' cannot be used"),
    ("SELECT * FROM pragma_database_list()", "'a function in FROM' cannot be used"),
    ("SELECT * FROM pragma_database_list", "does not exist"),
    ("SELECT * FROM dbstat", "does not exist"),
    ("SELECT * FROM records", "does not exist"),
    ("SELECT * FROM json_each('[1]')", "'a function in FROM' cannot be used"),
    ("SELECT * FROM generate_series(1, 1000000000)", "'a function in FROM' cannot be used"),
    ("SELECT * FROM readfile('/etc/passwd')", "'a function in FROM' cannot be used"),
    ("SELECT * FROM 'file.csv'", "does not exist"),
    ("SELECT * FROM TABLE(foo(1))", "cannot be used"),
    ("SELECT * FROM LATERAL (SELECT 1)", ""),
    ("SELECT * FROM UNNEST([1])", ""),
    ("SELECT * FROM (VALUES (1), (2))", "'VALUES' cannot be used"),
    ("SELECT * FROM dog NATURAL JOIN owner", "'NATURAL JOIN' cannot be used"),
    ("SELECT * FROM dog CROSS APPLY owner", ""),
    ("SELECT * FROM dog INDEXED BY x", ""),
    ("SELECT * FROM dog TABLESAMPLE BERNOULLI (10)", ""),
    ("SELECT * FROM dog FOR UPDATE", "'FOR UPDATE' cannot be used"),
    ("SELECT * FROM dog LIMIT 1 BY id", ""),
    ("SELECT TOP 1 * FROM dog", ""),
    ("SELECT * EXCEPT (id) FROM dog", ""),
    ("SELECT * EXCLUDE (id) FROM dog", ""),
    ("FROM dog", ""),
    ("TABLE dog", ""),
    ("SELECT * FROM a.b.dog", "'a.b.dog' cannot be used"),
    ("SELECT load_extension('x')", "unknown function 'load_extension'"),
];

#[rustfmt::skip]
const EXPRESSIONS: &[(&str, &str)] = &[
    ("SELECT \"load_extension\"('x')", "unknown function 'load_extension'"),
    ("SELECT Load_Extension('x', 'y') FROM dog", "unknown function"),
    ("SELECT readfile('/etc/passwd')", "unknown function 'readfile'"),
    ("SELECT writefile('x', 'y')", "unknown function 'writefile'"),
    ("SELECT edit('x')", "unknown function 'edit'"),
    ("SELECT fts3_tokenizer('simple')", "unknown function 'fts3_tokenizer'"),
    ("SELECT zeroblob(1000000000)", "unknown function 'zeroblob'"),
    ("SELECT randomblob(1000000000)", "unknown function 'randomblob'"),
    ("SELECT printf('%9999999d', 1)", "unknown function 'printf'"),
    ("SELECT format('%9999999d', 1)", "unknown function 'format'"),
    ("SELECT sqlite_version()", "unknown function 'sqlite_version'"),
    ("SELECT sqlite_compileoption_get(1)", "unknown function"),
    ("SELECT main.abs(1)", "unknown function 'main.abs'"),
    ("SELECT boolean(1)", "unknown function 'boolean'"),
    ("SELECT truth(1)", "unknown function 'truth'"),
    ("SELECT unhex('7b')", "unknown function 'unhex'"),
    ("SELECT x'7b'", "cannot be used"),
    ("SELECT CAST('{' AS BLOB)", "'CAST to BLOB' cannot be used"),
    ("SELECT jsonb('{}')", "unknown function 'jsonb'"),
    ("SELECT ?1", "a parameter"),
    ("SELECT :a", ""),
    ("SELECT @a", ""),
    ("SELECT $1", ""),
    ("SELECT 'a' GLOB 'a'", "cannot be used"),
    ("SELECT 'a' MATCH 'a'", "cannot be used"),
    ("SELECT 'a' REGEXP x'61'", "cannot be used"),
    ("SELECT regexp('a', 'a')", "unknown function 'regexp'"),
    ("SELECT date_part('a', 'year')", "unknown function 'date_part'"),
    ("SELECT 1 COLLATE evil", "cannot be used"),
    ("SELECT INTERVAL '1' DAY", ""),
    ("SELECT DATE '2020-01-01'", ""),
    ("SELECT trim('a', name) FROM dog", "TRIM needs"),
    ("SELECT count(id, id) FROM dog", "wrong number"),
    ("SELECT rank() FROM dog", "without OVER"),
    ("SELECT lower(DISTINCT name) FROM dog", "DISTINCT in a plain function"),
    ("SELECT id IN dog FROM dog", ""),
    ("SELECT 1 FROM dog GROUP BY ALL", "GROUP BY ALL"),
    ("SELECT *", "cannot be run"),
    ("SELECT \0 1", "U+0000"),
];

#[tokio::test]
async fn only_tables_and_plain_functions_can_be_read() {
    let place = kennel().await;
    let long = format!("SELECT 1{}", " ".repeat(MAX_SQL_BYTES));
    let seventeen: Vec<String> = (0..17).map(|number| format!("t{number}")).collect();
    let nine: Vec<String> = (0..9).map(|number| format!("d{number}.t")).collect();
    let seventeen = format!("SELECT 1 FROM {}", seventeen.join(","));
    let nine = format!("SELECT 1 FROM {}", nine.join(","));
    let large = [(&long, "the maximum is 65536"), (&seventeen, "at most 16 of 8"), (&nine, "at most 16 of 8")];
    for (sql, piece) in
        STATEMENTS.iter().chain(EXPRESSIONS).copied().chain(large.map(|(sql, piece)| (sql.as_str(), piece)))
    {
        let sentence = place.refusal(sql).await;
        let shown: String = sql.chars().take(80).collect();
        assert!(sentence.contains(piece), "{shown}: {sentence}");
        assert!(!sentence.contains("not authorized"), "only the second wall stopped {shown}");
    }
}

#[tokio::test]
async fn nesting_and_chains_are_limited() {
    let place = kennel().await;
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("SELECT {}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    for sql in [
        nested("(", "1", ")", 10_000),
        nested("(SELECT ", "1", ")", 5_000),
        nested("NOT ", "1", "", 10_000),
        nested("- ", "1", "", 20_000),
        nested("abs(", "1", ")", 5_000),
        nested("CASE WHEN 1 THEN ", "1", " END", 2_000),
        nested("1 + ", "1", "", 10_000),
        nested("1 || ", "1", "", 10_000),
        nested("1 AND ", "1", "", 10_000),
        nested("1 = ", "1", "", 10_000),
        nested("", "1", " IS NULL", 7_000),
        nested("", "1", " COLLATE NOCASE", 3_000),
        nested("", "1", " IN (1)", 3_000),
        nested("", "1", " UNION SELECT 1", 3_000),
        nested("", "1", " UNION SELECT 1, 1", 3_000),
        nested("", "1", " BETWEEN 1 AND 1", 3_000),
        nested("", "1", " LIKE 'a'", 5_000),
        nested("1 FROM (SELECT ", "1", ")", 3_000),
        nested("1 WHERE EXISTS (SELECT ", "1", ")", 2_000),
        nested("[", "1", "]", 5_000),
        nested("{", "1", "}", 5_000),
        nested("a.", "b", "", 10_000),
        nested("a->", "b", "", 10_000),
        nested("a::", "int", "", 10_000),
    ] {
        let shown: String = sql.chars().take(40).collect();
        let sentence = place.refusal(&sql).await;
        assert!(sentence.len() < 400, "{shown}: {sentence}");
    }
    // A realistic statement.
    let terms: Vec<String> = (0..400).map(|number| format!("id = {number}")).collect();
    assert_eq!(
        place.column(&format!("SELECT COUNT(*) FROM dog WHERE {}", terms.join(" OR "))).await,
        serde_json::json!([3])
    );
    let list: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    assert_eq!(
        place.column(&format!("SELECT COUNT(*) FROM dog WHERE id IN ({})", list.join(","))).await,
        serde_json::json!([3])
    );
    assert_eq!(place.column(&nested("(", "1", ")", 40)).await, serde_json::json!([1]));
    assert_eq!(place.column(&nested("1 + ", "1", "", 90)).await, serde_json::json!([91]));
}

/// Random pieces of SELECTs are either parsed or rejected. A parsed statement lists its tables and renders with them.
#[test]
fn fuzz_statement() {
    let pieces = [
        "SELECT",
        "*",
        "name",
        "FROM",
        "data.dog",
        "data",
        ".",
        ",",
        "AS d",
        "JOIN",
        "LEFT JOIN",
        "ON",
        "WHERE",
        "=",
        "<>",
        "LIKE",
        "'a''b'",
        "1e300",
        "-",
        "(",
        ")",
        "GROUP BY",
        "HAVING",
        "ORDER BY",
        "DESC",
        "LIMIT",
        "OFFSET",
        "UNION ALL",
        "WITH x AS (",
        "EXISTS (SELECT 1)",
        "IN",
        "BETWEEN",
        "AND",
        "NOT",
        "NULL",
        "CASE WHEN",
        "THEN",
        "END",
        "COUNT(",
        "CAST(",
        "AS TEXT)",
        "\"q\"",
        "`b`",
        "[c]",
        ";",
        "--",
        "/*",
        "*/",
        "sqlite_master",
        "pragma_table_info(",
        "ATTACH",
        "INSERT INTO",
        "?1",
        ":a",
        "é",
        "\0",
    ];
    let input = bolero::produce::<Vec<u8>>().with().len(0usize..24);
    bolero::check!().with_iterations(2_000).with_generator(input).for_each(|picks| {
        let words: Vec<&str> = picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
        for text in [words.join(" "), format!("SELECT name FROM data.dog {}", words.join(" "))] {
            let Ok(statement) = SqlStatement::parse(&text) else { continue };
            let written = statement.sql(&BTreeSet::new()).to_ascii_lowercase();
            assert!(statement.tables().len() <= text.matches('.').count() + words.len(), "{text}");
            for forbidden in ["sqlite_master", "pragma_table_info", "attach ", "insert "] {
                let as_name = written.matches(forbidden).count();
                assert!(
                    as_name == 0 || text.to_ascii_lowercase().contains(forbidden.trim()),
                    "{text} became {written}"
                );
            }
        }
    });
}
