//! Whether an account exists does not show in how long a refusal takes.

use std::time::{Duration, Instant};

use jobhost_tests::{Login, Options};
use serde_json::json;

use super::Victim;

const TRIES: usize = 21;
/// A password hash costs some twenty milliseconds, all else well under one: a refusal without a hash would be faster by a
/// factor of ten and more. Medians of tries that take turns do not differ so much by what else the machine does.
const FACTOR: u32 = 3;

#[test]
fn an_unknown_user_costs_as_much_work_as_a_wrong_password() {
    let victim = Victim::start(Options::new());
    victim.add_user("ann", json!({}));
    victim.add_user("asleep", json!({}));
    victim.post(&json!({"operation": "alter_user", "username": "asleep", "active": false})).ok();
    let kinds = ["ann", "HDB_ADMIN", "ghost", "asleep", "an unknown name that is long, long, long, long, long, long"];
    let mut times = vec![Vec::new(); kinds.len() * 2];
    for number in 0..TRIES {
        for (kind, name) in kinds.iter().enumerate() {
            // Another wrong password each time, so that no memory of earlier ones helps.
            let wrong = format!("wrong-{number}");
            let started = Instant::now();
            let reply = victim.post_as(&Login::basic(name, &wrong), &json!({"operation": "user_info"}));
            times[kind * 2].push(started.elapsed());
            assert_eq!(reply.refused(401), "Login failed", "{name}");

            let tokens = json!({"operation": "create_authentication_tokens", "username": name, "password": wrong});
            let started = Instant::now();
            let reply = victim.post_as(&Login::Nobody, &tokens);
            times[kind * 2 + 1].push(started.elapsed());
            assert_eq!(reply.refused(401), "invalid credentials", "{name}");
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[TRIES / 2]
        })
        .collect();
    let (least, most) = (medians.iter().min().expect("a median"), medians.iter().max().expect("a median"));
    assert!(*most < *least * FACTOR, "the times of refusals differ: {medians:?} for {kinds:?}, twice each");
    victim.assert_unharmed();
}
