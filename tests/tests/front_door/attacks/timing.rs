//! Whether an account exists does not show in how much work a refusal takes. Work is processor time: how long the refusal
//! takes by the clock depends on what else the machine does.

use jobhost_tests::{Login, Options};
use serde_json::json;

use super::Victim;

const TRIES: usize = 25;
/// A password hash costs some twenty milliseconds, all else well under one: a refusal without a hash would take less by a
/// factor of ten and more.
const FACTOR: u64 = 3;

#[test]
fn an_unknown_user_costs_as_much_work_as_a_wrong_password() {
    let victim = Victim::start(Options::new());
    victim.add_user("ann", json!({}));
    victim.add_user("asleep", json!({}));
    victim.post(&json!({"operation": "alter_user", "username": "asleep", "active": false})).ok();
    let names = ["ann", "HDB_ADMIN", "ghost", "asleep", "an unknown name that is long, long, long, long, long, long"];
    let process = victim.process();
    // Another wrong password each time, so that no memory of earlier ones helps.
    let work = |refuse: &dyn Fn(&str)| {
        let before = process.ticks();
        (0..TRIES).for_each(|number| refuse(&format!("wrong-{number}")));
        process.ticks() - before
    };
    let mut worked = Vec::new();
    for name in names {
        worked.push(work(&|wrong| {
            let reply = victim.post_as(&Login::basic(name, wrong), &json!({"operation": "user_info"}));
            assert_eq!(reply.refused(401), "Login failed", "{name}");
        }));
        worked.push(work(&|wrong| {
            let tokens = json!({"operation": "create_authentication_tokens", "username": name, "password": wrong});
            let reply = victim.post_as(&Login::Nobody, &tokens);
            assert_eq!(reply.refused(401), "invalid credentials", "{name}");
        }));
    }
    let (least, most) = (worked.iter().min().expect("one"), worked.iter().max().expect("one"));
    assert!(*most < *least * FACTOR, "the work of refusals differs: {worked:?} hundredths for {names:?}, twice each");
    victim.assert_unharmed();
}
