//! Small documents of the host.

use jobhost_store::StoreErrorKind;

use crate::place::Place;

pub async fn documents_are_kept_by_kind_and_name(place: &impl Place) {
    let store = place.open().await.unwrap();
    assert_eq!(store.document("user", "ann").await.unwrap(), None);
    store.put_document("user", "bob", b"1".to_vec()).await.unwrap();
    store.put_document("user", "ann", b"2".to_vec()).await.unwrap();
    store.put_document("user", "ann", b"3".to_vec()).await.unwrap();
    store.put_document("users", "zed", b"4".to_vec()).await.unwrap();
    store.put_document("role", "ann", Vec::new()).await.unwrap();
    assert_eq!(store.document("user", "ann").await.unwrap(), Some(b"3".to_vec()));
    assert_eq!(store.document("role", "ann").await.unwrap(), Some(Vec::new()));
    let users = vec![("ann".to_owned(), b"3".to_vec()), ("bob".to_owned(), b"1".to_vec())];
    assert_eq!(store.documents("user").await.unwrap(), users);
    assert!(store.documents("nothing").await.unwrap().is_empty());
    assert!(store.delete_document("user", "ann").await.unwrap());
    assert!(!store.delete_document("user", "ann").await.unwrap());
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.documents("user").await.unwrap(), [("bob".to_owned(), b"1".to_vec())]);
}

pub async fn impossible_names_are_refused(place: &impl Place) {
    let store = place.open().await.unwrap();
    for (kind, name) in [("", "a"), ("user", "a\0b"), ("us\0er", "a"), ("user", &"x".repeat(3_000))] {
        assert_eq!(store.put_document(kind, name, Vec::new()).await.unwrap_err().kind, StoreErrorKind::Invalid);
    }
    store.put_document("user", "naïve / `quoted`", b"fine".to_vec()).await.unwrap();
    assert_eq!(store.document("user", "naïve / `quoted`").await.unwrap(), Some(b"fine".to_vec()));
}
