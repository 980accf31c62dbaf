//! Administrators who disconnect while they change accounts and roles: the listed, the stored and the usable accounts
//! remain the same.

use std::collections::BTreeMap;

use jobhost_tests::chance::Chance;
use jobhost_tests::{Login, Options, eventually};
use serde_json::json;

use super::Victim;
use super::departures::{await_the_changes, depart, figure, start};

const NAMES: u64 = 12;
const PASSWORDS: [&str; 2] = ["one", "other"];

/// Name and active flag of each account, as the host lists them.
fn accounts(victim: &Victim) -> BTreeMap<String, bool> {
    let users = victim.post(&json!({"operation": "list_users"})).ok();
    let users = users.as_array().expect("a list").iter();
    users
        .map(|user| (user["username"].as_str().expect("a name").to_owned(), user["active"] == true))
        .filter(|(name, _)| name.starts_with("mayfly"))
        .collect()
}

/// The password that works for each account of the attack, if any does.
fn opens(victim: &Victim) -> BTreeMap<String, Vec<&'static str>> {
    let names = (0..NAMES).map(|number| format!("mayfly{number}"));
    names
        .map(|name| {
            let opening = PASSWORDS.into_iter().filter(|password| {
                let reply = victim.post_as(&Login::basic(&name, password), &json!({"operation": "user_info"}));
                assert!([200, 401].contains(&reply.status), "{name}: {} {}", reply.status, reply.text);
                reply.status == 200
            });
            let opening = opening.collect();
            (name, opening)
        })
        .collect()
}

#[test]
fn accounts_whose_administrator_leaves_can_log_in_as_they_are_listed() {
    let mut victim = start(Options::new());
    victim.add_user(
        "mayfly",
        json!({"t": {"read": true, "insert": false, "update": false, "delete": false, "attribute_permissions": []}}),
    );
    victim.post(&json!({"operation": "add_role", "role": "wing", "permission": {"super_user": false}})).ok();
    let ask = |chance: &mut Chance| {
        let name = format!("mayfly{}", chance.below(NAMES));
        let password = chance.one_of(&PASSWORDS);
        let role = chance.one_of(&["mayfly", "wing"]);
        match chance.below(6) {
            0 | 1 => {
                json!({"operation": "add_user", "username": name, "password": password, "role": role, "active": true})
            }
            2 => json!({"operation": "alter_user", "username": name, "password": password}),
            3 => json!({"operation": "alter_user", "username": name, "active": chance.below(2) == 0}),
            4 => json!({"operation": "alter_user", "username": name, "role": role}),
            _ => json!({"operation": "drop_user", "username": name}),
        }
    };
    depart(&victim, victim.admin(), &ask);
    await_the_changes(&victim);
    let mut before = accounts(&victim);
    let mut opened = BTreeMap::new();
    let mut looks = 0;
    // The host still reads abandoned connections for a moment.
    eventually("the accounts to rest", || {
        let (now, open) = (accounts(&victim), opens(&victim));
        let rests = now == before && open == opened && figure(&victim, "jobhost_changes_running") == 0.0;
        looks = if rests { looks + 1 } else { 0 };
        (before, opened) = (now, open);
        (looks == 4).then_some(())
    });
    for (name, passwords) in &opened {
        match before.get(name) {
            Some(true) => assert_eq!(passwords.len(), 1, "{name} is active and is opened by {passwords:?}"),
            state => assert!(passwords.is_empty(), "{name} is listed as {state:?} and is opened by {passwords:?}"),
        }
    }
    victim.crash();
    assert_eq!(accounts(&victim), before, "other accounts are stored than were listed");
    assert_eq!(opens(&victim), opened, "other passwords are stored than were valid");
    // Roles without users can be dropped.
    for name in before.keys() {
        victim.post(&json!({"operation": "drop_user", "username": name})).ok();
    }
    victim.post(&json!({"operation": "drop_role", "id": "wing", "role": "wing"})).ok();
    victim.assert_unharmed();
}

#[test]
fn roles_whose_administrator_leaves_are_there_or_not() {
    let mut victim = start(Options::new());
    let ask = |chance: &mut Chance| {
        let role = format!("mayfly{}", chance.below(NAMES));
        let read = chance.below(2) == 0;
        let right =
            json!({"read": read, "insert": false, "update": false, "delete": false, "attribute_permissions": []});
        let permission = json!({"super_user": false, "gold": {"tables": {"t": right}}});
        match chance.below(3) {
            0 => json!({"operation": "add_role", "role": role, "permission": permission}),
            1 => json!({"operation": "alter_role", "role": role, "id": role, "permission": permission}),
            _ => json!({"operation": "drop_role", "id": role, "role": role}),
        }
    };
    depart(&victim, victim.admin(), &ask);
    await_the_changes(&victim);
    let list = json!({"operation": "list_roles"});
    let listed = eventually("the roles to rest", || {
        let (first, second) = (victim.post(&list).ok(), victim.post(&list).ok());
        (first == second).then_some(first)
    });
    victim.crash();
    assert_eq!(victim.post(&list).ok(), listed, "other roles are stored than were listed");
    victim.assert_unharmed();
}
