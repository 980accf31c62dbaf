//! Limits how much of a connection is read ahead until its client is authenticated.
//!
//! hyper doubles its read buffer each time a read fills it, and keeps two buffers for a body that nobody reads. With
//! short reads, an unauthenticated client costs a few KiB, whatever it sends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Less than hyper's first buffer of 8 KiB, so that no read ever fills it.
const SHORT_READ_BYTES: usize = (8 << 10) - 1;

/// Whether a connection may read ahead. Stored in the extensions of its requests; clones refer to the same connection.
#[derive(Debug, Clone, Default)]
pub struct ReadAhead(Arc<AtomicBool>);

impl ReadAhead {
    /// Allows long reads once a client is authenticated. Its body is then charged to its user.
    pub fn allow(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_allowed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection with short reads until long ones are allowed.
#[derive(Debug)]
pub struct ShortReads<S> {
    pub stream: S,
    pub ahead: ReadAhead,
}

impl<S: AsyncRead + Unpin> AsyncRead for ShortReads<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_allowed() || into.remaining() <= SHORT_READ_BYTES {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let mut short = ReadBuf::new(into.initialize_unfilled_to(SHORT_READ_BYTES));
        let read = Pin::new(&mut self.stream).poll_read(context, &mut short);
        let filled = short.filled().len();
        into.advance(filled);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ShortReads<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn reads_are_short_until_the_client_is_authenticated() {
        let sent = vec![7_u8; 100_000];
        let ahead = ReadAhead::default();
        let mut stream = ShortReads { stream: io::Cursor::new(sent.clone()), ahead: ahead.clone() };
        let mut buffer = vec![0; 64 << 10];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), SHORT_READ_BYTES);
        assert_eq!(stream.read(&mut buffer[..100]).await.unwrap(), 100);
        ahead.allow();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 64 << 10);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest.len(), sent.len() - SHORT_READ_BYTES - 100 - (64 << 10));
    }
}
