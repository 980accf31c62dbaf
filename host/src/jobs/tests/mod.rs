//! Jobs over a store that fails.
