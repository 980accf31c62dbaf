//! Compresses the bytes to store and computes their checksum and size.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use jobhost_model::Encoding;

/// zstd's default: a window of about 2 MiB, several hundred MB/s.
const ZSTD_LEVEL: i32 = 3;

/// Encodes bytes and counts the encoded ones.
pub struct Encoder {
    codec: Codec,
    checksum: crc32fast::Hasher,
    size: u64,
}

enum Codec {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Encoder {
    pub fn new(encoding: Encoding) -> io::Result<Self> {
        let codec = match encoding {
            Encoding::Identity => Codec::Identity,
            Encoding::Gzip => Codec::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            Encoding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Codec::Zstd(encoder)
            }
        };
        Ok(Encoder { codec, checksum: crc32fast::Hasher::new(), size: 0 })
    }

    /// Returns the bytes ready to store; may be empty even for non-empty input.
    pub fn push(&mut self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let stored = match &mut self.codec {
            Codec::Identity => bytes,
            Codec::Gzip(encoder) => {
                encoder.write_all(&bytes)?;
                std::mem::take(encoder.get_mut())
            }
            Codec::Zstd(encoder) => {
                encoder.write_all(&bytes)?;
                std::mem::take(encoder.get_mut())
            }
        };
        self.count(&stored);
        Ok(stored)
    }

    /// Returns the last bytes to store.
    pub fn finish(&mut self) -> io::Result<Vec<u8>> {
        let stored = match std::mem::replace(&mut self.codec, Codec::Identity) {
            Codec::Identity => Vec::new(),
            Codec::Gzip(encoder) => encoder.finish()?,
            Codec::Zstd(encoder) => encoder.finish()?,
        };
        self.count(&stored);
        Ok(stored)
    }

    /// Stored bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// CRC-32 of the stored bytes in S3's format.
    pub fn checksum(&self) -> String {
        BASE64_STANDARD.encode(self.checksum.clone().finalize().to_be_bytes())
    }

    fn count(&mut self, stored: &[u8]) {
        self.checksum.update(stored);
        self.size += stored.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn stored(encoding: Encoding) -> (Vec<u8>, Encoder) {
        let mut encoder = Encoder::new(encoding).unwrap();
        let mut all = Vec::new();
        for piece in ["one,", "two,", ""] {
            all.extend(encoder.push(piece.repeat(1000).into_bytes()).unwrap());
        }
        all.extend(encoder.finish().unwrap());
        assert_eq!(encoder.size(), all.len() as u64);
        (all, encoder)
    }

    #[test]
    fn stored_bytes_decode_to_the_written_ones() {
        let plain = "one,".repeat(1000) + &"two,".repeat(1000);
        assert_eq!(stored(Encoding::Identity).0, plain.as_bytes());
        let mut text = String::new();
        flate2::read::GzDecoder::new(stored(Encoding::Gzip).0.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain);
        assert_eq!(zstd::decode_all(stored(Encoding::Zstd).0.as_slice()).unwrap(), plain.as_bytes());
    }

    #[test]
    fn the_checksum_has_s3s_format() {
        let mut encoder = Encoder::new(Encoding::Identity).unwrap();
        assert_eq!(encoder.checksum(), "AAAAAA==");
        encoder.push(b"123456789".to_vec()).unwrap();
        // The check value of CRC-32 (ISO-HDLC), cbf43926.
        assert_eq!(encoder.checksum(), "y/Q5Jg==");
        let (bytes, gzip) = stored(Encoding::Gzip);
        assert_eq!(gzip.checksum(), BASE64_STANDARD.encode(crc32fast::hash(&bytes).to_be_bytes()));
    }
}
