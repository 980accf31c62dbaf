//! The S3 server of the benchmarks. It runs in a separate process, so that its processor time is not counted as the
//! benchmark's. It must listen only on loopback.

use std::io::{Read, Write};
use std::path::PathBuf;

use jobhost_testkit::failure::{Doing, Result};
use jobhost_testkit::s3::Strict;

/// Serves S3 until standard input ends
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the server makes the directory of its objects
    pub folder: PathBuf,
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
}

/// Prints its address, then serves until standard input ends, so that it never outlives its parent process.
pub fn run(options: &Options) -> Result<()> {
    let server = Strict::start(&options.folder, &options.access_key, &options.secret_key, &options.region);
    let mut output = std::io::stdout();
    writeln!(output, "{}", server.address()).and_then(|()| output.flush()).doing(|| "cannot write".to_owned())?;
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop).doing(|| "cannot read standard input".to_owned())
}
