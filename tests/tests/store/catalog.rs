//! Databases, tables, attributes.

use jobhost_model::table::MAX_ATTRIBUTES;
use jobhost_model::{Action, Attribute, AttributeType, TableName};
use jobhost_store::{Batch, BatchLimits, CatalogChange, Store, StoreErrorKind, TableWrite, WriteGroup};
use serde_json::json;

use crate::place::*;

async fn refused(store: &dyn Store, change: CatalogChange) -> (StoreErrorKind, String) {
    let error = store.change_catalog(change).await.unwrap_err();
    (error.kind, error.to_string())
}

fn create(name: &TableName, primary_key: &str, attributes: &[(&str, AttributeType)]) -> CatalogChange {
    CatalogChange::CreateTable {
        name: name.clone(),
        primary_key: primary_key.into(),
        schema_defined: !attributes.is_empty(),
        attributes: attributes
            .iter()
            .map(|(name, declared)| Attribute { name: (*name).into(), attribute_type: Some(*declared), indexed: true })
            .collect(),
    }
}

pub async fn databases(place: &impl Place) {
    let store = place.open().await.unwrap();
    assert!(store.catalog().databases.is_empty());
    let gold = || "gold".to_owned();
    store.change_catalog(CatalogChange::CreateDatabase { name: gold() }).await.unwrap();
    assert!(store.catalog().has_database("gold"));
    assert_eq!(
        refused(&*store, CatalogChange::CreateDatabase { name: gold() }).await,
        (StoreErrorKind::AlreadyExists, "database 'gold' already exists".to_owned())
    );
    store.change_catalog(CatalogChange::DropDatabase { name: gold() }).await.unwrap();
    assert!(!store.catalog().has_database("gold"));
    assert_eq!(
        refused(&*store, CatalogChange::DropDatabase { name: gold() }).await,
        (StoreErrorKind::NotFound, "database 'gold' does not exist".to_owned())
    );
    for name in ["system", "", &"x".repeat(5000)] {
        let (kind, _) = refused(&*store, CatalogChange::CreateDatabase { name: name.to_owned() }).await;
        assert_eq!(kind, StoreErrorKind::Invalid);
    }
}

pub async fn tables(place: &impl Place) {
    let store = place.open().await.unwrap();
    let name = TableName::new("gold", "dog");
    let typed = [("age", AttributeType::Int), ("tag", AttributeType::Id)];
    store.change_catalog(create(&name, "tag", &typed)).await.unwrap();
    let table = store.catalog().table(&name).cloned().unwrap();
    assert_eq!((table.primary_key.as_str(), table.schema_defined), ("tag", true));
    let attributes: Vec<_> =
        table.attributes.iter().map(|attribute| (attribute.name.as_str(), attribute.attribute_type)).collect();
    assert_eq!(attributes, [("tag", Some(AttributeType::Id)), ("age", Some(AttributeType::Int))]);
    assert_eq!(
        refused(&*store, create(&name, "id", &[])).await,
        (StoreErrorKind::AlreadyExists, "Table 'dog' already exists in 'gold'".to_owned())
    );
    store.change_catalog(CatalogChange::DropTable { name: name.clone() }).await.unwrap();
    assert!(store.catalog().table(&name).is_none());
    assert!(store.catalog().has_database("gold"));
    assert_eq!(
        refused(&*store, CatalogChange::DropTable { name }).await,
        (StoreErrorKind::NotFound, "Table 'gold.dog' does not exist".to_owned())
    );
    let twice = [("a", AttributeType::Any), ("a", AttributeType::Any)];
    assert_eq!(refused(&*store, create(&dog(), "id", &twice)).await.0, StoreErrorKind::Invalid);
    assert_eq!(
        refused(&*store, create(&dog(), "id", &[("__createdtime__", AttributeType::Any)])).await.0,
        StoreErrorKind::Invalid
    );
    assert!(!store.catalog().has_database("data"));
}

pub async fn a_table_created_anew_is_empty(place: &impl Place) {
    let store = with_dogs(place).await;
    let lines: Vec<_> = (0..5_000).map(|n| format!("{{\"id\":{n},\"old\":1}}")).collect();
    write(&*store, Action::Insert, &lines.join("\n")).await;
    store.change_catalog(CatalogChange::DropTable { name: dog() }).await.unwrap();
    create_table(&*store, &dog()).await;
    assert!(texts(&*store).await.is_empty());
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, 0);
    assert!(!store.catalog().table(&dog()).unwrap().has_attribute("old"));
    assert_eq!(write(&*store, Action::Insert, "{\"id\":7}").await.tally.written, 1);
    assert_eq!(texts(&*store).await, ["{\"id\":7}"]);
}

pub async fn attributes_can_be_added(place: &impl Place) {
    let store = with_dogs(place).await;
    let change = |attribute: &str| CatalogChange::CreateAttribute {
        name: dog(),
        attribute: Attribute { name: attribute.into(), attribute_type: None, indexed: true },
    };
    store.change_catalog(change("weight")).await.unwrap();
    assert!(store.catalog().table(&dog()).unwrap().attribute("weight").unwrap().indexed);
    assert_eq!(
        refused(&*store, change("weight")).await,
        (StoreErrorKind::AlreadyExists, "attribute 'weight' already exists in data.dog".to_owned())
    );
    assert_eq!(refused(&*store, change("id")).await.0, StoreErrorKind::AlreadyExists);
    assert_eq!(refused(&*store, change("__updatedtime__")).await.0, StoreErrorKind::Invalid);
}

