//! Options of the embedded store, with the reason for each default.

use jobhost_model::Limit;

/// Sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedOptions {
    /// Maximum size of the data file. This reserves address space, not memory or disk, so the default is far above the
    /// disk size of one machine.
    pub max_bytes: u64,
    /// A commit group is closed when the texts of its records reach this size. The pages that a transaction changes
    /// stay in memory until it commits, so this limits the memory of a load.
    pub group_bytes: usize,
    /// Maximum number of requests in a commit group.
    pub group_requests: usize,
    /// Maximum size of record texts queued for the writer. Further requests wait.
    pub queue_bytes: usize,
    /// Maximum size of the pages of the data file that stay mapped. They belong to the page cache and use no extra
    /// memory, but they count as the process's resident memory and would grow to the size of the store.
    pub mapped_bytes: u64,
    /// Maximum number of concurrent snapshots.
    pub max_readers: u32,
    /// Maximum size of each user's job history: `jobs.history_bytes`.
    pub history_bytes: u64,
    /// Number of keys at which the head of an index is sealed. With large commit groups it is sealed later.
    pub head_keys: u64,
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
            head_keys: 32 << 10,
        }
    }
}
