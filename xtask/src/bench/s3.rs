//! An S3 server for the part `import`: s3s-fs as a process of its own that holds one object, the generated file.
//! Must never listen anywhere but on loopback; the keys guard nothing but that file.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use serde_json::{Value, json};

use super::dataset::Dataset;
use super::meter;
use super::peers::Python;
use super::procfs;
use crate::failure::{Doing, Failure, Result};

/// The newest that Rust 1.95 builds.
const VERSION: &str = "0.14.1";
const ACCESS_KEY: &str = "BENCHACCESSKEY";
const SECRET_KEY: &str = "bench-secret-key";
const REGION: &str = "us-east-1";
const BUCKET: &str = "bench";
const KEY: &str = "people.csv";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// In one request, so that the object has its etag from the start and the server need not make one at each read.
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
    address: SocketAddr,
}

impl S3Server {
    /// Starts the server and stores the file in it.
    pub fn start(bench: &Path, python: &Python, data: &Dataset) -> Result<Self> {
        let program = install(bench)?;
        let root = bench.join("run/s3");
        fs::remove_dir_all(&root).ok();
        fs::create_dir_all(&root).doing(|| format!("cannot make {}", root.display()))?;
        // The program takes no port 0, and says nothing a program could read.
        let address = free_address().doing(|| "cannot listen on a loopback port".to_owned())?;
        let child = Command::new(&program)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .doing(|| format!("cannot start {}", program.display()))?;
        let server = Self { child, address };
        server.wait_ready()?;
        let path = data.path.display().to_string();
        let endpoint = server.endpoint();
        python.run("boto3", UPLOAD, &[&endpoint, ACCESS_KEY, SECRET_KEY, REGION, BUCKET, KEY, &path])?;
        Ok(server)
    }

    fn wait_ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while let Err(e) = TcpStream::connect(self.address) {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("s3s-fs does not listen on {}", self.address)).because(e));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
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

    /// What a script needs to read the object.
    pub fn arguments(&self) -> Vec<String> {
        [&self.endpoint(), ACCESS_KEY, SECRET_KEY, REGION, BUCKET, KEY].map(str::to_owned).to_vec()
    }

    /// The server's own, so far: on a small machine it slows whoever reads from it.
    pub fn cpu_seconds(&self) -> f64 {
        procfs::tree_cpu_seconds(self.child.id())
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn install(bench: &Path) -> Result<PathBuf> {
    let root = bench.join(format!("s3s-fs-{VERSION}"));
    let program = root.join("bin/s3s-fs");
    if !program.exists() {
        eprintln!("installing s3s-fs {VERSION} (a few minutes, once)");
        let install =
            ["install", "--quiet", "--locked", "s3s-fs", "--version", VERSION, "--features", "binary", "--root"];
        // Not below the repository: its cargo configuration is for its own programs.
        let mut cargo = Command::new("cargo");
        cargo.args(install).arg(&root).current_dir(std::env::temp_dir()).env_remove("CARGO_TARGET_DIR");
        meter::run("cargo install s3s-fs", &mut cargo)?;
    }
    Ok(program)
}
