//! What the plugin `csv-load` does with a file, done natively with a host that only counts: the yardstick for the cost
//! of the sandbox. `cargo run --release -p jobhost-csv --example parse FILE [ROUNDS]` prints rows per second.

use std::process::ExitCode;

use jobhost_csv::load::load;
use jobhost_csv::{EncodeOptions, Reading};
use jobhost_load::counting::measure;

fn main() -> ExitCode {
    measure(|host, _path| load(host, EncodeOptions { parse_json: true, key_required: None }, Reading::default(), None))
}
