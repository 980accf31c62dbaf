//! The format of a file: one of the text formats, or Parquet.

use jobhost_parquet::Compression;
use jobhost_plugin::Encoding;

use crate::format::Format;

/// The format and its compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// The host compresses the text.
    Text(Format, Encoding),
    /// Pages are compressed individually, so that readers can still skip pages.
    Parquet(Compression),
}

impl Output {
    const PARQUET: &str = "parquet";

    /// Returns the output with this format, compressed as the request says.
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

    /// Returns how the host must compress the output.
    pub(crate) fn encoding(self) -> Encoding {
        match self {
            Output::Text(_, encoding) => encoding,
            Output::Parquet(_) => Encoding::Identity,
        }
    }

    /// Returns the suffix of the file name.
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

    /// Returns the name for use in messages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Output::Text(format, _) => format.word(),
            Output::Parquet(_) => "Parquet",
        }
    }
}