pub async fn a_dropped_attribute_leaves_the_records(place: &impl Place) {
    let store = with_dogs(place).await;
    for part in 0..5 {
        let lines: Vec<_> = (0..4_000)
            .map(|n| format!("{{\"id\":{},\"gone\":\"{}\",\"kept\":{{\"gone\":1}}}}", part * 4_000 + n, "x".repeat(60)))
            .collect();
        write(&*store, Action::Insert, &lines.join("\n")).await;
    }
    write(&*store, Action::Insert, "{\"id\":\"without\"}").await;
    let before = arrivals(&*store).await;
    let drop_it = || CatalogChange::DropAttribute { name: dog(), attribute: "gone".into() };
    store.change_catalog(drop_it()).await.unwrap();
    assert!(!store.catalog().table(&dog()).unwrap().has_attribute("gone"));
    let after = arrivals(&*store).await;
    assert_eq!(after.len(), 20_001);
    for (n, (old, new)) in before.iter().zip(&after).enumerate().take(20_000) {
        assert_eq!(new.json, format!("{{\"id\":{n},\"kept\":{{\"gone\":1}}}}"));
        assert_eq!((new.created, new.updated), (old.created, old.updated));
    }
    assert_eq!(refused(&*store, drop_it()).await.0, StoreErrorKind::NotFound);
    // It may be added again.
    write(&*store, Action::Upsert, "{\"id\":0,\"gone\":2}").await;
    assert_eq!(fetch_one(&*store, json!(0)).await.unwrap().json, "{\"id\":0,\"kept\":{\"gone\":1},\"gone\":2}");
}

pub async fn the_primary_key_stays(place: &impl Place) {
    let store = with_dogs(place).await;
    let change = CatalogChange::DropAttribute { name: dog(), attribute: "id".into() };
    assert_eq!(refused(&*store, change).await.0, StoreErrorKind::Invalid);
}

pub async fn a_dropped_database_takes_its_tables(place: &impl Place) {
    let store = with_dogs(place).await;
    create_table(&*store, &TableName::new("data", "cat")).await;
    write(&*store, Action::Insert, "{\"id\":1}").await;
    store.change_catalog(CatalogChange::DropDatabase { name: "data".into() }).await.unwrap();
    assert!(store.catalog().databases.is_empty());
    create_table(&*store, &dog()).await;
    assert!(texts(&*store).await.is_empty());
    assert!(store.catalog().table(&TableName::new("data", "cat")).is_none());
}

pub async fn the_catalog_is_kept(place: &impl Place) {
    let store = with_dogs(place).await;
    store.change_catalog(CatalogChange::CreateDatabase { name: "empty".into() }).await.unwrap();
    store.change_catalog(create(&TableName::new("gold", "typed"), "k", &[("n", AttributeType::BigInt)])).await.unwrap();
    write(&*store, Action::Insert, "{\"id\":1,\"found\":1}").await;
    let before = store.catalog();
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.catalog().databases, before.databases);
    // Ids are never reused.
    store.change_catalog(CatalogChange::DropTable { name: dog() }).await.unwrap();
    drop(store);
    let store = place.open().await.unwrap();
    create_table(&*store, &dog()).await;
    let ids = |catalog: &jobhost_model::Catalog| {
        catalog.databases.values().flat_map(|tables| tables.values().map(|table| table.id)).collect::<Vec<_>>()
    };
    let new = store.catalog().table(&dog()).unwrap().id;
    assert!(!ids(&before).contains(&new));
}

pub async fn attributes_are_bounded(place: &impl Place) {
    let store = with_dogs(place).await;
    let group = |range: std::ops::Range<usize>| {
        let members: Vec<_> = range.map(|n| format!("\"a{n}\":1")).collect();
        let text = format!("{{\"id\":1,{}}}", members.join(","));
        let table = store.catalog().table(&dog()).cloned().unwrap();
        let batch = Batch::parse(text, &table, Action::Upsert, &BatchLimits::default(), &store.keys()).unwrap();
        WriteGroup { writes: vec![TableWrite { table: dog(), action: Action::Upsert, batch }], ..WriteGroup::default() }
    };
    store.apply(group(0..6_000)).await.unwrap();
    let refused = store.apply(group(6_000..MAX_ATTRIBUTES)).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Invalid);
    assert_eq!(store.catalog().table(&dog()).unwrap().attributes.len(), 6_001);
    store.apply(group(6_000..MAX_ATTRIBUTES - 1)).await.unwrap();
    assert_eq!(store.catalog().table(&dog()).unwrap().attributes.len(), MAX_ATTRIBUTES);
    assert_eq!(fetch_one(&*store, json!(1)).await.unwrap().record().len(), MAX_ATTRIBUTES);
}
