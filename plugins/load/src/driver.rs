//! Runs a load: in one pass if nothing is visible before its end, otherwise in two.

use jobhost_batch::Batch;

use crate::checkpoint::Checkpoint;
use crate::error::LoadError;
use crate::format::Format;
use crate::host::Host;
use crate::input::Records;

/// What a load that went through found in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The source contains no records.
    Nothing,
    /// The source contains records, and all of them were written.
    Records,
}

type Failed<H, F> = LoadError<<H as Host>::Error, <F as Format>::Problem>;

/// Loads the source of `host` from its start or from a checkpoint. `format` must be new.
pub fn load<H: Host, F: Format>(host: &mut H, mut format: F, resume: Option<&[u8]>) -> Result<Loaded, Failed<H, F>> {
    let from = match resume {
        None if host.is_atomic() => return write_from_start(host, &mut format),
        None => match validate(host, &mut format)? {
            Some(start) => start,
            None => return Ok(Loaded::Nothing),
        },
        Some(checkpoint) => reopen(host, &mut format, checkpoint)?,
    };
    write_from(host, &mut format, from)?;
    Ok(Loaded::Records)
}

/// The only pass: writes every record as soon as it is read.
fn write_from_start<H: Host, F: Format>(host: &mut H, format: &mut F) -> Result<Loaded, Failed<H, F>> {
    let mut records = Records::open(host, format, 0)?;
    host.progress(0, records.size());
    if !records.begin(host, H::warn)? {
        return Ok(Loaded::Nothing);
    }
    let start = Checkpoint::new(records.etag(), records.format.position());
    if !records.advance(host)? {
        return Ok(Loaded::Nothing);
    }
    declare(host, records.format)?;
    records.report_progress();
    write::<true, H, F>(host, records, start, true)?;
    Ok(Loaded::Records)
}

/// Pass 1: look at every record. Returns where the first one is, or `None` if there are none.
fn validate<H: Host, F: Format>(host: &mut H, format: &mut F) -> Result<Option<Checkpoint<F::Position>>, Failed<H, F>> {
    let mut records = Records::open(host, format, 0)?;
    host.progress(0, records.size());
    if !records.begin(host, H::warn)? {
        return Ok(None);
    }
    let start = Checkpoint::new(records.etag(), records.format.position());
    if !records.advance(host)? {
        return Ok(None);
    }
    // Declares the attributes of the first record at once, so that most loads without permission fail before reading
    // on.
    declare(host, records.format)?;
    loop {
        if let Err(problem) = records.format.check(|warning| host.warn(warning)) {
            return Err(records.rejected(host, problem));
        }
        if !records.advance(host)? {
            break;
        }
    }
    declare(host, records.format)?;
    Ok(Some(start))
}

fn declare<H: Host, F: Format>(host: &mut H, format: &mut F) -> Result<(), Failed<H, F>> {
    let attributes = format.new_attributes();
    if attributes.is_empty() { Ok(()) } else { host.declare(&attributes).map_err(LoadError::Host) }
}

/// Reads what a resumed attempt needs from the start of the source.
fn reopen<H: Host, F: Format>(
    host: &mut H,
    format: &mut F,
    checkpoint: &[u8],
) -> Result<Checkpoint<F::Position>, Failed<H, F>> {
    let checkpoint = Checkpoint::decode(checkpoint)?;
    let mut records = Records::open(host, format, 0)?;
    if records.etag() != checkpoint.etag || !records.begin(host, |_, _| ())? {
        return Err(LoadError::Changed);
    }
    declare(host, records.format)?;
    Ok(checkpoint)
}

/// Writes every record from a position on. Unless this is a load in one pass, they have been checked.
fn write_from<H: Host, F: Format>(
    host: &mut H,
    format: &mut F,
    state: Checkpoint<F::Position>,
) -> Result<(), Failed<H, F>> {
    format.rewind(&state.position);
    let mut records = Records::open(host, format, F::offset_of(&state.position))?;
    if records.etag() != state.etag {
        return Err(LoadError::Changed);
    }
    records.report_progress();
    let is_next = records.advance(host)?;
    if host.is_atomic() {
        write::<true, H, F>(host, records, state, is_next)
    } else {
        write::<false, H, F>(host, records, state, is_next)
    }
}

/// Writes the current record, if there is one, and all that follow.
fn write<const INSPECTS: bool, H: Host, F: Format>(
    host: &mut H,
    mut records: Records<'_, H, F>,
    mut state: Checkpoint<F::Position>,
    mut is_next: bool,
) -> Result<(), Failed<H, F>> {
    let mut batch = Batch::new();
    while is_next {
        if INSPECTS && let Err(problem) = records.format.inspect(|warning| host.warn(warning)) {
            return Err(records.rejected(host, problem));
        }
        if let Err(problem) = batch.record(|json| records.format.encode(json)) {
            return Err(records.rejected(host, problem));
        }
        if batch.is_full() {
            state.position = records.format.position();
            host.write(batch.as_bytes(), &state.encode()).map_err(LoadError::Host)?;
            batch.clear();
        }
        is_next = records.advance(host)?;
    }
    if !batch.is_empty() {
        state.position = records.format.position();
        host.write(batch.as_bytes(), &state.encode()).map_err(LoadError::Host)?;
    }
    let done = records.format.offset();
    host.progress(done, Some(records.size().unwrap_or(done)));
    Ok(())
}
