//! Attacks: what a malicious client sends, and that it has no effect.
//!
//! Each attack is judged in the same way (`Victim`): what the attacker is told, that no secret appears in a response or
//! in the host's log, that no record and no file has changed, and that the host continues to respond. `SECURITY.md`
//! lists which promise each of them proves.

mod addresses;
mod bodies;
mod bombs;
mod bystander;
mod connections;
mod departures;
mod disk;
mod forged_logs;
mod headers;
mod history;
mod http_smuggling;
mod jobs_of_others;
mod json_bombs;
mod leaving;
mod leaving_accounts;
mod leaving_tables;
mod operations;
mod paths;
mod permissions;
mod planning;
mod quota;
mod races;
mod raw;
mod readers;
mod rebinding;
mod search_smuggling;
mod shapes;
mod sql;
mod threat_table;
mod timing;
mod tokens;
mod url_secrets;
mod values;
mod victim;

use victim::{CANARY, Victim};
