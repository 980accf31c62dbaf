//! Secret fields of a request: removed before a plugin sees the request, sealed at rest, and opened for the attempt
//! that needs them.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Map, Value, json};

use jobhost_private_files::{KeyFileError, open_key};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Secret values, keyed by the JSON pointer of their place in the request.
pub type Secrets = Map<String, Value>;

/// Removes the values at the pointers from the request and leaves handles. `*` stands for every member of an object.
pub fn extract(request: &mut Value, pointers: &[String]) -> Secrets {
    let mut secrets = Secrets::new();
    for pointer in pointers {
        let tokens: Vec<String> =
            pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        take(request, &tokens, String::new(), &mut secrets);
    }
    secrets
}

fn take(value: &mut Value, tokens: &[String], path: String, secrets: &mut Secrets) {
    // Another pointer has already replaced this value with a handle.
    if secrets.contains_key(&path) {
        return;
    }
    let Some((token, rest)) = tokens.split_first() else {
        // An empty value is no secret, and the plugin must see that it is missing.
        if value.is_null() || value.as_str() == Some("") {
            return;
        }
        let handle = json!({ "$secret": path });
        secrets.insert(path, std::mem::replace(value, handle));
        return;
    };
    let Value::Object(members) = value else { return };
    for (name, member) in members.iter_mut() {
        if token == "*" || token == name {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            take(member, rest, format!("{path}/{escaped}"), secrets);
        }
    }
}

/// Returns the object at a pointer of the request, with its secret members restored.
pub fn revealed(request: &Value, secrets: &Secrets, pointer: &str) -> Option<Map<String, Value>> {
    let mut object = request.pointer(pointer)?.as_object()?.clone();
    for (name, member) in object.iter_mut() {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        if let Some(secret) = secrets.get(&format!("{pointer}/{escaped}")) {
            *member = secret.clone();
        }
    }
    Some(object)
}

#[derive(Debug, thiserror::Error)]
pub enum SealerError {
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error("the job's secrets cannot be opened: the key file is not the one they were sealed with")]
    Unsealing,
    #[error("the job's secrets cannot be sealed")]
    Sealing,
}

/// Seals and opens secrets with the host's key (XChaCha20-Poly1305).
#[derive(Clone)]
pub struct Sealer {
    cipher: Arc<XChaCha20Poly1305>,
}

impl Sealer {
    /// Reads the key file, or creates one.
    pub fn open(path: &Path) -> Result<Self, SealerError> {
        let key = open_key(path, KEY_BYTES, KEY_BYTES..=KEY_BYTES)?;
        let key = key.first_chunk().ok_or(SealerError::Sealing)?;
        Ok(Sealer::with_key(key))
    }

    /// Uses a key from the configuration.
    pub fn with_key(key: &[u8; KEY_BYTES]) -> Self {
        Sealer { cipher: Arc::new(XChaCha20Poly1305::new(&(*key).into())) }
    }

    pub fn seal(&self, secrets: &Secrets) -> Result<String, SealerError> {
        let plain = serde_json::to_vec(secrets).map_err(|_| SealerError::Sealing)?;
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), plain.as_slice()).map_err(|_| SealerError::Sealing)?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(STANDARD.encode(bytes))
    }

    pub fn open_sealed(&self, sealed: &str) -> Result<Secrets, SealerError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| SealerError::Unsealing)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(SealerError::Unsealing)?;
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), sealed).map_err(|_| SealerError::Unsealing)?;
        let plain = String::from_utf8(plain).map_err(|_| SealerError::Unsealing)?;
        jobhost_model::json::object(&plain).map_err(|_| SealerError::Unsealing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_by_handles_and_restored() {
        let mut request = json!({"csv_url": "u", "passthrough_headers": {"Authorization": "Bearer x", "a/b": "y"}});
        let secrets = extract(&mut request, &["/passthrough_headers/*".to_owned()]);
        assert!(!request.to_string().contains("Bearer x"));
        assert_eq!(request["csv_url"], "u");
        let headers = revealed(&request, &secrets, "/passthrough_headers").unwrap();
        assert_eq!(headers["Authorization"], "Bearer x");
        assert_eq!(headers["a/b"], "y");
    }

    #[test]
    fn an_absent_field_is_no_secret() {
        let mut request = json!({"passthrough_headers": "text"});
        assert!(extract(&mut request, &["/passthrough_headers/*".to_owned(), "/x".to_owned()]).is_empty());
    }

    #[test]
    fn empty_fields_stay_for_the_plugin_to_reject() {
        let mut request = json!({"s3": {"aws_secret_access_key": "", "session_token": null}});
        let pointers = ["/s3/aws_secret_access_key".to_owned(), "/s3/session_token".to_owned()];
        assert!(extract(&mut request, &pointers).is_empty());
        assert_eq!(request["s3"]["aws_secret_access_key"], "");
    }

    #[test]
    fn only_the_key_opens_what_it_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let one = Sealer::open(&directory.path().join("one")).unwrap();
        let two = Sealer::open(&directory.path().join("two")).unwrap();
        let secrets = Secrets::from_iter([("/s".to_owned(), json!("hunter2"))]);
        let sealed = one.seal(&secrets).unwrap();
        assert!(!sealed.contains("hunter2"));
        let again = Sealer::open(&directory.path().join("one")).unwrap();
        assert_eq!(again.open_sealed(&sealed).unwrap(), secrets);
        assert!(two.open_sealed(&sealed).is_err());
    }

    /// A secret is removed from the request and restored in its place.
    #[test]
    fn fuzz_secrets() {
        let pointers = ["/s3/*", "/s3/key", "/*/key", "/s3", "/a~1b/~0", "/*", "/*/*", "", "/", "/s3/key/deep"];
        let values = [
            json!("hidden"),
            json!({"key": "hidden", "a": "hidden"}),
            json!({"key": {"deep": "hidden"}}),
            json!(["hidden"]),
            json!(null),
            json!(""),
            json!({"$secret": "/s3/key"}),
            json!({"~": "hidden"}),
        ];
        let members = ["s3", "a/b", "", "$secret", "*", "~"];
        let input = (bolero::produce::<Vec<(u8, u8)>>().with().len(0usize..5), bolero::produce::<(u8, u8)>());
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|(made, named)| {
            let mut request = json!({"operation": "o"});
            for (member, value) in made {
                let member = members[usize::from(*member) % members.len()];
                request[member] = values[usize::from(*value) % values.len()].clone();
            }
            let before = request.clone();
            let named: Vec<String> =
                [named.0, named.1].map(|pick| pointers[usize::from(pick) % pointers.len()].to_owned()).to_vec();
            let secrets = extract(&mut request, &named);
            for (pointer, secret) in &secrets {
                assert!(!secret.is_null() && before.pointer(pointer).is_some(), "{before} {named:?}");
            }
            let below = |a: &str, b: &str| a.starts_with(&format!("{b}/"));
            // If one secret lies within another, only the outer one can be restored.
            if secrets.keys().any(|inner| secrets.keys().any(|outer| below(inner, outer))) {
                return;
            }
            for (pointer, secret) in &secrets {
                assert_eq!(request.pointer(pointer), Some(&json!({"$secret": pointer})), "{before} {named:?}");
                assert_eq!(before.pointer(pointer), Some(secret), "{before} {named:?}");
                let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
                let shown = revealed(&request, &secrets, parent).unwrap();
                assert_eq!(shown.get(&name.replace("~1", "/").replace("~0", "~")), Some(secret), "{before} {named:?}");
            }
        });
    }
}
