//! Runs natively what the plugin `s3-import` does with a JSON file, on a host that only counts. Comparing it with the
//! plugin shows the cost of the sandbox. `cargo run --release -p jobhost-json --example parse_json FILE [ROUNDS]`
//! prints rows per second. A file whose name ends in `.json` is read as an array, any other one as one record per line.

use std::process::ExitCode;

use jobhost_json::{Options, Shape, load};
use jobhost_load::counting::measure;

fn main() -> ExitCode {
    measure(|host, path| {
        let shape = if path.ends_with(".json") { Shape::Array } else { Shape::Lines };
        load(host, Options::new(shape), None)
    })
}
