//! Built for version 0.2 of the contract, which exists only for the tests and uses different names. Inserts one record
//! into `gold.mine`.

#[allow(warnings, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ world: "job-type", path: "../../contracts/0.2.0" });
}

use bindings::exports::jobhost::plugin::job::{Guest, Identity, TablePath};
use bindings::jobhost::plugin::{log, records};

struct Renames;

fn mine() -> TablePath {
    TablePath { database: "gold".to_owned(), table: "mine".to_owned() }
}

impl Guest for Renames {
    fn identify() -> Identity {
        Identity { name: "renames".to_owned(), version: "0.2.0".to_owned(), operation: "rename".to_owned() }
    }

    fn prepare(_operation: String, _request: String) -> Result<Vec<TablePath>, String> {
        Ok(vec![mine()])
    }

    fn perform(_operation: String, _request: String) -> Result<String, String> {
        log::say("appending");
        records::append(&mine(), b"{\"id\":2,\"by\":\"renames\"}\n").map_err(|trouble| trouble.message)?;
        let counts = records::settle().map_err(|trouble| trouble.message)?;
        Ok(format!("{} of {} stored", counts.stored, counts.received))
    }
}

bindings::export!(Renames with_types_in bindings);
