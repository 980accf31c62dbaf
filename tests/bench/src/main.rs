//! The benchmarks and the soak test. `cargo xtask bench` and `cargo xtask soak` build and run this program. Like
//! `jobhost_testkit`, it accesses the host only from outside.

mod arguments;
mod bench;
mod s3_server;
mod soak;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    Bench(bench::options::Options),
    Soak(soak::options::Options),
    #[command(hide = true)]
    S3Server(s3_server::Options),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let done = match Task::parse() {
        Task::Bench(options) => bench::run(options, &arguments),
        Task::Soak(options) => soak::run(&options),
        Task::S3Server(options) => s3_server::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}
