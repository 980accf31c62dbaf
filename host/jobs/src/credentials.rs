//! Resolves the credentials for an S3 object: from the request, where they are secret fields, or from a profile that
//! the operator configured. Only the client that signs requests receives them.

use serde_json::Value;

use super::JobParts;
use super::secrets::{self, Secrets};
use super::urls;
use jobhost_access::Role;
use jobhost_contract::{S3Credentials, S3Object};
use jobhost_model::S3Location;
use jobhost_objects::{ObjectError, ObjectErrorKind, S3Keys};

/// The location of an object and the credentials for it.
pub(super) struct S3Access {
    pub location: S3Location,
    pub keys: S3Keys,
}

/// `request` contains handles in place of `secrets`.
pub(super) fn s3_access(
    parts: &JobParts,
    role: &Role,
    request: &Value,
    secrets: &Secrets,
    object: &S3Object,
) -> Result<S3Access, ObjectError> {
    let mut location = object.location.clone();
    if let Some(endpoint) = &mut location.endpoint {
        *endpoint = urls::revealed(secrets, endpoint).to_owned();
    }
    match &object.credentials {
        S3Credentials::Request(pointer) => {
            let object = secrets::revealed(request, secrets, pointer).ok_or_else(|| {
                let message = format!("the plan takes S3 keys from {pointer}, which is not an object in the request");
                ObjectError::new(ObjectErrorKind::Invalid, message)
            })?;
            Ok(S3Access { location, keys: S3Keys::from_json(&object)? })
        }
        // A profile carries the operator's permissions, which no table permission covers.
        S3Credentials::Profile(_) if !role.is_super_user() => Err(ObjectError::new(
            ObjectErrorKind::Denied,
            "s3.profile can be used by super_user roles only; send aws_access_key_id and aws_secret_access_key instead",
        )),
        S3Credentials::Profile(name) => {
            let profile = parts.s3.profile(name)?;
            if location.endpoint.is_none() {
                location.endpoint = profile.endpoint;
            }
            if location.region.is_empty() {
                location.region = profile.region.unwrap_or_else(|| "us-east-1".to_owned());
            }
            Ok(S3Access { location, keys: profile.keys })
        }
    }
}
