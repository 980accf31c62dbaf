//! Records whether the store failed during an attempt. A guest that gives up because of that is not at fault, and its
//! job is retried.

use std::sync::{Mutex, PoisonError};

use jobhost_contract::CapabilityError;
use jobhost_store::{StoreError, StoreErrorKind};

use super::error::of_store;

/// Shared by an attempt's capabilities that read or write records.
#[derive(Debug, Default)]
pub struct StoreFailure {
    first: Mutex<Option<CapabilityError>>,
}

impl StoreFailure {
    /// Records a transient failure. A full store is not transient: a retry only helps once someone has freed space.
    pub fn note(&self, error: &StoreError) {
        if error.kind == StoreErrorKind::Unavailable {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            let sentence = || {
                let StoreError { kind, message, .. } = error;
                of_store(StoreError::new(*kind, message.clone()))
            };
            first.get_or_insert_with(sentence);
        }
    }

    /// The first recorded failure.
    pub fn noted(&self) -> Option<CapabilityError> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
