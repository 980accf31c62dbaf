//! Attacks: what somebody who means harm sends, and that it comes to nothing.
//!
//! Each attack is judged in the same way (`Victim`): what the attacker is told, that no secret shows in an answer or in the
//! host's log, that no record and no file changed, and that the host goes on answering. `SECURITY.md` says which promise
//! each of them proves.

mod addresses;
mod bombs;
mod connections;
mod forged_logs;
mod headers;
mod http_smuggling;
mod jobs_of_others;
mod json_bombs;
mod operations;
mod paths;
mod permissions;
mod races;
mod raw;
mod rebinding;
mod search_smuggling;
mod threat_table;
mod timing;
mod tokens;
mod victim;

use victim::{CANARY, Victim};
