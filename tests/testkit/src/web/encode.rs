//! Encodes bodies for `Content-Encoding`.

use std::io::Write;

use flate2::Compression;

/// The encodings that a load from a URL must support.
pub const ENCODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

pub fn encode(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).expect("memory");
            encoder.finish().expect("memory")
        }
        // RFC 9110: `deflate` is the zlib format.
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).expect("memory");
            encoder.finish().expect("memory")
        }
        "br" => {
            let mut encoded = Vec::new();
            brotli::CompressorWriter::new(&mut encoded, 4096, 5, 22).write_all(body).expect("memory");
            encoded
        }
        "zstd" => zstd::encode_all(body, 3).expect("memory"),
        other => panic!("no encoder for {other}"),
    }
}
