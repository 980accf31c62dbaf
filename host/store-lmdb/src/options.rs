//! What an operator may set about the embedded store, with the reason for each default.

use jobhost_model::Limit;

/// Sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedOptions {
    /// The store's data file never grows beyond this. It is address space that is reserved, not memory or disk, so the
    /// default is far above what one machine holds.
    pub max_bytes: u64,
    /// A commit group is closed when its records' texts reach this: the pages that one transaction changes are in memory
    /// until it commits, and they are what bounds the memory of a load.
    pub group_bytes: usize,
    /// A commit group is closed when it has this many requests.
    pub group_requests: usize,
    /// Records' texts that may wait for the writer; whoever would exceed it waits.
    pub queue_bytes: usize,
    /// Pages of the data file that this process keeps mapped. They belong to the page cache and cost no memory, but they
    /// are counted as the process's own, and would grow to the size of the store.
    pub mapped_bytes: u64,
    /// Snapshots that can be read at one time.
    pub max_readers: u32,
    /// What each user's jobs may keep when they have ended: `jobs.history_bytes`.
    pub history_bytes: u64,
}

impl EmbeddedOptions {
    /// Default of [`EmbeddedOptions::max_bytes`].
    pub const MAX_BYTES: Limit = Limit::new("data.max_bytes", 1 << 40);
    /// Default of [`EmbeddedOptions::history_bytes`].
    pub const HISTORY_BYTES: Limit = Limit::new("jobs.history_bytes", 1 << 30);
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions {
            max_bytes: Self::MAX_BYTES.value(),
            group_bytes: 16 << 20,
            group_requests: 4096,
            queue_bytes: 32 << 20,
            mapped_bytes: 32 << 20,
            max_readers: 1024,
            history_bytes: Self::HISTORY_BYTES.value(),
        }
    }
}
