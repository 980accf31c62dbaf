//! An S3 server for the part `import`: s3s-fs in a separate process, with the generated file as its only object. It
//! must listen only on loopback; its access keys protect nothing but that file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::dataset::Dataset;
use super::peers::Python;
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::proc::Process;

const ACCESS_KEY: &str = "BENCHACCESSKEY";
const SECRET_KEY: &str = "bench-secret-key";
const REGION: &str = "us-east-1";
const BUCKET: &str = "bench";
const KEY: &str = "people.csv";

/// Uploads in one request, so that the object has its etag from the start and the server need not compute one at each
/// read.
const UPLOAD: &str = r#"
import boto3, sys
endpoint, access_key, secret_key, region, bucket, key, path = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region)
s3.create_bucket(Bucket=bucket)
with open(path, "rb") as body:
    s3.put_object(Bucket=bucket, Key=key, Body=body)
"#;

pub struct S3Server {
    child: Child,
    address: String,
}

impl S3Server {
    /// Starts the server and stores the file in it.
    pub fn start(bench: &Path, python: &Python, data: &Dataset) -> Result<Self> {
        let root = bench.join("run/s3");
        fs::remove_dir_all(&root).ok();
        fs::create_dir_all(&root).doing(|| format!("cannot make {}", root.display()))?;
        let own = std::env::current_exe().doing(|| "cannot find this program".to_owned())?;
        let mut command = Command::new(own);
        command.arg("s3-server").arg(&root).args([ACCESS_KEY, SECRET_KEY, REGION]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.doing(|| "cannot start the S3 server".to_owned())?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut address).doing(|| "the S3 server does not answer".to_owned())?;
        }
        let server = Self { child, address: address.trim().to_owned() };
        if server.address.is_empty() {
            return Err(Failure::new("the S3 server ended before it was ready; its error is above"));
        }
        let path = data.path.display().to_string();
        let endpoint = server.endpoint();
        python.run("boto3", UPLOAD, &[&endpoint, ACCESS_KEY, SECRET_KEY, REGION, BUCKET, KEY, &path])?;
        Ok(server)
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The member `s3` of a request for the object.
    pub fn object(&self) -> Value {
        json!({
            "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY,
            "bucket": BUCKET, "key": KEY, "region": REGION, "path_style": true,
        })
    }

    /// The arguments with which a script reads the object.
    pub fn arguments(&self) -> Vec<String> {
        [&self.endpoint(), ACCESS_KEY, SECRET_KEY, REGION, BUCKET, KEY].map(str::to_owned).to_vec()
    }

    /// CPU time of the server so far. On a small machine it slows down its clients.
    pub fn cpu_seconds(&self) -> f64 {
        Process(self.child.id()).tree_cpu_seconds()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // Both calls fail if it has already ended, which is fine.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
