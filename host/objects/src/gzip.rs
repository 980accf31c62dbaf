//! Decodes all members of a gzip stream (RFC 1952, 2.2). Zero bytes after the last member are ignored, as gzip(1) does:
//! tapes and archivers pad files with them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::GzipDecoder;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

type Input = Pin<Box<dyn AsyncBufRead + Send>>;

pub(super) struct GzipMembers(State);

enum State {
    Member(Box<GzipDecoder<Input>>),
    Between { input: Input, is_padded: bool },
    End,
}

impl GzipMembers {
    pub(super) fn new(input: impl AsyncBufRead + Send + 'static) -> Self {
        GzipMembers(State::Member(Box::new(GzipDecoder::new(Box::pin(input)))))
    }
}

impl AsyncRead for GzipMembers {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.0 = match std::mem::replace(&mut self.0, State::End) {
                State::End => return Poll::Ready(Ok(())),
                State::Member(mut decoder) => {
                    let before = buffer.filled().len();
                    let polled = Pin::new(decoder.as_mut()).poll_read(cx, buffer);
                    if polled.is_pending() || buffer.filled().len() > before || buffer.remaining() == 0 {
                        self.0 = State::Member(decoder);
                        return polled;
                    }
                    ready!(polled)?;
                    State::Between { input: decoder.into_inner(), is_padded: false }
                }
                State::Between { mut input, is_padded } => {
                    let Poll::Ready(bytes) = input.as_mut().poll_fill_buf(cx) else {
                        self.0 = State::Between { input, is_padded };
                        return Poll::Pending;
                    };
                    let bytes = bytes?;
                    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                    match (zeros, is_padded) {
                        _ if bytes.is_empty() => State::End,
                        (0, true) => return Poll::Ready(Err(io::Error::other("data follows the zero padding"))),
                        (0, false) => State::Member(Box::new(GzipDecoder::new(input))),
                        (zeros, _) => {
                            input.as_mut().consume(zeros);
                            State::Between { input, is_padded: true }
                        }
                    }
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::io::{AsyncReadExt, BufReader};

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    async fn decoded(stored: Vec<u8>) -> io::Result<String> {
        // A small buffer, so that members and padding are cut anywhere.
        let mut text = String::new();
        let input = BufReader::with_capacity(3, io::Cursor::new(stored));
        GzipMembers::new(input).read_to_string(&mut text).await.map(|_| text)
    }

    #[tokio::test]
    async fn all_members_are_decoded_and_padding_is_ignored() {
        let two = [member("id\n"), member("1\n")].concat();
        assert_eq!(decoded(two.clone()).await.unwrap(), "id\n1\n");
        assert_eq!(decoded([member(""), two.clone(), member("")].concat()).await.unwrap(), "id\n1\n");
        assert_eq!(decoded([two.clone(), vec![0; 1000]].concat()).await.unwrap(), "id\n1\n");
        assert!(decoded([two.clone(), vec![0; 1000], member("2\n")].concat()).await.is_err());
        assert!(decoded([two.clone(), b"other".to_vec()].concat()).await.is_err());
        assert!(decoded(two[..two.len() - 5].to_vec()).await.is_err());
        assert!(decoded(vec![]).await.is_err());
    }
}
