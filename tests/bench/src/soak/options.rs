//! The command line of `cargo xtask soak`. This module must not start anything.

use std::path::PathBuf;
use std::time::Duration;

use crate::arguments::positive;

/// Honest clients beside attackers for long. Fails when something that the attackers took is not given back, or an honest
/// request failed
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// How long the attackers are at it
    #[arg(long, value_name = "N", value_parser = positive::<u32>, default_value = "30")]
    pub minutes: u32,
    /// The same in seconds, for a short look
    #[arg(long, value_name = "N", value_parser = positive::<u32>, conflicts_with = "minutes")]
    pub seconds: Option<u32>,
    /// The host's memory.total_bytes
    #[arg(long, value_name = "N", value_parser = positive::<u64>, default_value = "1073741824")]
    pub memory: u64,
    /// Soaks this program, and builds nothing
    #[arg(long, value_name = "FILE")]
    pub host: Option<PathBuf>,
    /// A further setting of the host; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Only the attackers with this word in their name; may be repeated
    #[arg(long = "attack", value_name = "WORD")]
    pub attacks: Vec<String>,
}

impl Options {
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.map_or(u64::from(self.minutes) * 60, u64::from))
    }

    /// How long the honest clients run alone first, to provide a baseline.
    pub fn alone(&self) -> Duration {
        (self.time() / 6).clamp(Duration::from_secs(8), Duration::from_secs(60))
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
    fn time_memory_program_and_settings_are_parsed() {
        let options = parse("--minutes 2 --memory=1_000 --host /x --set a.b=c --set d.e=f=g").unwrap();
        assert_eq!((options.time(), options.memory), (Duration::from_secs(120), 1000));
        assert_eq!(
            (options.host, options.settings),
            (Some("/x".into()), vec!["a.b=c".to_owned(), "d.e=f=g".to_owned()])
        );
        assert_eq!(parse("--attack bodies --attack readers").unwrap().attacks, ["bodies", "readers"]);
        assert_eq!(parse("--seconds=40").unwrap().alone(), Duration::from_secs(8));
        assert_eq!(parse("").unwrap().alone(), Duration::from_secs(60));
    }

    #[test]
    fn invalid_arguments_are_named_in_the_error() {
        for (line, word) in [("--minutes 0", "--minutes"), ("--for ever", "--for"), ("--memory", "value")] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
