//! Clients that are slow or open too many connections. The host closes each of them eventually, and no other client has
//! to wait.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use jobhost_tests::{Login, Options, eventually};
use serde_json::json;

use super::Victim;
use super::raw::{Connection, post, statuses};

const CROWD: usize = 300;
/// Maximum growth of the host's memory for a whole crowd.
const GROWTH: u64 = 64 * 1024 * 1024;

/// Starts of requests that are never completed.
fn beginnings() -> [String; 6] {
    let unauthenticated = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    [
        String::new(),
        "PO".to_owned(),
        "POST / HTTP/1.1\r\nHost: x\r\nX-A:".to_owned(),
        format!("{unauthenticated}Content-Length: 1000000000\r\n\r\n{{"),
        format!("{unauthenticated}Transfer-Encoding: chunked\r\n\r\n5\r\n{{"),
        format!("{}{{\"operation\":", post("Content-Length: 1000\r\n")),
    ]
}

#[test]
fn a_crowd_of_silent_clients_keeps_nobody_waiting() {
    let victim = Victim::start(Options::new());
    let before = victim.peak_memory();
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let mut connection = Connection::to(&victim);
        connection.write(&beginnings()[number % beginnings().len()]);
        crowd.push(connection);
    }
    for number in 0..20 {
        let data = format!("id,a\n1,{number}\n");
        victim.run_ok(
            &json!({"operation": "csv_data_load", "database": "gold", "table": "t", "action": "insert", "data": data}),
        );
        assert_eq!(victim.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
        // Sends a byte occasionally.
        for connection in &mut crowd {
            connection.write(" ");
        }
    }
    let grown = victim.peak_memory().saturating_sub(before);
    assert!(grown < GROWTH, "{CROWD} idle connections cost {grown} bytes");
    victim.assert_unharmed();
}

