//! Small documents of the host, keyed by kind and name.

use heed::RoTxn;

use super::environment::{Databases, engine};
use super::transaction::Transaction;
use jobhost_store::StoreError;
use jobhost_store::rules::documents::{SEPARATOR, check_name};

fn key(kind: &str, name: &str) -> Result<Vec<u8>, StoreError> {
    check_name(kind, name)?;
    Ok([kind.as_bytes(), &[SEPARATOR], name.as_bytes()].concat())
}

pub(super) fn get(dbs: &Databases, txn: &RoTxn<'_>, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(dbs.documents.get(txn, &key(kind, name)?).map_err(engine)?.map(<[u8]>::to_vec))
}

/// Returns the size of a document in bytes, or 0 if it does not exist.
pub(super) fn length(dbs: &Databases, txn: &RoTxn<'_>, kind: &str, name: &str) -> Result<usize, StoreError> {
    Ok(dbs.documents.get(txn, &key(kind, name)?).map_err(engine)?.map_or(0, <[u8]>::len))
}

pub(super) fn all(dbs: &Databases, txn: &RoTxn<'_>, kind: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let prefix = key(kind, "")?;
    let mut documents = Vec::new();
    for entry in dbs.documents.prefix_iter(txn, &prefix).map_err(engine)? {
        let (key, document) = entry.map_err(engine)?;
        let name = key.strip_prefix(prefix.as_slice()).and_then(|name| std::str::from_utf8(name).ok());
        documents
            .push((name.ok_or_else(|| StoreError::damaged("the name of a document"))?.to_owned(), document.to_vec()));
    }
    Ok(documents)
}

pub(super) fn put(tx: &mut Transaction<'_>, kind: &str, name: &str, document: &[u8]) -> Result<(), StoreError> {
    let key = key(kind, name)?;
    let documents = tx.dbs.documents;
    documents.put(tx.change(), &key, document).map_err(engine)
}

pub(super) fn delete(tx: &mut Transaction<'_>, kind: &str, name: &str) -> Result<bool, StoreError> {
    let key = key(kind, name)?;
    let documents = tx.dbs.documents;
    documents.delete(tx.change(), &key).map_err(engine)
}
