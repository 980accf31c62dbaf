use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use jobhost_budget::{Budgets, Owner};
use jobhost_contract::TableUse;
use jobhost_model::{Attribute, Limit, SystemClock};
use jobhost_store::{CatalogChange, CatalogStore, MemoryStore};

struct Bench {
    records: Records,
}

fn dog() -> TableName {
    TableName::new("data", "dog")
}

/// A job of a user with these permissions on `data.dog`, which has the attributes id, name and secret.
async fn bench(permissions: Value) -> Bench {
    let store = MemoryStore::new(Arc::new(SystemClock), 1 << 30);
    let attribute = |name: &str| Attribute { name: name.to_owned(), attribute_type: None, indexed: true };
    let change = CatalogChange::CreateTable {
        name: dog(),
        primary_key: "id".to_owned(),
        schema_defined: false,
        attributes: ["id", "name", "secret"].map(attribute).to_vec(),
    };
    store.change_catalog(change).await.unwrap();
    let permission = json!({"super_user": false, "data": {"tables": {"dog": permissions}}});
    let Value::Object(permission) = permission else { panic!("an object") };
    let role = Role::new("r".to_owned(), "r".to_owned(), permission, Timestamp(0), Timestamp(0));
    let plan = Plan { tables: vec![TableUse { table: dog(), rights: vec![TableRight::Upsert] }], ..Plan::default() };
    let memory = Budgets::ample().of(Owner::Host).held(0).unwrap();
    let limits = RecordLimits {
        batch: BatchLimits::default(),
        checkpoint_bytes: Limit::new("sandbox.checkpoint_bytes", 1024),
        group_records: 1000,
        memory: Some(memory),
        quota: None,
    };
    let lease = Lease { job: Uuid::nil(), attempt: 1 };
    let (plan, role) = (Arc::new(plan), Arc::new(role));
    let records = Records::new(Arc::new(store), lease, plan, role, limits, Tally::default(), Arc::new(Ledger::new(1)));
    Bench { records }
}

fn described(bench: &Bench) -> Vec<String> {
    bench.records.describe(&dog()).unwrap().attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("a{number}")).collect()
}

#[tokio::test]
async fn a_description_leaves_out_what_the_user_has_no_right_to() {
    let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    assert_eq!(described(&bench(all).await), ["id", "name", "secret"]);
    let some = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": [
        {"attribute_name": "name", "read": false, "insert": true, "update": false},
        {"attribute_name": "secret", "read": false, "insert": false, "update": false}]});
    assert_eq!(described(&bench(some).await), ["id", "name"]);
}

#[tokio::test]
async fn declared_names_are_not_remembered_without_a_bound() {
    let all = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []});
    let mut free = bench(all).await;
    for call in 0..20 {
        free.records.declare(&dog(), Action::Insert, &names(call * 1_000..(call + 1) * 1_000)).unwrap();
    }
    assert!(free.records.permitted.is_empty());

    let some = json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": [
        {"attribute_name": "name", "read": true, "insert": true, "update": true}]});
    let mut restricted = bench(some).await;
    let listed = ["id", "name"].map(str::to_owned);
    restricted.records.declare(&dog(), Action::Insert, &listed).unwrap();
    for call in 0..20 {
        let declared = [names(call * 1_000..(call + 1) * 1_000), listed.to_vec()].concat();
        let refused = restricted.records.declare(&dog(), Action::Insert, &declared).unwrap_err();
        assert_eq!(refused.kind, CapabilityErrorKind::Denied);
    }
    assert_eq!(restricted.records.permitted.values().map(HashSet::len).sum::<usize>(), listed.len());
}
