//! What a file is: text of one of the formats, or Parquet.

use jobhost_parquet::Compression;
use jobhost_plugin::Encoding;

use crate::format::Format;

/// What is written, and how it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// The host compresses the text.
    Text(Format, Encoding),
    /// Pages are compressed one by one, so that a reader can still choose among them.
    Parquet(Compression),
}

impl Output {
    const PARQUET: &str = "parquet";

    /// The output with this format, compressed as the request says.
    pub(crate) fn named(name: &str, encoding: Encoding) -> Option<Self> {
        if name == Output::PARQUET {
            return Some(Output::Parquet(match encoding {
                Encoding::Identity => Compression::Snappy,
                Encoding::Gzip => Compression::Gzip,
                Encoding::Zstd => Compression::Zstd,
            }));
        }
        Format::named(name).map(|format| Output::Text(format, encoding))
    }

    /// How the host compresses what it is given.
    pub(crate) fn encoding(self) -> Encoding {
        match self {
            Output::Text(_, encoding) => encoding,
            Output::Parquet(_) => Encoding::Identity,
        }
    }

    /// What is appended to the name.
    pub(crate) fn suffix(self) -> String {
        let compression = match self.encoding() {
            Encoding::Identity => "",
            Encoding::Gzip => ".gz",
            Encoding::Zstd => ".zst",
        };
        let extension = match self {
            Output::Text(format, _) => format.extension(),
            Output::Parquet(_) => Output::PARQUET,
        };
        format!(".{extension}{compression}")
    }

    /// Its name in a sentence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Output::Text(format, _) => format.word(),
            Output::Parquet(_) => "Parquet",
        }
    }
}
