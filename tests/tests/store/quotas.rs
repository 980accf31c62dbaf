//! The amount of data that one user may store. The store counts it in the transaction that writes.

use jobhost_model::{Action, TableName};
use jobhost_store::{Applied, CatalogChange, Quota, Store, StoreError, StoreErrorKind, WriteGroup};

use crate::place::*;

const MOST: u64 = 100_000;

async fn write_for(
    store: &dyn Store,
    user: &str,
    table: &TableName,
    action: Action,
    ids: std::ops::Range<u64>,
) -> Result<Applied, StoreError> {
    let lines: Vec<String> = ids.map(|id| format!("{{\"id\":{id},\"a\":\"{}\"}}", "x".repeat(1_000))).collect();
    let quota = Some(Quota { user: user.into(), bytes: MOST });
    let writes = vec![parse(store, table, action, &lines.join("\n"))];
    store.apply(WriteGroup { quota, writes, ..WriteGroup::default() }).await
}

async fn is_full(store: &dyn Store, user: &str) -> bool {
    match write_for(store, user, &dog(), Action::Insert, 1_000_000..1_000_050).await {
        Ok(_) => {
            store.delete(&dog(), (1_000_000..1_000_050).map(|id| number(f64::from(id))).collect()).await.unwrap();
            false
        }
        Err(error) => {
            assert_eq!(error.kind, StoreErrorKind::OverQuota);
            assert!(error.to_string().contains(user), "{error}");
            true
        }
    }
}

pub async fn a_user_stores_as_much_as_the_quota_and_no_more(place: &impl Place) {
    let store = with_dogs(place).await;
    let cats = TableName { table: "cat".to_owned(), ..dog() };
    create_table(&*store, &cats).await;
    write_for(&*store, "ann", &dog(), Action::Insert, 0..40).await.unwrap();
    write_for(&*store, "ann", &cats, Action::Upsert, 0..30).await.unwrap();
    assert!(is_full(&*store, "ann").await);
    assert!(!is_full(&*store, "bob").await);
    // The same text again takes no more space, but that is not known in advance, so an update is permitted.
    write_for(&*store, "ann", &dog(), Action::Update, 0..40).await.unwrap();
    // Nothing of a refused group is stored.
    assert_eq!(store.statistics(&dog()).await.unwrap().record_count, 40);
    drop(store);
    let store = place.open().await.unwrap();
    assert!(is_full(&*store, "ann").await);
    store.change_catalog(CatalogChange::DropTable { name: cats }).await.unwrap();
    assert!(!is_full(&*store, "ann").await);
}

pub async fn what_shrinks_a_table_is_taken_from_all_who_wrote_it(place: &impl Place) {
    let store = with_dogs(place).await;
    for (number, user) in ["ann", "bob"].into_iter().enumerate() {
        let first = number as u64 * 1_000;
        write_for(&*store, user, &dog(), Action::Insert, first..first + 80).await.unwrap();
        assert!(is_full(&*store, user).await);
    }
    // Only the records of bob, whoever deletes them.
    store.delete(&dog(), (1_000..1_080).map(|id| number(f64::from(id))).collect()).await.unwrap();
    assert!(!is_full(&*store, "ann").await && !is_full(&*store, "bob").await);
    store.delete(&dog(), (0..80).map(|id| number(f64::from(id))).collect()).await.unwrap();
    for user in ["ann", "bob"] {
        write_for(&*store, user, &dog(), Action::Insert, 0..80).await.unwrap();
        store.delete(&dog(), (0..80).map(|id| number(f64::from(id))).collect()).await.unwrap();
    }
}
