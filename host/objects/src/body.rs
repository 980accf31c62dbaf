//! The body of an answer, decoded: what `Content-Encoding` says, and then gzip or zstd if the bytes themselves begin so, because
//! `.csv.gz` is served as it is stored. All members of a stream count (RFC 1952, 2.2).

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

/// What may be asked for, and is decoded.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// Encodings on top of each other. More than two is nobody's server.
const MAX_ENCODINGS: usize = 4;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

type Stream = Pin<Box<dyn AsyncRead + Send>>;

/// An encoding that is not decoded.
#[derive(Debug)]
pub(super) struct Unsupported(pub String);

/// The encodings of a body, in the order in which they were applied.
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

/// The bytes behind these encodings.
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
