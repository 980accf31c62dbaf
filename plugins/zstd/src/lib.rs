//! Stands in for the crate `zstd` in this workspace (`[patch.crates-io]`): the functions that the crate `parquet` calls,
//! on the Rust code of `ruzstd`. The real one compiles C, for which wasm has no compiler here.
//!
//! Decoding takes any frame; encoding has the one level that `ruzstd` has, whatever level is asked for.

/// Whole buffers.
pub mod bulk {
    use std::io::{self, Cursor, Error, ErrorKind};
    use std::marker::PhantomData;

    use ruzstd::decoding::FrameDecoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    /// Compresses buffers.
    #[derive(Debug)]
    pub struct Compressor<'a>(PhantomData<&'a ()>);

    impl Compressor<'_> {
        pub fn new(_level: i32) -> io::Result<Self> {
            Ok(Compressor(PhantomData))
        }

        /// Append the frame of `source` at the position of `target`; returns its length.
        pub fn compress_to_buffer(&mut self, source: &[u8], target: &mut Cursor<&mut Vec<u8>>) -> io::Result<usize> {
            let frame = compress_to_vec(source, CompressionLevel::Fastest);
            append(target, &frame);
            Ok(frame.len())
        }
    }

    /// Decompresses buffers.
    #[derive(Debug)]
    pub struct Decompressor<'a>(PhantomData<&'a ()>);

    impl Decompressor<'_> {
        pub fn new() -> io::Result<Self> {
            Ok(Decompressor(PhantomData))
        }

        /// Append what `source` holds at the position of `target`, as far as its capacity goes; returns how much it was.
        pub fn decompress_to_buffer(&mut self, source: &[u8], target: &mut Cursor<&mut Vec<u8>>) -> io::Result<usize> {
            let start = usize::try_from(target.position()).unwrap_or(usize::MAX);
            let bytes = target.get_mut();
            bytes.truncate(start);
            FrameDecoder::new()
                .decode_all_to_vec(source, bytes)
                .map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))?;
            let written = bytes.len().saturating_sub(start);
            target.set_position(start.saturating_add(written) as u64);
            Ok(written)
        }
    }

    fn append(target: &mut Cursor<&mut Vec<u8>>, bytes: &[u8]) {
        let start = usize::try_from(target.position()).unwrap_or(usize::MAX);
        let buffer = target.get_mut();
        buffer.truncate(start);
        buffer.extend_from_slice(bytes);
        target.set_position(start.saturating_add(bytes.len()) as u64);
    }
}

/// What is known of sizes.
pub mod zstd_safe {
    use std::fmt;

    /// Not the start of a frame.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct ContentSizeError;

    impl fmt::Display for ContentSizeError {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("not the start of a zstd frame")
        }
    }

    /// The size that the header of a frame tells, if it does. Parquet tells sizes itself, so nothing is looked up.
    pub fn get_frame_content_size(_frame: &[u8]) -> Result<Option<u64>, ContentSizeError> {
        Ok(None)
    }

    /// The most bytes that compressing makes of so many.
    pub fn compress_bound(size: usize) -> usize {
        size.saturating_add(size / 128).saturating_add(1024)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use crate::bulk::{Compressor, Decompressor};

    #[test]
    fn what_is_compressed_comes_back_behind_what_was_there() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let mut frame = b"before".to_vec();
        let mut target = Cursor::new(&mut frame);
        target.set_position(6);
        let length = Compressor::new(3).unwrap().compress_to_buffer(&text, &mut target).unwrap();
        assert_eq!(frame.len(), 6 + length);
        let mut plain = Vec::with_capacity(text.len());
        let mut target = Cursor::new(&mut plain);
        let length = Decompressor::new().unwrap().decompress_to_buffer(&frame[6..], &mut target).unwrap();
        assert_eq!((length, plain == text), (text.len(), true));
        let mut short = Vec::with_capacity(10);
        let mut target = Cursor::new(&mut short);
        assert!(Decompressor::new().unwrap().decompress_to_buffer(&frame[6..], &mut target).is_err());
    }
}
