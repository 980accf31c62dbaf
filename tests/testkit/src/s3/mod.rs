//! Real S3 servers on loopback, and boto3 to read what was written with an independent client.
//!
//! No single server is sufficient. `S3Server::strict` (s3s-fs) checks signatures, dates and the region, but accepts any
//! parts when a multipart upload is completed, and does not list uploads. `S3Server::lenient` (moto) accepts any access
//! key, but checks parts and lists uploads. `S3Server::guarded` is moto with access keys and policies checked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a server for tests, which may fail loudly"
)]

use std::path::Path;

use serde_json::{Value, json};

mod boto;
mod moto;
mod proxy;
mod python;
mod strict;

pub use proxy::{Act, Asked, Proxy};
pub use strict::Strict;

use boto::Account;
use moto::Moto;

/// The region that all servers report.
pub const REGION: &str = "us-east-1";
/// A bucket that each server has from the start.
pub const BUCKET: &str = "bkt";

/// What boto3 reports about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub bytes: Vec<u8>,
    /// As in the header, with quotes.
    pub etag: String,
    pub media_type: String,
}

enum Process {
    Strict(Strict),
    Moto(Moto),
}

/// A running server with one account. Dropping it stops the server.
pub struct S3Server {
    account: Account,
    process: Process,
}

impl S3Server {
    /// Starts s3s-fs, which is strict about signatures.
    pub fn strict() -> Self {
        let strict = Strict::start(&std::env::temp_dir(), "AKIATESTSTRICT", "strict+secret/0123456789", REGION);
        let account = Account::new(strict.address(), "AKIATESTSTRICT", "strict+secret/0123456789");
        S3Server::with_bucket(account, Process::Strict(strict))
    }

    /// Starts moto, which is strict about the parts of uploads and accepts every access key.
    pub fn lenient() -> Self {
        let moto = Moto::start(None);
        let account = Account::new(moto.address(), "AK", "SK");
        S3Server::with_bucket(account, Process::Moto(moto))
    }

    /// Starts moto with access keys and policies checked.
    pub fn guarded() -> Self {
        // The calls that create the user are not checked.
        let moto = Moto::start(Some(3));
        let root = Account::new(moto.address(), "AK", "SK");
        let made = boto::ask(&root, &json!({"do": "user"}));
        let word = |name: &str| made[name].as_str().expect("a key of the new user").to_owned();
        let account = Account::new(moto.address(), &word("access_key"), &word("secret_key"));
        S3Server::with_bucket(account, Process::Moto(moto))
    }

    fn with_bucket(account: Account, process: Process) -> Self {
        let server = S3Server { account, process };
        server.create_bucket(BUCKET);
        server
    }

    /// `127.0.0.1:PORT`, the form that `s3.allow` takes.
    pub fn address(&self) -> &str {
        &self.account.address
    }

    /// The URL, the form that `s3.endpoint` takes.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.account.address)
    }

    pub fn access_key(&self) -> &str {
        &self.account.access_key
    }

    pub fn secret_key(&self) -> &str {
        &self.account.secret_key
    }

    /// The member `s3` of a request for this object in the first bucket.
    pub fn object(&self, key: &str) -> Value {
        json!({
            "aws_access_key_id": self.account.access_key, "aws_secret_access_key": self.account.secret_key,
            "bucket": BUCKET, "key": key, "region": REGION,
        })
    }

    pub fn create_bucket(&self, bucket: &str) {
        boto::ask(&self.account, &json!({"do": "create_bucket", "bucket": bucket}));
    }

    /// Stores an object in the first bucket.
    pub fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("a file");
        boto::ask(&self.account, &json!({"do": "put", "bucket": BUCKET, "key": key, "path": file.path()}));
    }

    /// Returns an object of the first bucket, if it exists.
    pub fn get(&self, key: &str) -> Option<Stored> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let told = boto::ask(&self.account, &json!({"do": "get", "bucket": BUCKET, "key": key, "path": file.path()}));
        let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        (!told.is_null()).then(|| Stored {
            bytes: std::fs::read(file.path()).expect("the file"),
            etag: word("etag"),
            media_type: word("media_type"),
        })
    }

    /// Returns the keys of the first bucket, sorted.
    pub fn keys(&self) -> Vec<String> {
        let told = boto::ask(&self.account, &json!({"do": "keys", "bucket": BUCKET}));
        serde_json::from_value(told).expect("keys")
    }

    /// Returns the number of multipart uploads that were neither completed nor aborted.
    pub fn unfinished_uploads(&self) -> usize {
        match &self.process {
            Process::Strict(strict) => strict.unfinished_uploads(),
            Process::Moto(_) => {
                let told = boto::ask(&self.account, &json!({"do": "uploads", "bucket": BUCKET}));
                told.as_array().expect("uploads").len()
            }
        }
    }

    /// Returns the server's log, for failing tests.
    pub fn log(&self) -> String {
        match &self.process {
            Process::Strict(_) => String::new(),
            Process::Moto(moto) => moto.log(),
        }
    }

    /// Writes a credentials file that contains this account as the given profile.
    pub fn write_profile(&self, path: &Path, profile: &str) {
        let Account { access_key, secret_key, .. } = &self.account;
        let text = format!("[{profile}]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n");
        std::fs::write(path, text).expect("a credentials file");
    }
}

#[cfg(test)]
mod tests;
