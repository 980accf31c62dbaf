//! The work of refusing a login does not reveal whether the account exists. Work is measured as processor time, because
//! the elapsed time depends on the load of the machine.

use jobhost_tests::{Login, Options};
use serde_json::json;

use super::Victim;

const TRIES: usize = 25;
/// A password hash takes some twenty milliseconds, and everything else well under one. A refusal without a hash would
/// be faster by a factor of more than ten.
const FACTOR: u64 = 3;

#[test]
fn an_unknown_user_costs_as_much_work_as_a_wrong_password() {
    let victim = Victim::start(Options::new());
    victim.add_user("ann", json!({}));
    victim.add_user("asleep", json!({}));
    victim.post(&json!({"operation": "alter_user", "username": "asleep", "active": false})).ok();
    let names = ["ann", "HDB_ADMIN", "ghost", "asleep", "an unknown name that is long, long, long, long, long, long"];
    let process = victim.process();
    // A different wrong password each time, so that no cache of earlier ones helps.
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
