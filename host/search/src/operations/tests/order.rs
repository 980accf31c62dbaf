use super::*;

#[tokio::test]
async fn without_a_sort_rows_are_ordered_by_the_value_of_the_first_condition() {
    let bench = bench().await;
    // Not stored in order of key.
    let cats: Vec<_> = [(3, "B", 1), (1, "B", 2), (6, "A", 3), (2, "A", 3), (5, "C", 4), (4, "A", 9)]
        .map(|(id, group, age)| format!(r#"{{"id":{id}0,"group":"{group}","age":{age}}}"#))
        .into();
    bench.insert("cat", &cats.join("\n")).await;
    let between = json!({"attribute": "group", "comparator": "between", "value": ["A", "C"]});
    let young = json!({"attribute": "age", "comparator": "less_than", "value": 9});
    let three = json!({"attribute": "age", "comparator": "equals", "value": 3});
    let find = |conditions: Value, more: Value| {
        let mut fields = json!({"table": "cat", "get_attributes": ["id"], "conditions": conditions});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let key = ScanOrder::Key;
    for (fields, order, sort_bytes, expected) in [
        (find(json!([between]), json!({})), key, 1 << 20, Ok("20 40 60 10 30 50")),
        (find(json!([three]), json!({})), key, 1 << 20, Ok("20 60")),
        (find(json!([three]), json!({})), key, 10, Ok("20 60")),
        (find(json!([three]), json!({"sort": {"attribute": "group"}})), key, 1 << 20, Ok("20 60")),
        (find(json!([young, between]), json!({})), key, 1 << 20, Ok("20 60 10 30 50")),
        (find(json!([between]), json!({"offset": 2, "limit": 2})), key, 1 << 20, Ok("60 10")),
        (find(json!([young]), json!({"limit": 3})), key, 1 << 20, Ok("30 10 20")),
        (find(json!([between]), json!({"sort": {"attribute": "id"}, "limit": 2})), key, 1 << 20, Ok("10 20")),
        // Searches of jobs.
        (find(json!([between]), json!({"limit": 2})), ScanOrder::Arrival, 1 << 20, Ok("10 20")),
        // Too many rows to sort.
        (find(json!([young]), json!({})), key, 150, Ok("10 20 30 50 60")),
        (find(json!([young]), json!({"limit": 4})), key, 150, Ok("10 20 30 50")),
        (find(json!([young]), json!({"limit": 2, "offset": 2})), key, 150, Err("with a 'sort' by the primary key")),
        (find(json!([young]), json!({"limit": 1, "offset": 1, "sort": {"attribute": "id"}})), key, 150, Ok("20")),
    ] {
        let search = bench.permitted(&boss(), "search_by_conditions", fields.clone()).unwrap();
        let (store, limits) = (Arc::clone(&bench.store), SearchLimits { sort_bytes, ..SearchLimits::default() });
        let mut rows = search.open(store, RowShape::Arrays, Separator::NewLine, order, &limits).await.unwrap();
        let mut text = Vec::new();
        let found = loop {
            match rows.next(&mut text).await {
                Ok(true) => {}
                Ok(false) => break Ok(String::from_utf8(text).unwrap().replace(['[', ']'], "").replace('\n', " ")),
                Err(error) => break Err(error.to_string()),
            }
        };
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{fields}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{fields}: {found}"),
            _ => panic!("{fields}: {found:?}"),
        }
    }
}
