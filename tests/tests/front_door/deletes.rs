//! `delete_records_before`: which records it deletes, who may use it, and what it reports.

use jobhost_tests::{Host, Login, Options};
use serde_json::{Value, json};

fn delete(date: &str) -> Value {
    json!({"operation": "delete_records_before", "database": "gold", "table": "t", "date": date})
}

/// When a record was created, in milliseconds. The fraction is more precise than a date.
fn created(host: &Host, id: &str) -> f64 {
    let search = json!({
        "operation": "search_by_id", "database": "gold", "table": "t", "ids": [id],
        "get_attributes": ["__createdtime__"],
    });
    host.post(&search).ok()[0]["__createdtime__"].as_f64().expect("a time")
}

/// `YYYY-MM-DDTHH:mm:ss.SSSZ` (the inverse of Howard Hinnant's days_from_civil).
fn iso(milliseconds: u64) -> String {
    let (days, rest) = (milliseconds / 86_400_000 + 719_468, milliseconds % 86_400_000);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, fraction) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

fn ids(host: &Host) -> Vec<Value> {
    host.rows("t").into_iter().map(|row| row["id"].clone()).collect()
}

#[test]
fn the_time_of_creation_decides_to_the_millisecond() {
    assert_eq!(iso(1_611_615_798_782), "2021-01-25T23:03:18.782Z");
    let host = Host::start(Options::new());
    host.create_table("t");
    for id in ["a", "b", "c"] {
        host.insert("t", json!([{"id": id}]));
        // Makes sure that the next record is created in a later millisecond, however fast the host is.
        let made = created(&host, id) as u128;
        while std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis() <= made + 1 {}
    }
    // An update does not change the time of creation.
    host.post(&json!({"operation": "upsert", "database": "gold", "table": "t", "records": [{"id": "a", "n": 1}]})).ok();
    let (a, b) = (created(&host, "a"), created(&host, "b"));
    assert_eq!(host.run_ok(&delete(&iso(a as u64))), "No records found to delete");
    assert_eq!(ids(&host), ["a", "b", "c"]);
    assert_eq!(host.run_ok(&delete(&iso(b as u64))), "1 of 1 record successfully deleted");
    assert_eq!(ids(&host), ["b", "c"], "created at the date is not created before it");
    let zoned = iso(b as u64 + 1 + 2 * 3_600_000).replace('Z', "+02:00");
    assert_eq!(host.run_ok(&delete(&zoned)), "1 of 1 record successfully deleted");
    assert_eq!(ids(&host), ["c"]);
    host.insert("t", json!([{"id": "d"}, {"id": "e"}]));
    assert_eq!(host.run_ok(&delete("2099")), "3 of 3 records successfully deleted");
    assert_eq!(host.run_ok(&delete("2099-01-01")), "No records found to delete");
    assert_eq!(host.count("t"), 0);
    host.insert("t", json!([{"id": "a", "fresh": true}]));
    assert_eq!(
        host.rows("t"),
        [json!({"id": "a", "n": null, "fresh": true})],
        "the key is free again and nothing old shows"
    );
}

#[test]
fn both_names_work_and_a_job_keeps_the_name_of_its_request() {
    let host = Host::start(Options::new());
    host.create_table("t");
    for name in ["delete_records_before", "delete_files_before"] {
        host.insert("t", json!([{"id": 1}]));
        let mut request = delete("2099-01-01");
        request["operation"] = json!(name);
        let row = host.run(&request);
        assert_eq!((&row["type"], &row["message"]), (&json!(name), &json!("1 of 1 record successfully deleted")));
    }
}

#[test]
fn only_super_users_delete_by_date() {
    let host = Host::start(Options::new());
    host.create_table("t");
    host.insert("t", json!([{"id": 1}]));
    let rights = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    let permission = json!({"super_user": false, "gold": {"tables": {"t": rights}}});
    host.post(&json!({"operation": "add_role", "role": "all", "permission": permission})).ok();
    let user = json!({"operation": "add_user", "username": "ann", "password": "pw", "role": "all", "active": true});
    host.post(&user).ok();
    for name in ["delete_records_before", "delete_files_before"] {
        let mut request = delete("2099-01-01");
        request["operation"] = json!(name);
        let reply = host.post_as(&Login::basic("ann", "pw"), &request);
        assert_eq!(reply.status, 403, "{}", reply.text);
        let sentence = format!("Operation '{name}' is restricted to 'super_user' roles");
        assert_eq!(reply.body["unauthorized_access"], json!([sentence]));
    }
    assert_eq!(host.count("t"), 1);
}

#[test]
fn an_invalid_delete_is_refused_immediately() {
    let host = Host::start(Options::new());
    host.create_table("t");
    for (field, value, statuses, says) in [
        ("table", json!("zzz"), [400, 404], "Table 'gold.zzz' does not exist"),
        ("database", json!("zzz"), [400, 404], "database 'zzz' does not exist"),
        ("database", json!("system"), [403, 404], ""),
        ("date", json!("yesterday"), [400, 400], "'date' must be in ISO 8601 date format"),
        ("date", json!(5), [400, 400], "'date' must be a valid date"),
    ] {
        let mut request = delete("2021-01-01");
        request[field] = value;
        let reply = host.post(&request);
        assert!(statuses.contains(&reply.status), "{request}: {}", reply.text);
        assert!(reply.text.contains(says), "{request}: {}", reply.text);
    }
}

#[test]
fn a_typed_table_without_system_times_is_deleted_from_too() {
    let host = Host::start(Options::new());
    host.create_typed_table("t", &[("n", "Int")]);
    host.insert("t", json!([{"id": "a", "n": 1}, {"id": "b", "n": 2}]));
    assert_eq!(host.run_ok(&delete("2021-01-01")), "No records found to delete");
    assert_eq!(host.run_ok(&delete("2099-01-01")), "2 of 2 records successfully deleted");
}
