//! What is known about a statement after parsing and checking.

use super::*;

#[test]
fn the_tables_of_a_statement_are_those_it_reads() {
    for (sql, expected) in [
        ("SELECT 1", &[][..]),
        ("SELECT * FROM dog", &["data.dog"]),
        ("SELECT * FROM gold.dog g, dog, GOLD.dog", &["gold.dog", "data.dog", "GOLD.dog"]),
        ("WITH a AS (SELECT * FROM x) SELECT * FROM a JOIN data.a USING (id)", &["data.x", "data.a"]),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", &["data.a"]),
        ("WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a", &[]),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a", &["data.b"]),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) JOIN a", &["data.a"]),
        (
            "SELECT (SELECT 1 FROM b) FROM a WHERE EXISTS (SELECT 1 FROM c) AND x IN (SELECT 1 FROM d) ORDER BY (SELECT 1 FROM e)",
            &["data.b", "data.a", "data.c", "data.d", "data.e"],
        ),
        ("SELECT * FROM a UNION SELECT * FROM b", &["data.a", "data.b"]),
        ("SELECT dog.* FROM ((dog LEFT JOIN cat ON TRUE))", &["data.dog", "data.cat"]),
    ] {
        let statement = SqlStatement::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let tables: Vec<String> = statement.tables().iter().map(ToString::to_string).collect();
        assert_eq!(tables, expected, "{sql}");
    }
}

#[tokio::test]
async fn the_columns_a_statement_reads_are_known_before_it_runs() {
    let place = kennel().await;
    let reads = |sql: &str| {
        let statement = SqlStatement::parse(sql).unwrap();
        let tables: Vec<_> =
            statement.resolve(&place.store.catalog()).unwrap().into_iter().map(VisibleTable::whole).collect();
        let checked = check(&statement, &tables).unwrap();
        checked.reads.into_iter().map(|(table, columns)| format!("{table}: {columns:?}")).collect::<Vec<_>>()
    };
    assert_eq!(reads("SELECT COUNT(*) FROM dog"), ["data.dog: {}"]);
    assert_eq!(
        reads("SELECT o.city FROM dog JOIN owner o ON o.id = dog.owner WHERE age > 1"),
        ["data.dog: {\"age\", \"owner\"}", "data.owner: {\"city\", \"id\"}"]
    );
    assert_eq!(reads("WITH a AS (SELECT Name FROM dog) SELECT * FROM a"), ["data.dog: {\"Name\"}"]);
}

#[tokio::test]
async fn only_visible_columns_exist() {
    let place = kennel().await;
    let statement = SqlStatement::parse("SELECT * FROM dog").unwrap();
    let table = place.store.catalog().table(&TableName::new("data", "dog")).cloned().unwrap();
    let few = [VisibleTable { table, columns: vec!["name".to_owned(), "id".to_owned()] }];
    assert_eq!(check(&statement, &few).unwrap().columns, ["name", "id"]);
    let other = SqlStatement::parse("SELECT age FROM dog").unwrap();
    assert_eq!(check(&other, &few).unwrap_err().to_string(), "unknown attribute 'age'");
}

#[test]
fn a_syntax_error_names_its_position() {
    for (sql, place) in [
        ("SELEKT", "SELEKT"),
        ("SELEKT * FROM dog", "SELEKT"),
        ("SELECT * FORM dog", "FORM"),
        ("SELECT id FROM dog WHERE", "the end"),
        ("SELECT id FROM", "the end"),
        ("SELECT (1", "the end"),
        ("SELECT id FROM dog WHERE id == == 1", "=="),
        ("SELECT id FROM dog LIMIT 1 2", "2"),
        ("SELECT\n  id FROM dog WHERE )", ")"),
        ("SELECT 'abc FROM dog", "'abc FROM dog"),
        ("SELECT\n \"abc FROM dog", "\"abc FROM dog"),
        ("42", "42"),
    ] {
        assert_eq!(
            SqlStatement::parse(sql).map(|_| ()).map_err(|error| error.to_string()),
            Err(format!(
                "Invalid SQL at: {place}. Please ensure your SQL is valid. Try adding backticks to reserved words and \
                 schema table references."
            )),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn errors_name_the_object_that_does_not_exist() {
    let place = kennel().await;
    for (sql, sentence) in [
        ("SELECT * FROM gold.zzz", "Table 'gold.zzz' does not exist"),
        ("SELECT * FROM zzz", "Table 'data.zzz' does not exist"),
        ("SELECT * FROM Dog", "Table 'data.Dog' does not exist"),
        ("SELECT * FROM zzz.dog", "database 'zzz' does not exist"),
        ("SELECT zip FROM dog", "unknown attribute 'zip'"),
        ("SELECT d.zip FROM dog d", "unknown attribute 'zip'"),
        ("SELECT data.dog.Zip FROM dog", "unknown attribute 'Zip'"),
        ("SELECT NAME FROM dog", "unknown attribute 'NAME'"),
        (
            "SELECT id FROM dog WHERE \"Rex\" = name",
            "unknown attribute 'Rex'; if it is meant as text, write it in single quotes: 'Rex'",
        ),
        ("SELECT x.id FROM dog d", "unknown attribute 'id'"),
        ("SELECT id FROM dog, owner", "attribute 'id' is in more than one table; qualify it with the table's name"),
        ("SELECT foo(1)", "unknown function 'foo'"),
        ("SELECT lower(1, 2)", "wrong number of arguments to function 'lower'"),
    ] {
        assert_eq!(place.refusal(sql).await, sentence, "{sql}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_parsed_or_rejected(text in "[ -~\\n]{0,60}") {
        let _ = SqlStatement::parse(&text);
    }

    #[test]
    fn any_sequence_of_words_is_parsed_or_rejected(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..25)) {
        let sql = format!("SELECT {}", words.join(" "));
        let Ok(statement) = SqlStatement::parse(&sql) else { return Ok(()) };
        let tables: Vec<_> = statement.tables().iter().map(|name| VisibleTable::whole(Arc::new(Table {
            name: name.clone(),
            id: 1,
            primary_key: "id".to_owned(),
            schema_defined: false,
            attributes: Vec::new().into(),
        }))).collect();
        if let Err(error) = check(&statement, &tables) {
            let sentence = error.to_string();
            // The rendered text must be valid SQL for SQLite. Other errors depend on the meaning of the random words.
            proptest::prop_assert!(!sentence.contains("syntax error") && !sentence.contains("not authorized"), "{}: {}", sql, sentence);
        }
    }
}

const WORDS: &[&str] = &[
    "*",
    ",",
    "(",
    ")",
    "id",
    "t",
    "u",
    "1",
    "'a'",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "=",
    "<",
    "+",
    "-",
    "/",
    "%",
    "AS",
    "x",
    "JOIN",
    "LEFT",
    "ON",
    "UNION",
    "ALL",
    "SELECT",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "COUNT",
    "(*)",
    "IS NULL",
    "IN",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "TRUE",
    "NULL",
    "EXISTS",
    "DISTINCT",
    "HAVING",
    "OVER ()",
    ".",
    "max",
    "COLLATE NOCASE",
    "CAST",
    "AS TEXT",
    "||",
    "t.id",
    "FROM t",
    "FROM t, u",
];
