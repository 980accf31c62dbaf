//! JSON that tries to crash its parser, or that a filter in front of the host would understand differently.

use jobhost_tests::{Login, Options, Reply};
use serde_json::{Value, json};

use super::Victim;

const DEEP: usize = 100_000;

fn nested(open: &str, close: &str, times: usize) -> String {
    format!("{}1{}", open.repeat(times), close.repeat(times))
}

fn send(victim: &Victim, body: impl AsRef<[u8]>) -> Reply {
    victim.send(victim.admin(), "POST", "/", Some("application/json"), body.as_ref())
}

/// An insert of these records as text.
fn insert(records: &str) -> String {
    format!(r#"{{"operation": "insert", "database": "gold", "table": "t", "records": {records}}}"#)
}

#[test]
fn depth_breaks_nothing_wherever_it_stands() {
    let victim = Victim::start(Options::new());
    let bombs = [nested("[", "]", DEEP), nested(r#"{"a":"#, "}", DEEP), nested(r#"[{"a":"#, "}]", DEEP / 2)];
    for bomb in &bombs {
        let whole = [
            bomb.clone(),
            "[".repeat(DEEP * 10),
            r#"{"a":"#.repeat(DEEP * 5),
            format!(r#"{{"operation": {bomb}}}"#),
            insert(bomb),
            insert(&format!(r#"[{{"id": 2, "a": {bomb}}}]"#)),
            insert(&format!(r#"[{{"id": {bomb}}}]"#)),
            format!(r#"{{"operation": "delete", "database": "gold", "table": "t", "ids": {bomb}}}"#),
            format!(r#"{{"operation": "search_by_id", "table": "t", "get_attributes": ["*"], "ids": {bomb}}}"#),
            format!(
                r#"{{"operation": "search_by_conditions", "database": "gold", "table": "t", "conditions": {bomb}}}"#
            ),
            format!(r#"{{"operation": "add_role", "role": "deep", "permission": {bomb}}}"#),
            format!(r#"{{"operation": "csv_data_load", "database": "gold", "table": "t", "data": {bomb}}}"#),
            format!(
                r#"{{"operation": "csv_data_load", "database": "gold", "table": "t", "data": "id\n1", "x": {bomb}}}"#
            ),
            format!(r#"{{"operation": "export_local", "format": "json", "path": "/", "search_operation": {bomb}}}"#),
            format!(
                r#"{{"operation": "export_local", "format": "json", "path": "/", "search_operation": {{"operation": "sql", "sql": {bomb}}}}}"#
            ),
            format!(
                r#"{{"operation": "csv_url_load", "table": "t", "csv_url": "http://x/", "passthrough_headers": {bomb}}}"#
            ),
            format!(r#"{{"operation": "import_from_s3", "database": "gold", "table": "t", "s3": {bomb}}}"#),
            format!(r#"{{"operation": "get_job", "id": {bomb}}}"#),
        ];
        for body in &whole {
            victim.refused(&format!("{body:.120}"), send(&victim, body));
            // The body of a client without a login is read only up to this size.
            if body.len() < 1 << 20 {
                let reply = victim.send(&Login::Nobody, "POST", "/", Some("application/json"), body.as_bytes());
                assert!([400, 401].contains(&reply.status), "{body:.120}: {}", reply.text);
            }
        }
    }
    // In the data of loads and queries, nesting is ordinary text.
    let condition = nested(r#"{"operator": "and", "conditions": ["#, "]}", 100);
    let request = format!(
        r#"{{"operation": "search_by_conditions", "table": "t", "get_attributes": ["*"], "conditions": [{condition}]}}"#
    );
    victim.refused("conditions", send(&victim, request));
    for query in [
        format!("SELECT {}1{} AS a FROM gold.t", "(".repeat(DEEP), ")".repeat(DEEP)),
        format!("SELECT {} 1 AS a FROM gold.t", "- ".repeat(DEEP)),
        format!("SELECT id FROM gold.t WHERE {}", vec!["id = 1"; DEEP / 10].join(" OR ")),
        format!("SELECT id FROM gold.t WHERE {} id = 1", "NOT ".repeat(DEEP)),
        format!("{}SELECT id FROM gold.t{}", "SELECT * FROM (".repeat(2_000), ")".repeat(2_000)),
    ] {
        let reply = victim.post(&json!({"operation": "sql", "sql": query}));
        assert!(reply.status == 200 || reply.status == 400, "{query:.60}: {} {}", reply.status, reply.text);
    }
    victim.assert_unharmed();
}

#[test]
fn numbers_that_no_number_can_hold_are_refused() {
    let victim = Victim::start(Options::new());
    let digits = "9".repeat(400);
    for number in ["1e999999", "-1e999999", "1e400", &digits, &format!("-{digits}"), "01", "1.", ".5", "+1", "0x10"] {
        victim.refused(number, send(&victim, insert(&format!(r#"[{{"id": 2, "a": {number}}}]"#))));
        victim.refused(number, send(&victim, insert(&format!(r#"[{{"id": {number}}}]"#))));
    }
    for number in ["NaN", "Infinity", "-Infinity", "nan", "1e", "--1", "1_000"] {
        victim.refused(number, send(&victim, insert(&format!(r#"[{{"id": 2, "a": {number}}}]"#))));
    }
    let limits = ["1e999999", &digits, "18446744073709551616", "-1", "0.5", "1e20"];
    for number in limits {
        let search = format!(
            r#"{{"operation": "search_by_value", "database": "gold", "table": "t", "attribute": "id", "value": "*", "get_attributes": ["*"], "limit": {number}}}"#
        );
        let reply = send(&victim, search);
        assert!(reply.status == 400 || reply.status == 200, "{number}: {}", reply.text);
    }
    // A number with a million digits before or after the decimal point takes no noticeable time.
    let long = format!("0.{}1", "0".repeat(1_000_000));
    let reply = send(&victim, insert(&format!(r#"[{{"id": 1, "a": {long}}}]"#)));
    assert!([200, 400].contains(&reply.status), "{}", reply.status);
    victim.assert_unharmed();
}

#[test]
fn of_two_members_with_one_name_the_last_counts_everywhere() {
    let victim = Victim::start(Options::new());
    let reader = victim.add_user(
        "reader",
        json!({"t": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []}}),
    );
    let ask = |body: &str| victim.send(&reader, "POST", "/", Some("application/json"), body.as_bytes());
    // The host executes exactly what it has checked.
    let told = ask(r#"{"operation": "user_info", "operation": "drop_table", "database": "gold", "table": "t"}"#);
    assert_eq!(told.status, 403, "{}", told.text);
    assert_eq!(
        ask(r#"{"operation": "drop_table", "operation": "user_info", "database": "gold", "table": "t"}"#).status,
        200
    );
    let load =
        r#"{"operation": "csv_data_load", "database": "gold", "data": "id\n2\n", "table": "mine", "table": "t"}"#;
    assert_eq!(ask(load).status, 403);
    let escaped = r#"{"oper\u0061tion": "drop_table", "database": "gold", "t\u0061ble": "t"}"#;
    assert_eq!(ask(escaped).status, 403, "an escaped name is the same name");
    victim.post(&json!({"operation": "create_table", "database": "gold", "table": "two", "primary_key": "id"})).ok();
    let two = insert(r#"[{"id": 1, "id": 2, "a": "x", "a": "y"}]"#).replace("\"t\"", "\"two\"");
    send(&victim, two).ok();
    assert_eq!(victim.rows("two"), [json!({"id": 2, "a": "y"})]);
    victim.assert_unharmed();
}

#[test]
fn text_is_not_taken_for_json() {
    // The key with which a JSON library marks text that is already JSON.
    let victim = Victim::start(Options::new());
    let key = "$serde_json::private::RawValue";
    let hidden = |text: &str| json!({key: text});
    let told = victim.refused("an operation", victim.post(&json!({"operation": hidden("\"describe_all\"")})));
    assert!(told.contains("'operation' must be a string"), "{told}");
    let escaped = r#"{"operation": {"\u0024serde_json::private::RawValue": "\"describe_all\""}}"#;
    victim.refused("an escaped key", send(&victim, escaped));
    let mut request =
        json!({"operation": "csv_data_load", "database": "gold", "table": hidden("\"t\""), "data": "id\n2\n"});
    victim.refused("a table", victim.post(&request));
    request = json!({"operation": "search_by_value", "database": "gold", "table": "t", "attribute": hidden("\"id\""), "value": "*", "get_attributes": ["*"]});
    victim.refused("an attribute", victim.post(&request));
    let search = hidden(&json!({"operation": "sql", "sql": "SELECT 1"}).to_string());
    request = json!({"operation": "export_local", "format": "json", "path": victim.exports(), "filename": "f", "search_operation": search});
    victim.refused("a search operation", victim.post(&request));
    let search = json!({"operation": "sql", "sql": hidden("\"SELECT id FROM gold.t\"")});
    request = json!({"operation": "export_local", "format": "json", "path": victim.exports(), "filename": "f", "search_operation": search});
    victim.refused("a query", victim.post(&request));
    assert!(victim.exported().is_empty(), "{:?}", victim.exported());

    // It can hide nesting as well. Texts inside of texts, 26 levels deep, would exceed the stack of any thread.
    let mut bomb = nested("[", "]", 100);
    for _ in 0..8 {
        bomb = format!("{}{}{}", "[".repeat(100), json!({key: bomb}), "]".repeat(100));
    }
    for member in ["operation", "permission", "role"] {
        let mut body: Value = json!({"operation": "add_role", "role": "deep", "permission": {"super_user": false}});
        body[member] = json!("BOMB");
        let reply = send(&victim, body.to_string().replace("\"BOMB\"", &bomb));
        victim.refused(member, reply);
    }
    // In a record it is an ordinary key.
    victim.create_table("kept");
    let record: Value = json!({"id": 1, "a": hidden("[1]")});
    victim.insert("kept", json!([record]));
    let kept = victim.post(&json!({"operation": "sql", "sql": "SELECT a FROM gold.kept"}));
    // Compared as text, because the library would interpret the key here too.
    assert!(kept.text.contains(&record["a"].to_string()), "{}", kept.text);
    victim.assert_unharmed();
}

#[test]
fn names_with_a_nul_and_other_strange_names_break_no_query() {
    let victim = Victim::start(Options::new());
    victim.create_table("odd");
    victim.insert("odd", json!([{"id": 0}]));
    let names = [
        "a\u{0}b",
        "\u{0}",
        "\"",
        "'",
        "`",
        "]",
        "a\"; DROP TABLE x; --",
        "\n",
        "\u{1b}[2J",
        "__proto__",
        "constructor",
        "rowid",
        "_rowid_",
        "oid",
        "ROWID",
        "ID",
        "Id",
        "\u{202e}",
        "\u{feff}",
        " ",
        "select",
        "*",
        "%",
        "$",
        "a.b",
        "[0]",
        "é",
        "e\u{301}",
    ];
    for (number, name) in names.iter().enumerate() {
        let record = json!({"id": number + 1, (*name): "x"});
        let reply =
            victim.post(&json!({"operation": "insert", "database": "gold", "table": "odd", "records": [record]}));
        assert!(reply.status == 200 || reply.status == 400, "{name:?}: {}", reply.text);
        for query in
            ["SELECT * FROM gold.odd", "SELECT id FROM gold.odd WHERE id = 0", "SELECT COUNT(*) AS c FROM gold.odd"]
        {
            let asked = victim.post(&json!({"operation": "sql", "sql": query}));
            assert_eq!(asked.status, 200, "after the attribute {name:?}, {query}: {}", asked.text);
        }
    }
    victim.assert_unharmed();
}

#[test]
fn a_byte_order_mark_a_lone_surrogate_and_torn_utf8_are_refused() {
    let victim = Victim::start(Options::new());
    let bodies: [&[u8]; 10] = [
        b"\xef\xbb\xbf{\"operation\": \"describe_all\"}",
        b"\xff\xfe{\x00}\x00",
        b"{\"operation\": \"describe_all\xff\"}",
        b"{\"operation\": \"describe_all\xc0\xaf\"}",
        b"{\"operation\": \"\xed\xa0\x80\"}",
        b"{\"operation\": \"\\ud800\"}",
        b"{\"operation\": \"\\udc00\\ud800\"}",
        b"{\"operation\": \"describe_all\"}\x00",
        b"{\"operation\": \"describe_all\"}{\"operation\": \"drop_table\"}",
        b"{\"operation\": \"describe\nall\"}",
    ];
    for body in bodies {
        victim.refused(&String::from_utf8_lossy(body), send(&victim, body));
    }
    for record in [r#"{"id": 2, "a": "\ud800"}"#, r#"{"id": "\udfff"}"#, r#"{"id": 2, "\ud800": 1}"#] {
        victim.refused(record, send(&victim, insert(&format!("[{record}]"))));
    }
    for name in
        ["DESCRIBE_ALL", " describe_all", "describe_all ", "describe_all\u{0}", "dеscribe_all", "describe\u{200b}_all"]
    {
        let told = victim.refused(name, victim.post(&json!({"operation": name})));
        assert!(told.contains("not found"), "{told}");
    }
    victim.assert_unharmed();
}