#[test]
fn a_client_that_does_not_say_what_it_wants_is_put_out() {
    let victim = Victim::start(Options::new().set("server.header_seconds", 1));
    let beginnings = ["", "PO", "POST / HTTP/1.1\r\nHost: x\r\nX-A:", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"];
    let mut silent: Vec<Connection> = beginnings.iter().map(|_| Connection::to(&victim)).collect();
    let mut talking: Vec<Connection> = beginnings.iter().map(|_| Connection::to(&victim)).collect();
    for (number, beginning) in beginnings.iter().enumerate() {
        silent[number].write(beginning);
        talking[number].write(beginning);
    }
    for (number, connection) in silent.iter_mut().enumerate() {
        let answer = connection.read_to_end();
        let told = statuses(&answer);
        assert!(told.iter().all(|status| [200, 400, 408].contains(status)), "{:?}: {answer}", beginnings[number]);
    }
    // Sending a line occasionally makes no difference.
    talking[0].write("GET /health HTTP/1.1\r\n");
    talking[1].write("ST / HTTP/1.1\r\n");
    for connection in &mut talking[..3] {
        eventually("the host to close the connection", || {
            let open = connection.write("X-B: c\r\n");
            (!open || connection.is_closed()).then_some(())
        });
    }
    victim.assert_unharmed();
}

#[test]
fn a_body_that_comes_drop_by_drop_is_not_waited_for() {
    let victim = Victim::start(Options::new().set("server.body_seconds", 1));
    for head in [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n".to_owned(),
        post("Content-Length: 100000\r\n"),
    ] {
        let mut connection = Connection::to(&victim);
        connection.write(&head);
        eventually("the host to give up", || {
            let open = connection.write(" ");
            (!open || connection.is_closed()).then_some(())
        });
    }
    // A body that arrives without delay has no time limit, however large it is.
    let large = json!({"operation": "user_info", "x": "x".repeat(50_000_000)});
    victim.post(&large).ok();
    victim.assert_unharmed();
}

#[test]
fn a_client_that_does_not_read_its_answer_is_put_out() {
    let victim = Victim::start(Options::new().set("server.reply_seconds", 1));
    victim.create_table("large");
    // More than the buffers of a connection hold.
    let rows: String = (0..60_000).map(|id| format!("{id},{}\n", "x".repeat(1000))).collect();
    let data = format!("id,a\n{rows}");
    victim.run_ok(&json!({"operation": "csv_data_load", "database": "gold", "table": "large", "data": data}));
    let search = json!({"operation": "sql", "sql": "SELECT * FROM gold.large"}).to_string();
    let mut connection = Connection::to(&victim);
    connection.write(post(&format!("Content-Length: {}\r\n", search.len())));
    connection.write(&search);
    eventually("the host to close the connection", || (!connection.write("\r\n")).then_some(()));
    // A client that reads receives everything.
    assert_eq!(
        victim.post(&json!({"operation": "sql", "sql": "SELECT * FROM gold.large"})).ok().as_array().map(Vec::len),
        Some(60_000)
    );
    victim.assert_unharmed();
}

#[test]
fn connections_beyond_the_limit_wait_and_take_nothing_from_the_others() {
    let options = Options::new().set("server.max_connections", 20).set("server.header_seconds", 2);
    let victim = Victim::start(options);
    // The administrator's connection was already open.
    let mut crowd: Vec<Connection> = (0..60).map(|_| Connection::to(&victim)).collect();
    for connection in &mut crowd {
        connection.write("GET /health HTTP/1.1\r\n");
    }
    // Further connections are accepted when the silent ones have been closed.
    let mut late = Connection::to(&victim);
    late.write("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&late.read_to_end()), [200]);
    victim.assert_unharmed();
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_it_is_sent_or_as_soon_as_it_is_known() {
    let victim = Victim::start(Options::new().set("server.max_body_bytes", 2_000_000));
    let before = victim.peak_memory();
    for length in ["2000001", "1000000000000", "9223372036854775807"] {
        let mut connection = Connection::to(&victim);
        connection.write(post(&format!("Content-Length: {length}\r\n")));
        let answer = connection.read_to_end();
        assert_eq!(statuses(&answer), [413], "{length}: {answer}");
        assert!(answer.contains("server.max_body_bytes"), "{answer}");
    }
    // An endless body, of a client with a login and of one without.
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let nobody = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (head, status) in [(post("Transfer-Encoding: chunked\r\n"), 413), (nobody.to_owned(), 401)] {
        let mut connection = Connection::to(&victim);
        connection.write(head);
        let mut sent = 0_u64;
        while connection.write(&chunk) {
            sent += chunk.len() as u64;
            assert!(sent < 1 << 30, "the host takes a body without end");
        }
        let answer = connection.read_to_end();
        // A reset may have discarded the response.
        assert!(answer.is_empty() || statuses(&answer) == [status], "{answer}");
    }
    let grown = victim.peak_memory().saturating_sub(before);
    assert!(grown < GROWTH, "the host grew by {grown} bytes");
    victim.assert_unharmed();
}

#[test]
fn many_at_once_are_all_answered() {
    let victim = Victim::start(Options::new());
    std::thread::scope(|scope| {
        for client in 0..48 {
            let victim = &victim;
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(victim.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
                    let login = if client % 2 == 0 { victim.admin().clone() } else { Login::Nobody };
                    let reply = victim.post_as(&login, &json!({"operation": "user_info"}));
                    assert_eq!(reply.status, if client % 2 == 0 { 200 } else { 401 }, "{}", reply.text);
                }
            });
        }
    });
    victim.assert_unharmed();
}

#[test]
fn a_storm_of_wrong_passwords_leaves_others_their_answers() {
    let victim = Victim::start(Options::new());
    // Already known, so that its login needs no hash.
    victim.post(&json!({"operation": "user_info"})).ok();
    std::thread::scope(|scope| {
        for client in 0..40 {
            let victim = &victim;
            scope.spawn(move || {
                for number in 0..5 {
                    let wrong = Login::basic("HDB_ADMIN", &format!("{client}-{number}"));
                    let reply = victim.post_as(&wrong, &json!({"operation": "user_info"}));
                    assert!(reply.status == 401 || reply.status == 503 || reply.status == 429, "{}", reply.text);
                }
            });
        }
        for _ in 0..50 {
            victim.post(&json!({"operation": "user_info"})).ok();
        }
    });
    victim.assert_unharmed();
}

#[test]
fn a_storm_of_wrong_passwords_keeps_nobody_from_logging_in() {
    const ATTACKERS: usize = 150;
    let victim = Victim::start(Options::new());
    for name in ["ann", "bob", "cyd"] {
        victim.add_user(name, json!({}));
    }
    // Already known, so that its login needs no hash.
    victim.post(&json!({"operation": "user_info"})).ok();
    let (over, begun) = (AtomicBool::new(false), Barrier::new(ATTACKERS + 1));
    std::thread::scope(|scope| {
        let _end = EndOfStorm(&over);
        for client in 0..ATTACKERS {
            let (victim, over, begun) = (&victim, &over, &begun);
            scope.spawn(move || {
                for number in 0_u32.. {
                    // Names of existing and of unknown users.
                    let name = match client % 3 {
                        0 => "HDB_ADMIN".to_owned(),
                        1 => "bob".to_owned(),
                        _ => format!("ghost-{client}-{number}"),
                    };
                    let wrong = Login::basic(&name, &format!("{client}-{number}"));
                    let reply = victim.post_as(&wrong, &json!({"operation": "user_info"}));
                    if number == 0 {
                        begun.wait();
                    }
                    assert!(reply.status == 401 || reply.status == 503 || reply.status == 429, "{}", reply.text);
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        begun.wait();
        // Her first request, so her password must be checked.
        victim.post_as(&Login::basic("ann", "pw"), &json!({"operation": "user_info"})).ok();
        // Changing another user does not make the host forget the administrator's login.
        victim.post(&json!({"operation": "alter_user", "username": "cyd", "active": false})).ok();
        victim.post(&json!({"operation": "user_info"})).ok();
        victim.post(&json!({"operation": "alter_user", "username": "cyd", "password": "another one"})).ok();
        victim.post(&json!({"operation": "user_info"})).ok();
    });
    victim.assert_unharmed();
}

/// Stops the attackers even if an assertion fails.
struct EndOfStorm<'s>(&'s AtomicBool);

impl Drop for EndOfStorm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
