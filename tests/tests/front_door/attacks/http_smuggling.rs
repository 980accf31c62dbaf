//! Requests whose end a proxy and the host see in different places, and endless heads and bodies.

use jobhost_tests::{Login, Options};

use super::Victim;
use super::raw::{Connection, exchange, post, statuses};

const BODY: &str = r#"{"operation":"user_info"}"#;
/// Follows each attack. It closes the connection, so that all responses can be counted.
const LAST: &str = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
/// A request hidden in a body. Only /metrics responds with metrics.
const HIDDEN: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// Returns the responses to an attack: at most one, plus that of the last request if the connection is still open. The
/// hidden request must have none.
#[track_caller]
fn judge(victim: &Victim, what: &str, request: &str) -> Vec<u16> {
    let answers = exchange(victim, format!("{request}{LAST}"));
    victim.clean(what, &answers);
    assert!(
        !answers.contains("jobs_accepted") && !answers.contains("# TYPE"),
        "{what}: the hidden request was answered"
    );
    let statuses = statuses(&answers);
    assert!(statuses.len() <= 2, "{what}: {} answers: {answers}", statuses.len());
    statuses
}

#[test]
fn a_request_with_two_lengths_has_one_end_or_none() {
    let victim = Victim::start(Options::new());
    let length = BODY.len();
    let chunked = format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n");
    // A chunked body, and a length that would include the hidden request after it.
    let over = format!("Content-Length: {}\r\n", chunked.len() + HIDDEN.len());
    let refused = [
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1), BODY),
        ("two lengths the other way", format!("Content-Length: {}\r\nContent-Length: {length}\r\n", length + 1), BODY),
        ("a list of lengths", format!("Content-Length: {length}, {length}\r\n"), BODY),
        ("a signed length", format!("Content-Length: +{length}\r\n"), BODY),
        ("a negative length", "Content-Length: -1\r\n".to_owned(), BODY),
        ("a length in hexadecimal", format!("Content-Length: 0x{length:x}\r\n"), BODY),
        ("a length that overflows", "Content-Length: 18446744073709551641\r\n".to_owned(), BODY),
        ("no length", "Content-Length: \r\n".to_owned(), BODY),
        ("a blank before the colon", "Transfer-Encoding : chunked\r\n".to_owned(), &chunked),
        ("another encoding", "Transfer-Encoding: xchunked\r\n".to_owned(), &chunked),
        ("identity", format!("Transfer-Encoding: identity\r\nContent-Length: {length}\r\n"), BODY),
        ("chunked not last", "Transfer-Encoding: chunked, identity\r\n".to_owned(), &chunked),
        (
            "encodings in two headers",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
            &chunked,
        ),
        ("a folded header", format!("X: a\r\n Content-Length: 1\r\nContent-Length: {length}\r\n"), BODY),
        ("a carriage return in a header", format!("X: a\rContent-Length: 1\r\nContent-Length: {length}\r\n"), BODY),
        ("a NUL in a header", format!("X: a\u{0}b\r\nContent-Length: {length}\r\n"), BODY),
    ];
    for (what, headers, body) in refused {
        let told = judge(&victim, what, &format!("{}{body}", post(&headers)));
        assert!(told.is_empty() || told == [400], "{what}: {told:?}");
    }
    for (what, headers) in [
        ("length, then chunked", format!("{over}Transfer-Encoding: chunked\r\n")),
        ("chunked, then length", format!("Transfer-Encoding: chunked\r\n{over}")),
    ] {
        // RFC 9112: either chunked takes precedence and the connection is not reused, or the request is refused.
        let told = judge(&victim, what, &format!("{}{chunked}{HIDDEN}", post(&headers)));
        assert!([vec![], vec![400], vec![200]].contains(&told), "{what}: {told:?}");
    }
    victim.assert_unharmed();
}

