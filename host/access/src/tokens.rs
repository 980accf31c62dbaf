//! Signed tokens (JWT, HS256). A token only names its user; the account is looked up on every use.

use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::error::{AccessError, AuthenticationError};
use super::role::User;
use jobhost_model::Timestamp;
use jobhost_private_files::{KeyFileError, open_key};

const KEY_BYTES: usize = 64;
/// Minimum length of the key in bytes. A shorter key makes HS256 weaker than its hash.
const SHORTEST_KEY: usize = 32;
/// Maximum length of the key in bytes. A larger file is not a key.
const LONGEST_KEY: usize = 4096;

/// What a token may be used for; its `sub` claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenUse {
    Operation,
    Refresh,
}

/// The response of `create_authentication_tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenPair {
    pub operation_token: String,
    pub refresh_token: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub username: String,
    pub super_user: bool,
    /// The account's generation. Old tokens become invalid when the password changes or the account is recreated.
    pub generation: u64,
    pub iat: u64,
    pub exp: u64,
    pub sub: TokenUse,
}

/// The secret that signs tokens.
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, AccessError> {
        if bytes.len() < SHORTEST_KEY {
            return Err(AccessError::invalid(format!(
                "The key that signs tokens has {} bytes; it must have at least {SHORTEST_KEY}",
                bytes.len()
            )));
        }
        Ok(SigningKey(bytes))
    }

    /// Reads the key file, and creates it if it does not exist.
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        open_key(path, KEY_BYTES, SHORTEST_KEY..=LONGEST_KEY).map(SigningKey)
    }
}

/// Creates and verifies tokens.
pub(super) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub fn new(key: &SigningKey) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is checked below, against the host's clock, to the second and with a message of its own.
        validation.validate_exp = false;
        Tokens { encoding: EncodingKey::from_secret(&key.0), decoding: DecodingKey::from_secret(&key.0), validation }
    }

    pub fn issue(
        &self,
        user: &User,
        generation: u64,
        sub: TokenUse,
        now: Timestamp,
        lifetime_seconds: u64,
    ) -> Result<String, AccessError> {
        let iat = now.as_millis() / 1000;
        let claims = Claims {
            username: user.username.clone(),
            super_user: user.role.is_super_user(),
            generation,
            iat,
            exp: iat.saturating_add(lifetime_seconds),
            sub,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| AccessError::caused_by("The token cannot be signed", error))
    }

    /// Returns the claims of a token with a valid signature that has not expired, whatever its use.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Claims, AuthenticationError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| AuthenticationError::InvalidToken)?
            .claims;
        if claims.exp <= now.as_millis() / 1000 {
            return Err(AuthenticationError::TokenExpired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod fuzz {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Changing any byte invalidates a token, and no forged header is accepted.
    #[test]
    fn fuzz_token() {
        let tokens = Tokens::new(&SigningKey::from_bytes(vec![7; KEY_BYTES]).unwrap());
        let (now, sub) = (Timestamp(1_000_000), TokenUse::Operation);
        let claims = Claims { username: "ann".to_owned(), super_user: false, generation: 1, iat: 1, exp: 1 << 40, sub };
        let good = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &tokens.encoding).unwrap();
        assert!(tokens.read(&good, now).is_ok());
        let headers = [
            "{\"alg\":\"none\"}",
            "{\"alg\":\"None\",\"typ\":\"JWT\"}",
            "{\"alg\":\"HS384\"}",
            "{\"alg\":\"RS256\",\"jwk\":{}}",
            "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
            "{\"alg\":[]}",
            "{}",
            "",
            "[[[[",
        ];
        let input = bolero::produce::<(u16, u8, u8, u8)>();
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|(at, byte, header, cut)| {
            let mut changed = good.clone().into_bytes();
            let at = usize::from(*at) % changed.len();
            changed[at] = *byte;
            let [_, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
                panic!("a token has three parts")
            };
            let header = URL_SAFE_NO_PAD.encode(headers[usize::from(*header) % headers.len()]);
            let forged = [
                String::from_utf8_lossy(&changed).into_owned(),
                format!("{header}.{claims}.{signature}"),
                format!("{header}.{claims}."),
                good[..good.len() - usize::from(*cut) % good.len()].to_owned(),
            ];
            for forged in forged {
                assert_eq!(tokens.read(&forged, now).is_ok(), forged == good, "{forged}");
            }
        });
    }
}
