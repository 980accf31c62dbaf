//! The option `compression`, for every source that a file can come from.

use jobhost_tests::exports::import_from_s3;
use jobhost_tests::s3::S3Server;
use jobhost_tests::web::encode::encode;
use jobhost_tests::web::{OK_CSV, Page};
use jobhost_tests::{Host, Options, Web};
use serde_json::{Value, json};

const LOADED: &str = "successfully loaded 3 of 3 records";
const OK_JSON: &str = "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n";

fn file_load(operation: &str, path: impl serde::Serialize) -> Value {
    json!({"operation": operation, "database": "gold", "table": "t", "action": "upsert", "file_path": path})
}

fn with(mut request: Value, compression: &str) -> Value {
    request["compression"] = compression.into();
    request
}

/// gzip in two members and padded with zeros, as archivers write it; zstd in two frames.
fn stored(encoding: &str, text: &str) -> Vec<u8> {
    let (first, second) = text.as_bytes().split_at(text.len() / 2);
    let mut stored = [encode(encoding, first), encode(encoding, second)].concat();
    if encoding == "gzip" {
        stored.resize(stored.len() + 1000, 0);
    }
    stored
}

#[test]
fn a_local_file_may_be_compressed() {
    let host = Host::start(Options::new());
    host.create_table("t");
    for (operation, text) in [("csv_file_load", OK_CSV), ("json_file_load", OK_JSON)] {
        for encoding in ["gzip", "zstd"] {
            let path = host.file(&format!("{operation}.{encoding}"), stored(encoding, text));
            for compression in ["auto", encoding] {
                let told = host.run_ok(&with(file_load(operation, &path), compression));
                assert_eq!(told, LOADED, "{operation} {compression}");
            }
            let (_, told) = host.must_fail(&with(file_load(operation, &path), "none"));
            assert!(!told.contains("internal"), "{told}");
        }
        let plain = host.file(&format!("{operation}.plain"), text);
        assert_eq!(host.run_ok(&with(file_load(operation, &plain), "none")), LOADED);
        let (_, told) = host.must_fail(&with(file_load(operation, &plain), "gzip"));
        assert!(told.contains("not gzip data") && told.contains("'compression'"), "{told}");
    }
    let half = stored("zstd", OK_CSV);
    let path = host.file("half.zst", &half[..half.len() - 3]);
    let (_, told) = host.must_fail(&file_load("csv_file_load", path));
    assert!(told.contains("not complete zstd data"), "{told}");
}

#[test]
fn an_invalid_compression_is_refused() {
    let host = Host::start(Options::new());
    host.create_table("t");
    let path = host.file("ok.csv", OK_CSV);
    let told = host.post(&with(file_load("csv_file_load", path), "zip")).refused(400);
    assert_eq!(told, "'compression' must be \"auto\", \"none\", \"gzip\" or \"zstd\", not \"zip\"");
    let data = json!({"operation": "csv_data_load", "database": "gold", "table": "t", "data": OK_CSV});
    let told = host.post(&with(data.clone(), "gzip")).refused(400);
    assert!(told.contains("for text in the request"), "{told}");
    assert_eq!(host.run_ok(&with(data, "auto")), LOADED);
}

#[test]
fn a_body_may_be_compressed_besides_its_encoding() {
    let web = Web::start();
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    host.create_table("t");
    let load = |path: &str| json!({"operation": "csv_url_load", "database": "gold", "table": "t", "action": "upsert", "csv_url": web.url(path)});
    web.page("/twice", Page::csv(encode("gzip", &stored("gzip", OK_CSV))).header("Content-Encoding", "gzip"));
    web.page("/declared", Page::csv(stored("gzip", OK_CSV)).header("Content-Encoding", "gzip"));
    web.page("/plain", Page::csv(OK_CSV));
    for path in ["/twice", "/declared"] {
        for compression in ["auto", "gzip"] {
            assert_eq!(host.run_ok(&with(load(path), compression)), LOADED, "{path} {compression}");
        }
    }
    assert_eq!(host.run_ok(&with(load("/plain"), "none")), LOADED);
    let told = host.run_error(&with(load("/plain"), "gzip"));
    assert!(told.contains("/plain"), "{told}");
}

#[test]
fn an_object_is_recognised_by_its_bytes_and_not_by_its_key() {
    let server = S3Server::lenient();
    let host = Host::start(Options::new().set("s3.endpoint", server.endpoint()));
    host.create_table("t");
    server.put("plain.csv.gz", OK_CSV);
    server.put("zipped.csv", stored("gzip", OK_CSV));
    server.put("zstd.csv", stored("zstd", OK_CSV));
    for key in ["plain.csv.gz", "zipped.csv", "zstd.csv"] {
        assert_eq!(host.run_ok(&import_from_s3(&server, "t", key)), LOADED, "{key}");
    }
    assert_eq!(host.run_ok(&with(import_from_s3(&server, "t", "zipped.csv"), "gzip")), LOADED);
    let (_, told) = host.must_fail(&with(import_from_s3(&server, "t", "plain.csv.gz"), "gzip"));
    assert!(told.contains("not gzip data"), "{told}");
}

#[test]
fn the_size_of_a_decompressed_file_is_limited() {
    let host = Host::start(Options::new().set("files.max_bytes", 1_000_000));
    host.create_table("t");
    let text = format!("id,a\n{}", (0..200_000).map(|id| format!("{id},x\n")).collect::<String>());
    let path = host.file("large.csv.gz", encode("gzip", text.as_bytes()));
    let (_, told) = host.must_fail(&file_load("csv_file_load", path));
    assert!(told.contains("more than 1000000 bytes (files.max_bytes)"), "{told}");
}

#[test]
fn keys_may_have_empty_segments() {
    let server = S3Server::lenient();
    let host = Host::start(Options::new().set("s3.endpoint", server.endpoint()));
    host.create_table("t");
    for key in ["/leading.csv", "a//b.csv", "//x y//ü.csv"] {
        server.put(key, OK_CSV);
        assert_eq!(host.run_ok(&import_from_s3(&server, "t", key)), LOADED, "{key}");
    }
    let told = host.post(&import_from_s3(&server, "t", "./x.csv")).refused(400);
    assert!(told.contains("which a URL cannot express"), "{told}");
}
