//! The command line of `cargo xtask bench`. Must never start anything.

use std::path::PathBuf;
use std::time::Duration;

use super::dataset::Keys;
use crate::arguments::Arguments;
use crate::failure::{Failure, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// As `--only` takes them.
const PARTS: [(&str, Part); 8] = [
    ("load", Part::Load),
    ("export", Part::Export),
    ("delete", Part::Delete),
    ("import", Part::Import),
    ("tiny", Part::Tiny),
    ("flat", Part::Flat),
    ("neighbours", Part::Neighbours),
    ("parse", Part::Parse),
];

#[derive(Debug, Clone)]
pub struct Options {
    pub rows: u64,
    pub flat_rows: u64,
    pub keys: Vec<Keys>,
    pub parts: Vec<Part>,
    pub peers_only: bool,
    pub ours_only: bool,
    pub rounds: u32,
    /// Tiny jobs, one at a time.
    pub singles: u32,
    pub clients: u32,
    /// Tiny jobs that each of the clients submits.
    pub jobs_per_client: u32,
    pub queued: u32,
    /// Hostile jobs at once.
    pub hostile: u32,
    pub poll: Duration,
    pub host: Option<PathBuf>,
    /// Passed on to `jobhost serve` as `--set key=value`.
    pub settings: Vec<String>,
}

pub const HELP: &str = "\
cargo xtask bench [options]
  --only PARTS       comma separated: load, export, delete, import, tiny, flat, neighbours,
                     parse (default: load,export,delete,import,tiny,parse)
  --flat             adds the part `flat`: our jobs at --rows and at --flat-rows, for the memory
  --rows N           rows of the generated CSV (1000000)
  --flat-rows N      rows of the larger table of the part `flat` (5000000)
  --keys KEYS        sequential, uuid or sequential,uuid (sequential)
  --rounds N         times that everything compared is repeated, interleaved; medians count (3)
  --peers-only       measures SQLite, DuckDB and PostgreSQL, not jobhost
  --ours-only        measures jobhost, not the peers
  --singles N        tiny jobs one at a time (500)
  --clients N        clients at the same time (16)
  --jobs-per-client N  tiny jobs of each of them (250)
  --queued N         tiny jobs queued at once (20000)
  --hostile N        hostile jobs at once in the part `neighbours` (4)
  --poll-ms N        pause of a polling client (5)
  --host FILE        the program (target/release/jobhost)
  --set KEY=VALUE    configuration for `jobhost serve`, repeatable
";

impl Default for Options {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            flat_rows: 5_000_000,
            keys: vec![Keys::Sequential],
            parts: vec![Part::Load, Part::Export, Part::Delete, Part::Import, Part::Tiny, Part::Parse],
            peers_only: false,
            ours_only: false,
            rounds: 3,
            singles: 500,
            clients: 16,
            jobs_per_client: 250,
            queued: 20_000,
            hostile: 4,
            poll: Duration::from_millis(5),
            host: None,
            settings: Vec::new(),
        }
    }
}

impl Options {
    /// `None` when only the help is asked for.
    pub fn parse(args: &[String]) -> Result<Option<Self>> {
        let mut o = Self::default();
        let mut flat = false;
        let mut arguments = Arguments::new("bench", args);
        while let Some(name) = arguments.next_name() {
            match name {
                "--help" | "-h" => return Ok(None),
                "--rows" => o.rows = arguments.positive()?,
                "--flat-rows" => o.flat_rows = arguments.positive()?,
                "--keys" => o.keys = list(arguments.value()?, Keys::parse)?,
                "--only" => o.parts = list(arguments.value()?, part)?,
                "--flat" => flat = true,
                "--peers-only" => o.peers_only = true,
                "--ours-only" => o.ours_only = true,
                "--rounds" => o.rounds = arguments.positive()?,
                "--singles" => o.singles = arguments.positive()?,
                "--clients" => o.clients = arguments.positive()?,
                "--jobs-per-client" => o.jobs_per_client = arguments.positive()?,
                "--queued" => o.queued = arguments.positive()?,
                "--hostile" => o.hostile = arguments.positive()?,
                "--poll-ms" => o.poll = Duration::from_millis(arguments.positive()?),
                "--host" => o.host = Some(PathBuf::from(arguments.value()?)),
                "--set" => o.settings.push(arguments.value()?.to_owned()),
                _ => return Err(Failure::new(format!("unknown option {}\n{HELP}", arguments.text()))),
            }
        }
        if flat && !o.parts.contains(&Part::Flat) {
            o.parts.push(Part::Flat);
        }
        if o.peers_only && o.ours_only {
            return Err(Failure::new("--peers-only and --ours-only leave nothing to measure"));
        }
        Ok(Some(o))
    }

    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn part(name: &str) -> Result<Part> {
    let known = PARTS.iter().find(|(known, _)| *known == name);
    known.map(|(_, part)| *part).ok_or_else(|| {
        let names: Vec<&str> = PARTS.iter().map(|(known, _)| *known).collect();
        Failure::new(format!("--only takes {}, not {name:?}", names.join(", ")))
    })
}

fn list<T>(text: &str, one: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    text.split(',').map(|item| one(item.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn both_spellings_of_a_value() {
        let o = parse("--rows 50_000 --keys=uuid,sequential --only load --flat").unwrap().unwrap();
        assert_eq!(o.rows, 50_000);
        assert_eq!(o.keys, [Keys::Uuid, Keys::Sequential]);
        assert_eq!(o.parts, [Part::Load, Part::Flat]);
        let o = parse("--only export,delete,import").unwrap().unwrap();
        assert_eq!(o.parts, [Part::Export, Part::Delete, Part::Import]);
    }

    #[test]
    fn settings_keep_their_equals_sign() {
        assert_eq!(parse("--set jobs.workers=4").unwrap().unwrap().settings, ["jobs.workers=4"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [
            ("--rows 0", "--rows"),
            ("--rows", "--rows"),
            ("--keys snowflake", "snowflake"),
            ("--only all", "all"),
            ("--fast", "--fast"),
            ("--peers-only --ours-only", "nothing to measure"),
        ] {
            let e = parse(line).unwrap_err().to_string();
            assert!(e.contains(word), "{line}: {e}");
        }
    }
}
