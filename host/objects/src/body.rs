//! Decodes the body of a response: first according to `Content-Encoding`, then the compression of the file itself,
//! because servers send `.csv.gz` files as stored.

use std::io;

use async_compression::tokio::bufread::{BrotliDecoder, ZlibDecoder};
use futures::TryStreamExt;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_util::io::StreamReader;

use super::decoder::{ByteStream, decoded, encoding_of};
use jobhost_model::Encoding;

/// The encodings that are requested and can be decoded.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// Maximum nested encodings; no real server sends more than two.
const MAX_ENCODINGS: usize = 4;

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

/// Returns the body with these encodings removed, and then the compression that the request names; `None` means that of
/// the first bytes.
pub(super) async fn plain(
    response: reqwest::Response,
    encodings: &[String],
    compression: Option<Encoding>,
) -> io::Result<ByteStream> {
    let mut stream: ByteStream = Box::pin(StreamReader::new(response.bytes_stream().map_err(io::Error::other)));
    for name in encodings.iter().rev() {
        let stored = BufReader::new(stream);
        stream = match name.as_str() {
            "deflate" => Box::pin(ZlibDecoder::new(stored)),
            "br" => Box::pin(BrotliDecoder::new(stored)),
            "zstd" => decoded(stored, Encoding::Zstd),
            _ => decoded(stored, Encoding::Gzip),
        };
    }
    let mut buffered = BufReader::new(stream);
    let found = encoding_of(buffered.fill_buf().await?);
    // Many servers declare the compression of a file as the encoding of the response: it has been removed already.
    let is_removed = found == Encoding::Identity && !encodings.is_empty();
    let compression = compression.filter(|_| !is_removed).unwrap_or(found);
    Ok(decoded(buffered, compression))
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
