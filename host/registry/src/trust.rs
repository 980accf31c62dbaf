//! Decides which components the operator trusts: all, those with listed digests, or those signed with a trusted key.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
pub(super) const MAX_SIGNATURE_FILE_BYTES: u64 = 4096;

/// An ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl std::str::FromStr for PublicKey {
    type Err = hex::FromHexError;

    /// Parses 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut key = [0; KEY_BYTES];
        hex::decode_to_slice(text, &mut key)?;
        Ok(PublicKey(key))
    }
}

/// Which components may be loaded; all of them if both lists are empty.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// sha256 digests in lower-case hexadecimal; empty: any.
    pub digests: Vec<String>,
    /// Trusted keys, one of which must have signed the component; empty: no signature required.
    pub keys: Vec<PublicKey>,
}

impl Trust {
    pub fn wants_signature(&self) -> bool {
        !self.keys.is_empty()
    }

    /// `signature` is the content of the signature file, if there is one.
    pub fn check(&self, digest: &str, component: &[u8], signature: Option<&[u8]>) -> Result<(), String> {
        if !self.digests.is_empty() && !self.digests.iter().any(|allowed| allowed == digest) {
            return Err(format!(
                "its sha256 {digest} is not among plugins.allowed_digests. To allow it, add this to the \
             configuration and restart the host: [plugins] allowed_digests = [{digest:?}]"
            ));
        }
        if self.keys.is_empty() {
            return Ok(());
        }
        let Some(signature) = signature else {
            return Err("plugins.signing_keys is set and it has no signature: it lies beside the file, named like it \
                        with .sig appended"
                .to_owned());
        };
        if signature.len() as u64 > MAX_SIGNATURE_FILE_BYTES {
            return Err(format!(
                "its signature has more than {MAX_SIGNATURE_FILE_BYTES} bytes; it must have {SIGNATURE_BYTES}"
            ));
        }
        if signature.len() != SIGNATURE_BYTES {
            return Err(format!("its signature has {} bytes; it must have {SIGNATURE_BYTES}", signature.len()));
        }
        let signed = |key: &PublicKey| UnparsedPublicKey::new(&ED25519, key.0).verify(component, signature).is_ok();
        if self.keys.iter().any(signed) {
            return Ok(());
        }
        Err("no key in plugins.signing_keys made its signature".to_owned())
    }
}

/// Returns the path of the signature: `name.wasm.sig`.
pub fn signature_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    #[test]
    fn a_listed_digest_passes_and_another_is_rejected_with_the_line_to_add() {
        let trust = Trust { digests: vec!["aa".to_owned()], ..Trust::default() };
        assert_eq!(trust.check("aa", b"", None), Ok(()));
        let refused = trust.check("bb", b"", None).unwrap_err();
        assert!(refused.contains("allowed_digests = [\"bb\"]"), "{refused}");
        assert_eq!(Trust::default().check("bb", b"", None), Ok(()));
    }

    #[test]
    fn only_a_signature_of_a_known_key_over_these_bytes_passes() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key: PublicKey = hex::encode(pair.public_key().as_ref()).parse().unwrap();
        let trust = Trust { keys: vec![key], ..Trust::default() };
        assert!(trust.check("", b"component", None).unwrap_err().contains(".sig"));
        let signature = pair.sign(b"component");
        assert_eq!(trust.check("", b"component", Some(signature.as_ref())), Ok(()));
        assert!(trust.check("", b"another", Some(signature.as_ref())).is_err());
        assert!(trust.check("", b"component", Some(b"short")).unwrap_err().contains("64"));
        let stranger = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
        let signature = stranger.sign(b"component");
        assert!(
            trust
                .check("", b"component", Some(signature.as_ref()))
                .unwrap_err()
                .contains("no key in plugins.signing_keys")
        );
    }
}
