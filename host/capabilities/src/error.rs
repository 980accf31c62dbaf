//! The errors that a capability call returns when the store, a search or another part of the host fails.

use jobhost_contract::{CapabilityError, CapabilityErrorKind};
use jobhost_objects::{ObjectError, ObjectErrorKind};
use jobhost_search::SearchError;
use jobhost_search::query::QueryError;
use jobhost_store::{StoreError, StoreErrorKind};

pub(crate) fn of_store(error: StoreError) -> CapabilityError {
    let kind = match error.kind {
        StoreErrorKind::NotFound => CapabilityErrorKind::NotFound,
        StoreErrorKind::Invalid | StoreErrorKind::AlreadyExists => CapabilityErrorKind::Invalid,
        StoreErrorKind::OverQuota => CapabilityErrorKind::Limit,
        StoreErrorKind::LeaseLost => CapabilityErrorKind::Interrupted,
        StoreErrorKind::Full | StoreErrorKind::Unavailable => CapabilityErrorKind::Unavailable,
    };
    CapabilityError { kind, message: error.message }
}

pub(crate) fn of_object(error: ObjectError) -> CapabilityError {
    let kind = match error.kind {
        ObjectErrorKind::NotFound => CapabilityErrorKind::NotFound,
        ObjectErrorKind::Denied => CapabilityErrorKind::Denied,
        ObjectErrorKind::Limit => CapabilityErrorKind::Limit,
        ObjectErrorKind::Invalid => CapabilityErrorKind::Invalid,
        ObjectErrorKind::Unavailable => CapabilityErrorKind::Unavailable,
    };
    CapabilityError { kind, message: error.message }
}

pub(crate) fn of_search(error: SearchError) -> CapabilityError {
    let kind = match &error {
        SearchError::Invalid(_) => CapabilityErrorKind::Invalid,
        SearchError::NotFound(_) => CapabilityErrorKind::NotFound,
        SearchError::Denied(_) => CapabilityErrorKind::Denied,
        SearchError::Store(_) | SearchError::Exhausted(_) => CapabilityErrorKind::Unavailable,
    };
    CapabilityError::new(kind, error.to_string())
}

pub(crate) fn of_query(error: QueryError) -> CapabilityError {
    match error {
        QueryError::Invalid(message) => CapabilityError::new(CapabilityErrorKind::Invalid, message),
        QueryError::TooLarge(message) => CapabilityError::new(CapabilityErrorKind::Limit, message),
        QueryError::Store(error) => of_store(error),
        QueryError::Exhausted(exhausted) => {
            CapabilityError::new(CapabilityErrorKind::Unavailable, exhausted.to_string())
        }
    }
}