#[test]
fn what_stands_in_a_body_is_no_request_whatever_became_of_the_body() {
    let victim = Victim::start(Options::new());
    let hidden = HIDDEN.len();
    let length = format!("Content-Length: {hidden}\r\n");
    let unread = [
        ("no such path", format!("POST /nowhere HTTP/1.1\r\nHost: x\r\n{length}\r\n{HIDDEN}")),
        ("a GET with a body", format!("GET /health HTTP/1.1\r\nHost: x\r\n{length}\r\n{HIDDEN}")),
        (
            "a wrong media type",
            format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/html\r\n{length}\r\n{HIDDEN}"),
        ),
        ("no login", format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n{HIDDEN}")),
        ("not JSON", format!("{}{HIDDEN}", post(&length))),
        ("an encoding", format!("{}{HIDDEN}", post(&format!("Content-Encoding: gzip\r\n{length}")))),
        ("a HEAD with a body", format!("HEAD /health HTTP/1.1\r\nHost: x\r\n{length}\r\n{HIDDEN}")),
        ("an OPTIONS with a body", format!("OPTIONS * HTTP/1.1\r\nHost: x\r\n{length}\r\n{HIDDEN}")),
    ];
    for (what, request) in unread {
        judge(&victim, what, &request);
    }
    let chunks = [
        ("a chunk too large to count", format!("FFFFFFFFFFFFFFFFF1\r\n{BODY}\r\n0\r\n\r\n")),
        ("a chunk below nothing", format!("-19\r\n{BODY}\r\n0\r\n\r\n")),
        ("a chunk in words", format!("nineteen\r\n{BODY}\r\n0\r\n\r\n")),
        ("a chunk longer than it says", format!("1\r\n{BODY}\r\n0\r\n\r\n")),
        ("line feeds alone", format!("{:x}\n{BODY}\n0\n\n", BODY.len())),
        ("an extension without end", format!("{:x};{}\r\n{BODY}\r\n0\r\n\r\n", BODY.len(), "x".repeat(1 << 20))),
        ("trailers without end", format!("{:x}\r\n{BODY}\r\n0\r\n{}\r\n", BODY.len(), "X: y\r\n".repeat(100_000))),
    ];
    for (what, chunks) in chunks {
        let told = judge(&victim, what, &format!("{}{chunks}{HIDDEN}", post("Transfer-Encoding: chunked\r\n")));
        assert!(told.is_empty() || told == [400], "{what}: {told:?}");
    }
    victim.assert_unharmed();
}

#[test]
fn a_login_is_for_its_request_and_not_for_its_connection() {
    let victim = Victim::start(Options::new());
    let length = BODY.len();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let nobody = format!("{head}Content-Length: {length}\r\n\r\n{BODY}");
    let administrator = format!("{}{BODY}", post(&format!("Content-Length: {length}\r\n")));
    let answers = exchange(&victim, format!("{administrator}{nobody}{LAST}"));
    assert_eq!(statuses(&answers), [200, 401, 200], "{answers}");
    // Of two logins, either the first counts or the request is refused. A proxy may not have checked the second.
    let login = post("").lines().find(|line| line.starts_with("Authorization")).expect("a login").to_owned();
    let two = format!("{head}Authorization: Basic eDp5\r\n{login}\r\nContent-Length: {length}\r\n\r\n{BODY}{LAST}");
    let told = statuses(&exchange(&victim, two));
    assert!(told == [401, 200] || told == [400], "the second login counted: {told:?}");
    // A login in a trailer does not count.
    let trailed = format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{BODY}\r\n0\r\n{login}\r\n\r\n{LAST}");
    assert_eq!(statuses(&exchange(&victim, trailed)), [401, 200]);
    victim.assert_unharmed();
}

#[test]
fn heads_have_a_largest_size() {
    let victim = Victim::start(Options::new());
    let long = "x".repeat(4 << 20);
    let heads = [
        format!("GET /health HTTP/1.1\r\nX: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\n{long}: x\r\n\r\n"),
        format!("{long} /health HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500_000)),
        format!("GET /health HTTP/1.1\r\n{}\r\n", (0..5_000).map(|n| format!("X{n}: y\r\n")).collect::<String>()),
        format!("GET /health HTTP/1.1\r\nAuthorization: Bearer {long}\r\n\r\n"),
        long.clone(),
        "\r\n".repeat(1 << 20),
    ];
    let before = victim.peak_memory();
    for head in heads {
        let mut connection = Connection::to(&victim);
        connection.write(&head);
        // A head of only line ends may continue; all others are too long.
        if !head.starts_with('\r') {
            let answer = connection.read_to_end();
            assert!(answer.is_empty() || [400, 414, 431].contains(&statuses(&answer)[0]), "{head:.60}: {answer}");
        }
    }
    let grown = victim.peak_memory().saturating_sub(before);
    assert!(grown < 64 << 20, "the host grew by {grown} bytes");
    victim.assert_unharmed();
}

#[test]
fn other_protocols_and_methods_find_nothing() {
    let victim = Victim::start(Options::new());
    for bytes in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n\r\n",
        b"\xff\xff\xff\xff\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET  /health  HTTP/1.1\r\n\r\n",
        b"get\r\n\r\n",
    ] {
        let answer = exchange(&victim, bytes);
        assert!(statuses(&answer).iter().all(|status| *status >= 400), "{}: {answer}", String::from_utf8_lossy(bytes));
    }
    for request in [
        "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n",
        "TRACE / HTTP/1.1\r\nHost: x\r\nX-Secret: canary\r\n",
        "GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n",
        "GET //169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n",
        "GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n",
        "GET /health/../metrics HTTP/1.1\r\nHost: x\r\n",
        "GET /HEALTH HTTP/1.1\r\nHost: x\r\n",
        "PROPFIND / HTTP/1.1\r\nHost: x\r\n",
    ] {
        let answer = exchange(&victim, format!("{request}Connection: close\r\n\r\n"));
        assert!(statuses(&answer).iter().all(|status| *status == 404 || *status == 400), "{request}: {answer}");
        assert!(!answer.contains("X-Secret"), "{answer}");
    }
    assert_eq!(victim.send(&Login::Nobody, "GET", "/health?x=../..", None, b"").status, 200);
    victim.assert_unharmed();
}
