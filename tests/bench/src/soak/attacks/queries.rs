//! Queries that compare, sort, join or plan for a long time, from clients that do not wait for the end.

use std::time::Duration;

use serde_json::json;

use super::{Target, socket};

/// The client disconnects after this time.
const WAITS: Duration = Duration::from_secs(1);
const LITERAL_BYTES: usize = 980;
const JOINED_BYTES: usize = 60_000;

pub fn attack(target: &Target) {
    for query in queries() {
        if target.is_over() {
            return;
        }
        let Some(mut socket) = target.open() else { return };
        socket.send(&socket::request(target.user(), &json!({"operation": "sql", "sql": query}).to_string()));
        target.count();
        target.pause(WAITS);
    }
}

fn queries() -> [String; 4] {
    let literal = "x".repeat(LITERAL_BYTES);
    let long = "REPLACE(REPLACE(a, 'x', 'xxxxxxxx'), 'x', 'xxxxxxxx')";
    let tables: Vec<String> = (0..16).map(|number| format!("soak.prey AS t{number}")).collect();
    let mut joined = String::from("t0.id = t1.id");
    for number in 0_u32.. {
        if joined.len() > JOINED_BYTES {
            break;
        }
        joined.push_str(&format!(" AND t{}.a = t{}.a", number % 16, (number * 7 + 1) % 16));
    }
    [
        format!("SELECT id FROM soak.prey WHERE {long} LIKE '%{literal}b%'"),
        "SELECT COUNT(*) AS c FROM soak.prey AS a, soak.prey AS b".to_owned(),
        "SELECT * FROM soak.prey ORDER BY a DESC, id LIMIT 19000".to_owned(),
        format!("SELECT t0.id FROM {} WHERE {joined}", tables.join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_do_not_exceed_the_size_that_the_host_reads() {
        assert!(queries().iter().all(|query| query.len() < 64 << 10));
    }
}
