//! Clients that request large replies and read nothing.

use std::time::Duration;

use super::{Socket, Target, socket};
use crate::soak::scene::HOSTILE;

const CROWD: usize = 300;
/// How long a client stays connected.
const STAYS: Duration = Duration::from_secs(15);
/// Number of clients that connect and disconnect together.
const TROOP: usize = 30;

const QUESTIONS: [&str; 5] = [
    r#"{"operation":"search_by_value","database":"soak","table":"prey","attribute":"id","value":"*","get_attributes":["*"]}"#,
    r#"{"operation":"sql","sql":"SELECT * FROM soak.prey"}"#,
    r#"{"operation":"search_by_conditions","database":"soak","table":"prey","get_attributes":["*"],"conditions":[{"attribute":"a","comparator":"starts_with","value":"x"}]}"#,
    r#"{"operation":"sql","sql":"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, HEX('more of it') AS a FROM n"}"#,
    r#"{"operation":"sql","sql":"SELECT a.a FROM soak.prey AS a, soak.prey AS b"}"#,
];

pub fn attack(target: &Target) {
    let mut crowd: Vec<Socket> = Vec::new();
    while !target.is_over() {
        if crowd.len() >= CROWD {
            crowd.drain(..TROOP);
        }
        for _ in 0..TROOP {
            let Some(mut socket) = target.open() else { break };
            let number = target.count() as usize;
            let mut both = HOSTILE.iter().cycle().zip(QUESTIONS.iter().cycle());
            let Some((user, question)) = both.nth(number % (HOSTILE.len() * QUESTIONS.len())) else { break };
            socket.send(&socket::request(user, question));
            crowd.push(socket);
        }
        target.pause(STAYS * TROOP as u32 / CROWD as u32);
    }
}
