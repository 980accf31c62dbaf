//! The host as its clients see it: real processes, real plugins, HTTP.
//!
//! Each module proves one promise. A test here never looks inside of the host. If it needs a special file, page or
//! plugin, it creates one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly: that is what they are for"
)]

mod alike;
mod atomic_loads;
mod attacks;
mod cancel;
mod clients;
mod compression;
mod config;
mod contract_versions;
mod crash;
mod csv_preview;
mod csv_spectrum;
mod deletes;
mod deletes_large;
mod envelope;
mod example_plugin;
mod export_crash;
mod export_files;
mod export_local;
mod export_requests;
mod export_s3;
mod export_snapshot;
mod fair_shares;
mod field;
mod files;
mod first_start;
mod full_disk;
mod grants;
mod guests;
mod interference;
mod job_log;
mod jobs;
mod json_loads;
mod limits;
mod loading;
mod malformed;
mod metrics;
mod outcomes;
mod paged_searches;
mod parquet;
mod permissions;
mod plugin_folder;
mod properties;
mod public_data;
mod queue;
mod recordings;
mod round_trip;
mod s3_access;
mod s3_import;
mod s3_network;
mod s3_secrets;
mod secrets;
mod signatures;
mod sql;
mod sql_functions;
mod sql_limits;
mod sql_writes;
mod ssrf;
mod stderr;
mod tokens;
mod typed;
mod url_bodies;
mod urls;
mod usage;
mod users;
mod wrong_types;
