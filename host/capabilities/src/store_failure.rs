//! Records whether the store failed under an attempt. A guest that gives up because of that is not at fault, and its
//! job is retried.

use std::sync::{Mutex, PoisonError};

use jobhost_contract::CapabilityError;
use jobhost_store::{StoreError, StoreErrorKind};

use super::error::of_store;

/// Shared by the capabilities of an attempt that read or write records.
#[derive(Debug, Default)]
pub struct StoreFailure {
    first: Mutex<Option<CapabilityError>>,
}

impl StoreFailure {
    /// Notes a failure that may pass. A full store is none: somebody has to make room before a further attempt is of use.
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

    /// The first one that was noted.
    pub fn noted(&self) -> Option<CapabilityError> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
