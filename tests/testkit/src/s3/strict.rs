//! s3s-fs inside of this process, because the crate is smaller than the program that it also provides.

use std::path::Path;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A server without buckets and with one account. Dropping it stops the server.
pub struct Strict {
    root: TempDir,
    address: String,
    runtime: Option<Runtime>,
}

impl Strict {
    /// Starts a server that stores its objects in a new directory below `folder`.
    pub fn start(folder: &Path, access_key: &str, secret_key: &str, region: &str) -> Self {
        let root = tempfile::Builder::new().prefix("s3s-fs-").tempdir_in(folder).expect("a directory");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).expect("s3s-fs"));
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        builder.set_access(InRegion(region.to_owned()));
        let service = builder.build();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        runtime.spawn(serve(listener, service));
        Strict { root, address, runtime: Some(runtime) }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// s3s-fs does not support `ListMultipartUploads`. It keeps a file for each upload.
    pub(super) fn unfinished_uploads(&self) -> usize {
        let entries = std::fs::read_dir(self.root.path()).expect("the directory of s3s-fs");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload-") && name.ends_with(".json")).count()
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(hyper_util::rt::TokioIo::new(stream), service.clone());
        // A client that disconnects is part of what is tested.
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// s3s accepts a signature for any region; this accepts only one, as a real server does.
struct InRegion(String);

#[async_trait::async_trait]
impl S3Access for InRegion {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let header = context.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/s3/aws4_request, …`
        let region = header.split('/').nth(2).unwrap_or_default();
        match (context.credentials(), region == self.0) {
            (None, _) => Err(s3_error!(AccessDenied, "Signature is required")),
            (Some(_), true) => Ok(()),
            (Some(_), false) => Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region is wrong"
            )),
        }
    }
}
