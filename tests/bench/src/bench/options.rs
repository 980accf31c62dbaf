//! The command line of `cargo xtask bench`. This module must not start anything.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::dataset::Keys;
use crate::arguments::{milliseconds, positive};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Load,
    Export,
    Delete,
    Import,
    Tiny,
    Flat,
    Neighbours,
    Parse,
}

const USUAL: [&str; 6] = ["load", "export", "delete", "import", "tiny", "parse"];

/// Measures loads and jobs against SQLite, DuckDB and PostgreSQL
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Parts, comma separated
    #[arg(long = "only", value_name = "PARTS", value_delimiter = ',', default_values = USUAL)]
    pub parts: Vec<Part>,
    /// Adds the part `flat`: our jobs at --rows and at --flat-rows, for the memory
    #[arg(long)]
    pub flat: bool,
    /// Rows of the generated CSV
    #[arg(long, value_name = "N", value_parser = positive::<u64>, default_value = "1_000_000")]
    pub rows: u64,
    /// Rows of the larger table of the part `flat`
    #[arg(long, value_name = "N", value_parser = positive::<u64>, default_value = "5_000_000")]
    pub flat_rows: u64,
    /// Kinds of keys, comma separated
    #[arg(long, value_delimiter = ',', default_value = "sequential")]
    pub keys: Vec<Keys>,
    /// Times that everything compared is repeated, interleaved; medians count
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "3")]
    pub rounds: u32,
    /// Measures SQLite, DuckDB and PostgreSQL, not jobhost
    #[arg(long, conflicts_with = "ours_only")]
    pub peers_only: bool,
    /// Measures jobhost, not the peers
    #[arg(long)]
    pub ours_only: bool,
    /// Tiny jobs one at a time
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "500")]
    pub singles: u32,
    /// Clients at the same time
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "16")]
    pub clients: u32,
    /// Tiny jobs that each of the clients submits
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "250")]
    pub jobs_per_client: u32,
    /// Tiny jobs queued at once
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "20_000")]
    pub queued: u32,
    /// Hostile jobs at once in the part `neighbours`
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "4")]
    pub hostile: u32,
    /// Pause of a polling client, in milliseconds
    #[arg(long = "poll-ms", value_name = "N", value_parser = milliseconds, default_value = "5")]
    pub poll: Duration,
    /// The program [default: target/release/jobhost]; nothing is built
    #[arg(long, value_name = "FILE")]
    pub host: Option<PathBuf>,
    /// Configuration for `jobhost serve`, may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
}

impl Options {
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part) || (part == Part::Flat && self.flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parsed;

    fn parse(line: &str) -> Result<Options, String> {
        parsed(line)
    }

    #[test]
    fn both_forms_of_a_value_are_parsed() {
        let options = parse("--rows 50_000 --keys=uuid,sequential --only load --flat").unwrap();
        assert_eq!((options.rows, options.keys.as_slice()), (50_000, [Keys::Uuid, Keys::Sequential].as_slice()));
        assert!(options.has(Part::Load) && options.has(Part::Flat) && !options.has(Part::Tiny));
        let options = parse("--only export,delete,import --poll-ms 7").unwrap();
        assert_eq!(options.parts, [Part::Export, Part::Delete, Part::Import]);
        assert_eq!((options.poll, options.rows), (Duration::from_millis(7), 1_000_000));
        assert_eq!(parse("").unwrap().parts.len(), USUAL.len());
    }

    #[test]
    fn settings_may_contain_equals_signs() {
        assert_eq!(parse("--set jobs.workers=4").unwrap().settings, ["jobs.workers=4"]);
    }

    #[test]
    fn invalid_arguments_are_named_in_the_error() {
        for (line, word) in [
            ("--rows 0", "--rows"),
            ("--rows", "--rows"),
            ("--keys snowflake", "snowflake"),
            ("--only all", "all"),
            ("--fast", "--fast"),
            ("--peers-only --ours-only", "--ours-only"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
