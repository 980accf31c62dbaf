//! One grammar: the same CSV produces the same rows whether it comes from the request, a file or a URL.

use jobhost_tests::web::Page;
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

/// Returns CSV inputs and the rows that each produces.
fn cases() -> Vec<(&'static str, Vec<u8>, Value)> {
    let case = |what, csv: &str, rows| (what, csv.as_bytes().to_vec(), rows);
    vec![
        case("plain", "id,a\n1,x\n2,y\n", json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}])),
        case("no final newline", "id,a\n1,x", json!([{"id": 1, "a": "x"}])),
        case("CR LF", "id,a\r\n1,x\r\n", json!([{"id": 1, "a": "x"}])),
        case("CR", "id,a\r1,x\r2,y\r", json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}])),
        case("semicolons", "id;a\n1;x,y\n", json!([{"id": 1, "a": "x,y"}])),
        case("tabs", "id\ta\n1\tx\n", json!([{"id": 1, "a": "x"}])),
        case("pipes", "id|a\n1|x\n", json!([{"id": 1, "a": "x"}])),
        case("a single column", "id\n5\n6\n", json!([{"id": 5}, {"id": 6}])),
        case("quotes", "id,a\n1,\"x, y\nz \"\"q\"\"\"\n", json!([{"id": 1, "a": "x, y\nz \"q\""}])),
        case("a quoted delimiter in the header", "id,\"a,b\"\n1,x\n", json!([{"id": 1, "a,b": "x"}])),
        case("quotes change no type", "id,a\n\"1\",\"42\"\n", json!([{"id": 1, "a": 42}])),
        case("blank lines", "id,a\n\n1,x\n\n\n2,y\n\n", json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}])),
        case("spaces are kept", "id, a\n1, x \n", json!([{"id": 1, " a": " x "}])),
        case(
            "a short row",
            "id,a,b\n1,x\n2,x,y\n",
            json!([{"id": 1, "a": "x", "b": null}, {"id": 2, "a": "x", "b": "y"}]),
        ),
        case("a long row", "id,a\n1,x,y,z\n", json!([{"id": 1, "a": "x"}])),
        case("a header twice", "id,a,a\n1,x,y\n", json!([{"id": 1, "a": "x", "a_1": "y"}])),
        case("a byte order mark", "\u{feff}id,a\n1,x\n", json!([{"id": 1, "a": "x"}])),
        case("a byte order mark and quotes", "\u{feff}\"id\",\"a\"\n1,x\n", json!([{"id": 1, "a": "x"}])),
        case("any language", "id,größe,名前\n1,x,日本\n", json!([{"id": 1, "größe": "x", "名前": "日本"}])),
        case(
            "names of other runtimes",
            "id,constructor,__proto__\n1,toString,valueOf\n",
            json!([{"id": 1, "constructor": "toString", "__proto__": "valueOf"}]),
        ),
        case("keys of other runtimes", "id,a\nconstructor,x\n", json!([{"id": "constructor", "a": "x"}])),
        case("a leading zero is text", "id,a\n01,007\n", json!([{"id": "01", "a": "007"}])),
        case("a date as key", "id,a\n2021-01-02T03:04:05Z,x\n", json!([{"id": "2021-01-02T03:04:05Z", "a": "x"}])),
        case("an impossible date", "id,a\n1,2021-02-30T00:00:00Z\n", json!([{"id": 1, "a": "2021-02-30T00:00:00Z"}])),
        case("the first of two", "id,a\n1,x\n1,y\n", json!([{"id": 1, "a": "x"}])),
        case("system times are the host's", "id,__createdtime__\n1,5\n", json!([{"id": 1}])),
    ]
}

#[test]
fn the_three_loads_read_csv_in_the_same_way() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    for (number, (what, csv, expected)) in cases().into_iter().enumerate() {
        let expected = expected.as_array().expect("rows");
        let mut loads = vec![
            ("file", json!({"operation": "csv_file_load", "file_path": host.file("case.csv", &csv)})),
            ("url", json!({"operation": "csv_url_load", "csv_url": web.url("/case")})),
        ];
        web.page("/case", Page::csv(&csv));
        // A request is JSON and therefore UTF-8.
        if let Ok(text) = String::from_utf8(csv) {
            loads.push(("data", json!({"operation": "csv_data_load", "data": text})));
        }
        for (source, mut request) in loads {
            let table = format!("{source}{number}");
            host.create_table(&table);
            request["database"] = json!("gold");
            request["table"] = json!(table);
            host.run_ok(&request);
            let rows = host.rows(&table);
            assert_eq!(&rows, expected, "{what}, by {source}");
        }
    }
}

#[test]
fn an_empty_or_absent_key_is_generated() {
    let host = Host::start(Options::new());
    for (table, csv) in [("empty", "id,a\n,x\n,y\n"), ("null", "id,a\nnull,x\nnull,y\n"), ("absent", "a\nx\ny\n")] {
        host.create_table(table);
        let request = json!({"operation": "csv_data_load", "database": "gold", "table": table, "data": csv});
        assert_eq!(host.run_ok(&request), "successfully loaded 2 of 2 records", "{table}");
        let rows = host.rows(table);
        assert!(rows.iter().all(|row| row["id"].is_u64()), "{table}: {rows:?}");
        assert_eq!(rows.iter().map(|row| &row["a"]).collect::<Vec<_>>(), ["x", "y"], "{table}");
    }
}

#[test]
fn surplus_cells_are_reported() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let data = "id,a\n1,x\n2,y,surplus\n";
    let row = host.run(&json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": data}));
    assert_eq!(row["message"], "successfully loaded 2 of 2 records", "{row:#}");
    let message = "A record has 3 cells, the header 2: the cells beyond it were left out";
    let warning = json!({"code": "surplus-cells", "count": 1, "lines": [3], "message": message});
    assert_eq!((&row["warnings"], &row["tally"]["rejected"]), (&json!([warning]), &json!(0)), "{row:#}");
}
