//! Bodies that are large, slow, or from clients without a login. Bytes that have arrived are charged to the sender;
//! bytes that were only announced are charged to nobody.

use jobhost_tests::memory_watch::MemoryWatch;
use jobhost_tests::{Login, Options, eventually};
use serde_json::json;

use super::Victim;
use super::bystander::Bystander;
use super::raw::{Connection, exchange, post_as, statuses};

const MEBIBYTE: usize = 1024 * 1024;
const BUDGET: u64 = 256 * MEBIBYTE as u64;
const STRANGERS: usize = 400;
/// The cost of one connection of an unknown client: its first 8 KiB, and the overhead of a connection.
const EACH: u64 = 40 * 1024;

fn rights() -> serde_json::Value {
    json!({"read": true, "insert": true, "update": true, "delete": true, "attribute_permissions": []})
}

/// Every way to send a request without a valid login.
fn strangers() -> Vec<Login> {
    vec![
        Login::Nobody,
        Login::Header("Basic".to_owned()),
        Login::Header("Basic !!!".to_owned()),
        Login::Header("Digest x".to_owned()),
        Login::Bearer("x.y.z".to_owned()),
        Login::Bearer("x".repeat(2000)),
    ]
}

#[test]
fn bodies_of_strangers_cost_next_to_nothing() {
    let victim = Victim::start(Options::new().set("memory.total_bytes", BUDGET));
    let bystander = Bystander::of(&victim);
    bystander.is_served();
    let descriptors = victim.process().descriptors();
    let watch = MemoryWatch::start(victim.process());
    let body = format!(r#"{{"operation": "insert", "x": "{}"#, "x".repeat(MEBIBYTE - 100));
    let chunk = format!("{:x}\r\n{}\r\n", body.len(), body);
    let strangers = strangers();
    let mut crowd: Vec<Connection> = (0..STRANGERS)
        .map(|number| {
            let mut connection = Connection::to(&victim);
            let login = &strangers[number % strangers.len()];
            // One byte less than announced, so that the body never ends.
            let (head, sent) = match number % 2 {
                0 => (post_as(login, &format!("Content-Length: {}\r\n", body.len() + 1)), &body),
                _ => (post_as(login, "Transfer-Encoding: chunked\r\n"), &chunk),
            };
            connection.offer(head.as_bytes());
            connection.offer(sent.as_bytes());
            connection
        })
        .collect();
    for _ in 0..3 {
        bystander.is_served();
        for connection in &mut crowd {
            connection.offer(b"x");
        }
    }
    let grown = watch.grown();
    let most = EACH * STRANGERS as u64 + 16 * MEBIBYTE as u64;
    assert!(grown < most, "{STRANGERS} bodies of strangers cost {grown} bytes");
    drop(crowd);
    eventually("the descriptors to be given back", || (victim.process().descriptors() <= descriptors).then_some(()));
    watch.assert_given_back();
    victim.assert_unharmed();
}

#[test]
fn a_large_body_needs_a_login_before_it_is_read() {
    let victim = Victim::start(Options::new());
    let body = |bytes: usize| format!(r#"{{"operation": "user_info", "x": "{}"}}"#, "x".repeat(bytes));
    for login in strangers() {
        for bytes in [9_000, 100_000, 10_000_000] {
            let body = body(bytes);
            for announced in [
                format!("Content-Length: {}\r\n", body.len()),
                format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()),
                "Transfer-Encoding: chunked\r\n".to_owned(),
            ] {
                let mut connection = Connection::to(&victim);
                connection.write(post_as(&login, &format!("Connection: close\r\n{announced}")));
                if announced.starts_with("Transfer") {
                    connection.write(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
                } else {
                    connection.write(&body);
                }
                let answer = connection.read_to_end();
                // A reset may discard the response.
                assert!(answer.is_empty() || statuses(&answer) == [401], "{announced}: {answer:.500}");
            }
        }
        // Before the login, the host does not examine the operation. A small body is read, but the response reveals
        // nothing more.
        let reply = victim.send(&login, "POST", "/", Some("application/json"), body(100).as_bytes());
        assert_eq!(reply.status, 401, "{}", reply.text);
    }
    // Login through user name and password in the body works.
    let tokens = json!({"operation": "create_authentication_tokens", "username": "HDB_ADMIN", "password": "password"});
    assert!(victim.post_as(&Login::Nobody, &tokens).ok()["operation_token"].is_string());
    let large = exchange(&victim, {
        let body = body(100_000);
        let head = post_as(victim.admin(), &format!("Connection: close\r\nContent-Length: {}\r\n", body.len()));
        format!("{head}{body}")
    });
    assert_eq!(statuses(&large), [200]);
    victim.assert_unharmed();
}

/// Other users can send large bodies while these connections drip.
fn others_come_in(victim: &Victim, mut crowd: Vec<Connection>, drip: &[u8]) {
    let bystander = Bystander::of(victim);
    let large = "x".repeat(200_000);
    let rows: String = (0..5_000).map(|id| format!("{},{}\n", id + 1_000_000, "y".repeat(1000))).collect();
    let data = format!("id,a\n{rows}");
    for _ in 0..5 {
        bystander.is_served();
        // Five megabytes in one request, as records and as a source.
        let records: Vec<_> = (0..25).map(|id| json!({"id": 2_000_000 + id, "a": large})).collect();
        let upsert = json!({"operation": "upsert", "database": "gold", "table": "quiet", "records": records});
        victim.post_as(bystander.login(), &upsert).ok();
        bystander.loads(&data);
        for connection in &mut crowd {
            connection.offer(drip);
        }
    }
}

#[test]
fn two_slow_bodies_of_a_gigabyte_keep_nobody_out() {
    for announced in ["Content-Length: 1073741824\r\n", "Transfer-Encoding: chunked\r\n"] {
        let victim = Victim::start(Options::new());
        let mallory = victim.add_user("mallory", json!({"t": rights()}));
        let piece = "x".repeat(20_000);
        let piece = if announced.starts_with("T") { format!("{:x}\r\n{piece}\r\n", piece.len()) } else { piece };
        let crowd = (0..2).map(|_| {
            let mut connection = Connection::to(&victim);
            connection.write(post_as(&mallory, announced));
            connection.offer(piece.as_bytes());
            connection
        });
        others_come_in(&victim, crowd.collect(), piece.as_bytes());
        victim.assert_unharmed();
    }
}

#[test]
fn bodies_that_fill_a_users_share_keep_nobody_else_out() {
    let victim = Victim::start(Options::new().set("memory.total_bytes", BUDGET));
    let users = ["mallory", "mallet"].map(|name| victim.add_user(name, json!({"t": rights()})));
    let watch = MemoryWatch::start(victim.process());
    let piece = format!(r#"{{"operation": "csv_data_load", "table": "t", "data": "{}"#, "x".repeat(8 * MEBIBYTE));
    let crowd: Vec<Connection> = (0..60)
        .map(|number| {
            let mut connection = Connection::to(&victim);
            connection.write(post_as(&users[number % 2], "Content-Length: 1000000000\r\n"));
            // If the host stops reading, it has responded or is about to.
            let mut rest = piece.as_bytes();
            for _ in 0..200 {
                let taken = connection.offer(rest);
                rest = &rest[taken..];
                std::thread::yield_now();
            }
            connection
        })
        .collect();
    others_come_in(&victim, crowd, b"x");
    watch.assert_within(BUDGET);
    watch.assert_given_back();
    victim.assert_unharmed();
}

#[test]
fn a_body_beyond_a_users_share_is_refused_with_a_time_to_come_again() {
    let victim = Victim::start(Options::new().set("memory.total_bytes", BUDGET));
    let mallory = victim.add_user("mallory", json!({"t": rights()}));
    let watch = MemoryWatch::start(victim.process());
    let bystander = Bystander::of(&victim);
    let mut connection = Connection::to(&victim);
    connection.write(post_as(&mallory, "Connection: close\r\nContent-Length: 200000000\r\n"));
    let piece = "x".repeat(MEBIBYTE);
    let mut sent = 0;
    while sent < 190 && connection.write(&piece) {
        sent += 1;
    }
    let answer = connection.read_to_end();
    assert!(sent < 190 || !answer.is_empty(), "the host takes 190 MB with a budget of 256 MiB");
    if !answer.is_empty() {
        assert!([429, 503].contains(&statuses(&answer)[0]), "{answer:.500}");
        assert!(answer.to_ascii_lowercase().contains("\r\nretry-after: "), "{answer:.500}");
    }
    bystander.is_served();
    watch.assert_within(BUDGET);
    victim.assert_unharmed();
}
