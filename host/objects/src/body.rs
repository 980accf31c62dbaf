//! Decodes the body of a response: first according to `Content-Encoding`, then gzip or zstd if the bytes start with
//! their magic number, because servers send `.csv.gz` files as stored. All members of a gzip stream are decoded (RFC
//! 1952, 2.2).

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures::TryStreamExt;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio_util::io::StreamReader;

use super::decoder::MAX_WINDOW_LOG;

/// The encodings that are requested and can be decoded.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// Maximum nested encodings; no real server sends more than two.
const MAX_ENCODINGS: usize = 4;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

type Stream = Pin<Box<dyn AsyncRead + Send>>;

/// An unsupported encoding.
#[derive(Debug)]
pub(super) struct Unsupported(pub String);

/// Returns the encodings of a body, in the order in which they were applied.
pub(super) fn encodings(headers: &HeaderMap) -> Result<Vec<String>, Unsupported> {
    let mut names = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        names.extend(text.split(',').map(|name| name.trim().to_owned()));
    }
    names.retain(|name| !name.is_empty() && name != "identity");
    let known = |name: &String| matches!(name.as_str(), "gzip" | "x-gzip" | "deflate" | "br" | "zstd");
    match names.iter().find(|name| !known(name)) {
        Some(unknown) => Err(Unsupported(unknown.clone())),
        None if names.len() > MAX_ENCODINGS => Err(Unsupported(names.join(", "))),
        None => Ok(names),
    }
}

/// Returns the body with these encodings removed.
pub(super) async fn decoded(response: reqwest::Response, encodings: &[String]) -> io::Result<Stream> {
    let mut stream: Stream = Box::pin(StreamReader::new(response.bytes_stream().map_err(io::Error::other)));
    for name in encodings.iter().rev() {
        stream = match name.as_str() {
            "deflate" => Box::pin(ZlibDecoder::new(BufReader::new(stream))),
            "br" => Box::pin(BrotliDecoder::new(BufReader::new(stream))),
            "zstd" => zstd(BufReader::new(stream)),
            _ => gzip(BufReader::new(stream)),
        };
    }
    let mut buffered = BufReader::new(stream);
    let start = buffered.fill_buf().await?;
    Ok(if start.starts_with(GZIP) {
        gzip(buffered)
    } else if start.starts_with(ZSTD) {
        zstd(buffered)
    } else {
        Box::pin(buffered)
    })
}

fn gzip(stream: BufReader<Stream>) -> Stream {
    let mut decoder = GzipDecoder::new(stream);
    decoder.multiple_members(true);
    Box::pin(decoder)
}

fn zstd(stream: BufReader<Stream>) -> Stream {
    let mut decoder = ZstdDecoder::with_params(stream, &[DParameter::window_log_max(MAX_WINDOW_LOG)]);
    decoder.multiple_members(true);
    Box::pin(decoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_a_list() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            encodings(&headers).map_err(|unsupported| unsupported.0)
        };
        assert_eq!(of(&[]), Ok(vec![]));
        assert_eq!(of(&["identity"]), Ok(vec![]));
        assert_eq!(of(&["deflate, GZIP", "br"]), Ok(vec!["deflate".to_owned(), "gzip".to_owned(), "br".to_owned()]));
        assert_eq!(of(&["gzip, compress"]), Err("compress".to_owned()));
        assert!(of(&["gzip, gzip, gzip, gzip, gzip"]).is_err());
    }
}
