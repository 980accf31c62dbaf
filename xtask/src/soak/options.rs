//! The command line of `cargo xtask soak`. Must never start anything.

use std::path::PathBuf;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::failure::{Failure, Result};

pub const HELP: &str = "\
cargo xtask soak [options]
  --minutes N    how long the attackers are at it (30)
  --seconds N    the same in seconds, for a short look
  --memory N     the host's memory.total_bytes (1073741824)
  --host FILE    soak this program, and build nothing
  --set K=V      a further setting of the host; may be repeated
  --attack WORD  only the attackers with this word in their name; may be repeated
Ends with a failure when something that the attackers took is not given back, or an honest request failed.
";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub time: Duration,
    /// Bytes.
    pub memory: u64,
    pub host: Option<PathBuf>,
    pub settings: Vec<String>,
    /// Words of the names of those who come; all when there are none.
    pub attacks: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let time = Duration::from_secs(30 * 60);
        Self { time, memory: 1 << 30, host: None, settings: Vec::new(), attacks: Vec::new() }
    }
}

impl Options {
    /// `None` when only the help is asked for.
    pub fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self::default();
        let mut arguments = Arguments::new("soak", arguments);
        while let Some(name) = arguments.next_name() {
            match name {
                "--help" | "-h" => return Ok(None),
                "--minutes" => options.time = Duration::from_secs(u64::from(arguments.positive::<u32>()?) * 60),
                "--seconds" => options.time = Duration::from_secs(arguments.positive::<u32>()?.into()),
                "--memory" => options.memory = arguments.positive()?,
                "--host" => options.host = Some(arguments.value()?.into()),
                "--set" => options.settings.push(arguments.value()?.to_owned()),
                "--attack" => options.attacks.push(arguments.value()?.to_owned()),
                _ => return Err(Failure::new(format!("unknown argument {}\n{HELP}", arguments.text()))),
            }
        }
        Ok(Some(options))
    }

    /// How long the honest clients are alone before, so that there is something to compare with.
    pub fn alone(&self) -> Duration {
        (self.time / 6).clamp(Duration::from_secs(8), Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn time_memory_program_and_settings() {
        let options = parse("--minutes 2 --memory=1_000 --host /x --set a.b=c --set d.e=f=g").unwrap().unwrap();
        assert_eq!((options.time, options.memory), (Duration::from_secs(120), 1000));
        assert_eq!(
            (options.host, options.settings),
            (Some("/x".into()), vec!["a.b=c".to_owned(), "d.e=f=g".to_owned()])
        );
        let words = parse("--attack bodies --attack readers").unwrap().unwrap().attacks;
        assert_eq!(words, ["bodies", "readers"]);
        assert_eq!(parse("--seconds=40").unwrap().unwrap().alone(), Duration::from_secs(8));
        assert_eq!(parse("").unwrap().unwrap().alone(), Duration::from_secs(60));
        assert_eq!(parse("--help").unwrap(), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, word) in [("--minutes 0", "--minutes"), ("--for ever", "--for"), ("--memory", "value")] {
            let told = parse(line).unwrap_err().to_string();
            assert!(told.contains(word), "{line}: {told}");
        }
    }
}
