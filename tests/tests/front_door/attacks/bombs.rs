//! Decompression bombs, in every place where the host decompresses. URLs with a single encoding are in `urls.rs`.

use jobhost_tests::exports::import_from_s3;
use jobhost_tests::s3::S3Server;
use jobhost_tests::web::Page;
use jobhost_tests::web::encode::encode;
use jobhost_tests::{Login, Options, Web};
use serde_json::json;

use super::Victim;

/// Maximum growth of the host during an attack. A bomb that is decompressed in memory takes hundreds of megabytes.
const GROWTH: u64 = 96 * 1024 * 1024;
const EXPANDED: usize = 300_000_000;

/// Rows of a table that are almost identical.
fn rows() -> String {
    let row = format!("1,{}\n", "x".repeat(996));
    format!("id,a\n{}", row.repeat(EXPANDED / row.len()))
}

/// A zstd frame with a window of 2^`window_log` bytes, and this many blocks of 128 KiB that take four bytes each.
fn zstd_frame(window_log: u8, blocks: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (window_log - 10) << 3];
    for number in 0..blocks {
        let last = u32::from(number + 1 == blocks);
        let header = ((128 * 1024) << 3) | (1 << 1) | last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(b'\n');
    }
    frame
}

#[test]
fn a_url_cannot_fill_memory_or_disk() {
    let web = Web::start();
    let options = Options::new().set("urls.allow", web.address()).set("urls.max_bytes", 20_000_000);
    let victim = Victim::start(options);
    let url = web.url("/bomb");
    let load = json!({"operation": "csv_url_load", "database": "gold", "table": "t", "csv_url": url});
    web.page("/bomb", Page::csv("id,a\n1,x\n"));
    victim.run_ok(&load);
    let before = victim.peak_memory();
    let once = encode("gzip", rows().as_bytes());
    let twice = encode("gzip", &once);
    let pages = [
        ("gzip in gzip", "gzip, gzip", twice.clone()),
        ("gzip in gzip, said once", "gzip", twice),
        ("two kinds", "zstd, gzip", once.clone()),
        ("a wide window", "zstd", zstd_frame(31, 4)),
        ("four bytes for 128 KiB", "zstd", zstd_frame(20, 100_000)),
        ("not said", "identity", once),
    ];
    for (what, encoding, body) in pages {
        web.page("/bomb", Page::csv(body).header("Content-Encoding", encoding));
        victim.fails(what, &load);
    }
    // All members of a gzip file count, and these are a hundred thousand empty ones.
    web.page("/bomb", Page::csv(encode("gzip", b"").repeat(100_000)).header("Content-Encoding", "gzip"));
    victim.run_ok(&load);
    // The header occurs twice.
    let page = Page::csv(encode("gzip", rows().as_bytes()));
    web.page("/bomb", page.header("Content-Encoding", "gzip").header("Content-Encoding", "gzip"));
    victim.fails("said twice", &load);
    let grown = victim.peak_memory().saturating_sub(before);
    assert!(grown < GROWTH, "the host grew by {grown} bytes");
    let left: Vec<_> = victim.data().join("spool").read_dir().into_iter().flatten().collect();
    assert!(left.is_empty(), "the spool keeps {left:?}");
    victim.assert_unharmed();
}

#[test]
fn an_object_cannot_fill_memory() {
    let server = S3Server::strict();
    server.put("ok.csv", "id,a\n1,x\n");
    let options = Options::new().set("s3.endpoint", server.endpoint()).set("s3.max_bytes", 20_000_000);
    let victim = Victim::start(options);
    victim.create_table("other");
    victim.run_ok(&import_from_s3(&server, "other", "ok.csv"));
    let before = victim.peak_memory();
    let rows = rows();
    let json = format!("[{}", "[".repeat(5_000_000));
    let objects = [
        ("bomb.csv.gz", encode("gzip", rows.as_bytes())),
        ("bomb.csv.zst", encode("zstd", rows.as_bytes())),
        ("blocks.csv.zst", zstd_frame(20, 100_000)),
        ("window.csv.zst", zstd_frame(31, 4)),
        ("bomb.json.gz", encode("gzip", json.as_bytes())),
        ("bomb.jsonl.gz", encode("gzip", rows.replace('\n', " ").as_bytes())),
    ];
    for (key, bytes) in objects {
        server.put(key, bytes);
        let told = victim.fails(key, &import_from_s3(&server, "other", key));
        if ["bomb.csv.gz", "bomb.csv.zst"].contains(&key) {
            assert!(told.contains("s3.max_bytes"), "{key}: {told}");
        }
    }
    let grown = victim.peak_memory().saturating_sub(before);
    assert!(grown < GROWTH, "the host grew by {grown} bytes");
    assert_eq!(victim.rows("other"), [json!({"id": 1, "a": "x"})]);
    victim.assert_unharmed();
}

#[test]
fn a_compressed_request_is_refused_before_it_is_unpacked() {
    use super::raw::{exchange, post, statuses};
    let victim = Victim::start(Options::new());
    let before = victim.peak_memory();
    let body =
        encode("gzip", format!(r#"{{"operation": "describe_all", "x": "{}"}}"#, "x".repeat(EXPANDED)).as_bytes());
    for encoding in ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"] {
        let head =
            post(&format!("Content-Encoding: {encoding}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len()));
        let answer = exchange(&victim, [head.as_bytes(), &body].concat());
        // The host may respond without reading the body, and may close the connection first.
        assert!([vec![415], vec![]].contains(&statuses(&answer)), "{encoding}: {answer}");
    }
    for (login, status) in [(victim.admin(), 400), (&Login::Nobody, 401)] {
        let reply = victim.send(login, "POST", "/", Some("application/json"), &body);
        assert_eq!(reply.status, status, "gzip that says it is JSON: {}", reply.text);
    }
    let grown = victim.peak_memory().saturating_sub(before);
    assert!(grown < GROWTH, "the host grew by {grown} bytes");
    victim.assert_unharmed();
}
